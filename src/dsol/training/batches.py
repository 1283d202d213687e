"""From a store to batches of tensors.

    rows of a store ─ read, decode (worker processes) ─▶ uint8 frames, waveforms ─ view, log-mel (device) ─▶ Batch

Which frame of a clip is taken, in which order and under which view depends on the seed and the number of the pass
only: a resumed run gets the same batches as a run that was never stopped, and so do several processes, each of which
reads its part of each batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dsol.data.clip import SAMPLE_RATE
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.audio import sound_view
from dsol.model.batch import Batch, Part
from dsol.model.encoders import VisualEncoder
from dsol.model.images import resize, test_view, to_tensor, training_view
from dsol.model.pca import Pca
from dsol.progress import track
from dsol.training.sharing import ALONE, Share

MARGIN = 256 / 224  # training pictures are resized to this many times the crop size
MEASURED_ON = 400  # clips whose pictures the principal components are measured on
VIDEO_PASSES = 3  # in which a clip of a video comes for each pass over the photos
Pick = tuple[int, int]  # row of the store, frame of its clip


class Picks:
    """Order and choice of frames, by seed and pass; the same in all processes.

    Args:
        store: the clips.
        batch: clips a batch, over all processes.
    """

    def __init__(self, store: Store, batch: int):
        self.counts = [store.frame_count(i) for i in range(len(store))]
        self.photo = store.photos
        self.batch = batch

    def shuffled(self, seed: int) -> list[list[Pick]]:
        """All clips once, in random order, with a random frame each; whole batches first."""
        rng = np.random.default_rng(seed)
        return self._drawn(rng.permutation(len(self.counts)), rng)

    def balanced(self, seed: int) -> list[list[Pick]]:
        """As `shuffled`, with photos and videos (clips of one frame and of several) in batches of their own, so that
        pairs cannot be separated by their kind; where there are photos, clips of videos come three times."""
        rng = np.random.default_rng(seed)
        photo = self.photo
        if photo.all() or not photo.any():
            return self.shuffled(seed)
        kinds = (np.flatnonzero(photo), np.repeat(np.flatnonzero(~photo), VIDEO_PASSES))
        batches = [batch for kind in kinds for batch in self._drawn(rng.permutation(kind), rng)]
        return [batches[i] for i in rng.permutation(len(batches))]

    def _drawn(self, order: np.ndarray, rng: np.random.Generator) -> list[list[Pick]]:
        return self._cut([(int(i), int(rng.integers(self.counts[i]))) for i in order])

    def in_order(self) -> list[list[Pick]]:
        """Every clip once, with its middle frame."""
        return self._cut([(i, count // 2) for i, count in enumerate(self.counts)])

    def other_videos(self, picks: Sequence[Pick], videos: np.ndarray, seed: int) -> list[Pick]:
        """For each pick a random frame of another video."""
        rng = np.random.default_rng(seed)
        found = []
        for row, _ in picks:
            candidates = np.flatnonzero(videos != videos[row])
            other = int(rng.choice(candidates)) if len(candidates) else row
            found.append((other, int(rng.integers(self.counts[other]))))
        return found

    def _cut(self, picks: list[Pick]) -> list[list[Pick]]:
        batches = [picks[i : i + self.batch] for i in range(0, len(picks), self.batch)]
        if len(batches) > 1 and len(batches[-1]) == 1:  # a batch of one has no negatives and no batch statistics
            single = batches.pop()
            batches[-1] = batches[-1] + single
        return batches


class _Reader(Dataset):
    """Reads whole batches; runs in worker processes."""

    def __init__(self, store: Store, picks: Sequence[Sequence[Pick]]):
        self.store, self.picks = store, picks

    def __len__(self) -> int:
        return len(self.picks)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor] | DsolError:
        try:
            frames = np.stack([self.store.frame(row, j) for row, j in self.picks[index]])
            waveforms = np.stack([self.store.sound(row) for row, _ in self.picks[index]])
        except DsolError as error:  # a loader would pass on its text only, inside a traceback
            return error
        return torch.from_numpy(frames), torch.from_numpy(waveforms)


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)


def read(store: Store, picks: Sequence[Sequence[Pick]], workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Frames (B, h, w, 3) uint8 and waveforms (B, 16000) of each batch of picks."""
    workers = min(workers, len(picks))
    for batch in DataLoader(_Reader(store, picks), batch_size=None, num_workers=workers, worker_init_fn=_one_thread):
        if isinstance(batch, DsolError):
            raise batch
        yield batch


def log_mels(encoders: VisualEncoder, sounds: Tensor) -> Tensor:
    """The audio encoder's input (B, T, 64) of sounds (B, 16000); of none, too, which Fourier transforms refuse."""
    return encoders.spectrogram(sounds if len(sounds) else sounds.new_zeros(1, SAMPLE_RATE))[: len(sounds)]


@dataclass
class Feed:
    """Where batches come from: clips read from the store each time, with new augmentation. See `open_feed`."""

    store: Store
    encoders: VisualEncoder
    device: torch.device
    workers: int
    size: int
    augment: bool
    share: Share

    def __post_init__(self) -> None:
        self.videos = torch.from_numpy(self.store.video_numbers)

    def batches(self, picks: Sequence[Sequence[Pick]], seed: int | None, label: str) -> Iterator[Batch]:
        """Batches of these clips and frames, in this order; training views by `seed`, test views where None."""
        parts = [self.share.part(len(chosen)) for chosen in picks]
        mine = [chosen[part.rows] or chosen[:1] for chosen, part in zip(picks, parts, strict=True)]
        found = zip(picks, parts, read(self.store, mine, self.workers), strict=True)
        for number, (chosen, part, (frames, waveforms)) in enumerate(track(found, label, len(picks), "batches")):
            rows = torch.tensor([row for row, _ in chosen])
            generator = None if seed is None else torch.Generator().manual_seed(seed * 100_003 + number)
            sounds = waveforms[: part.size].to(self.device)
            pictures = self._view(to_tensor(frames[: part.size].to(self.device)), generator, part)
            if generator is not None and self.augment:
                sounds = sound_view(sounds, generator, part)
            yield Batch(pictures, log_mels(self.encoders, sounds), self.videos[rows], rows, sounds, part)

    def _view(self, images: Tensor, generator: torch.Generator | None, part: Part) -> Tensor:
        if generator is None:
            return test_view(images, self.size)
        return training_view(resize(images, round(self.size * MARGIN)), self.size, generator, part=part)


class CachedFeed(Feed):
    """For a frozen visual backbone: features of the frames and spectrograms of all sounds, computed once, in memory.

    Pictures are not cropped at random, since each crop would have to pass the backbone again; with augmentation,
    features are flipped and spectrograms computed anew. Of a clip's frames `encoders.frozen_frames` are cached, evenly
    spaced; a frame that is not is replaced by the one before it. Each process computes its share of the features, and
    then holds all of them.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.counts = np.array([self.store.frame_count(i) for i in range(len(self.store))])
        self.cached = np.minimum(self.counts, self.encoders.options.frozen_frames or self.counts)
        self.starts = np.cumsum(self.cached) - self.cached
        picks = [
            [(i, j * int(count) // int(cached)) for j in range(cached)]
            for i, (count, cached) in enumerate(zip(self.counts, self.cached, strict=True))
        ]
        picks = picks[self.share.part(len(picks)).rows]
        features, mels, sounds = [], [], []
        fast, clips = self.encoders.for_inference(), read(self.store, picks, self.workers)
        for frames, waveforms in track(clips, "Caching visual features", len(picks), "clips"):
            with torch.inference_mode():
                images = test_view(to_tensor(frames.to(self.device)), self.size)
                features.append(fast.backbone(images).half().cpu())
                mels.append(self.encoders.spectrogram(waveforms[:1]))
                sounds.append(waveforms[:1])
        found = (torch.cat(parts) for parts in (features, mels, sounds))
        self.features, self.mels, self.waveforms = (self.share.collected(part, self.device) for part in found)

    def batches(self, picks: Sequence[Sequence[Pick]], seed: int | None, label: str) -> Iterator[Batch]:
        """See `Feed.batches`; the seed matters only with augmentation."""
        for number, chosen in enumerate(picks):
            part, rows = self.share.part(len(chosen)), torch.tensor([row for row, _ in chosen])
            cells = torch.tensor([self.starts[row] + j * self.cached[row] // self.counts[row] for row, j in chosen])
            mine = rows[part.rows]
            pictures, mels, sounds = self.features[cells[part.rows]].float(), self.mels[mine], self.waveforms[mine]
            if seed is not None and self.augment:
                generator = torch.Generator().manual_seed(seed * 100_003 + number)
                sounds = sound_view(sounds, generator, part)
                mels = log_mels(self.encoders, sounds)
                flipped = torch.rand(part.count, 1, 1, 1, generator=generator)[part.rows] < 0.5
                pictures = torch.where(flipped, pictures.flip(3), pictures)
            device = self.device
            yield Batch(pictures.to(device), mels.to(device), self.videos[rows], rows, sounds.to(device), part)


def open_feed(
    store: Store,
    encoders: VisualEncoder,
    device: torch.device,
    workers: int,
    size: int = 0,
    augment: bool = False,
    share: Share = ALONE,
) -> Feed:
    """The feed that fits the encoders: cached features for a frozen visual backbone, the store otherwise.

    Measures the encoders' principal components where that is still to be done.

    Args:
        store: the clips.
        encoders: what batches are for.
        device: where batches go.
        workers: processes that read clips.
        size: side of the square picture, pixels; 0: the encoders' own.
        augment: augment the sounds of training views, too, and flip cached features.
        share: of the processes that train together this one.
    """
    kind = CachedFeed if encoders.options.freeze_vision else Feed
    if isinstance(encoders.pca, Pca) and not encoders.pca.measured:
        measure_pca(store, encoders, device, workers)
    return kind(store, encoders, device, workers, size or encoders.options.size, augment, share)


def measure_pca(store: Store, encoders: VisualEncoder, device: torch.device, workers: int) -> None:
    """Measure the principal components of a frozen backbone's features on clips spread over the store."""
    rows = np.unique(np.linspace(0, len(store) - 1, MEASURED_ON).astype(int)).tolist()
    batches = [[(i, store.frame_count(i) // 2) for i in rows[j : j + 16]] for j in range(0, len(rows), 16)]
    fast = encoders.for_inference()
    pictures = track(read(store, batches, workers), "Measuring principal components", len(batches), "batches")
    with torch.inference_mode():
        views = (test_view(to_tensor(frames.to(device)), encoders.options.size) for frames, _ in pictures)
        encoders.pca.measure(fast.raw_features(view) for view in views)  # type: ignore[operator]
