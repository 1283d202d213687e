"""p_a, the category distribution of a scene's sound that the picture is matched with (equation 7).

    "mixture"  stage one's sound tower hears the scene; it stays as it was
    "sources"  the pseudo-labels of the clips that were mixed in: still no labels, but what truly sounds

`Remix` mixes the sources of a scene anew, so that one picture is seen with many sounds.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dsol.data.clip import SAMPLE_RATE
from dsol.data.levels import is_silent, mix, noise
from dsol.data.media import find_sounds, read_sound
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.encoders import TwoTower
from dsol.progress import say, track
from dsol.training.batches import Picks, read

OTHER_JOINS, OTHER_ALONE = 1 / 3, 1 / 2  # how often an unknown sound is heard with known ones, or instead of noise
LEAST = 0.01  # of a category that is not in a scene, so that its logarithm is finite


@torch.no_grad()
def heard_in_mixtures(towers: TwoTower, scenes: Store, batch: int, device: torch.device, workers: int) -> Tensor:
    """Logits of p_a (N, K) for all scenes by a sound tower as it is now."""
    towers = towers.to(device).eval()
    batches = Picks(scenes, batch).in_order()
    sounds = track(read(scenes, batches, workers), "Listening to scenes", len(batches))
    return torch.cat([towers.hear(towers.spectrogram(waveforms.to(device))).logits for _, waveforms in sounds])


def shares(sounding: Sequence[Sequence[int]], clusters: int) -> Tensor:
    """Logits of p_a (B, K): each scene's sounding clusters in equal parts.

    Example:
        >>> shares([[0, 2]], 3).softmax(1).round(decimals=2).tolist()
        [[0.5, 0.0, 0.5]]
    """
    p_a = torch.full((len(sounding), clusters), LEAST)
    for i, present in enumerate(sounding):
        for k in present:
            p_a[i, k] += 1
    return (p_a / p_a.sum(1, keepdim=True)).log()


class Sources:
    """The clusters of the clips that each scene is composed of.

    Args:
        scenes: composed scenes.
        labels: pseudo-label of each source clip, by `Clip.key`.
        clusters: K.

    Raises:
        DsolError: a scene does not say which training clips sound in it.
    """

    def __init__(self, scenes: Store, labels: Mapping[str, int], clusters: int):
        self.clusters = clusters
        self.clips = [tuple(sources or ()) for sources in scenes.column("sources")]
        self.sounds = [tuple(sounds or ()) for sounds in scenes.column("source_sounds")]
        self.labels = labels
        for i, (clips, sounds) in enumerate(zip(self.clips, self.sounds, strict=True)):
            if not any(sounds) or not all(clip in labels for clip in clips):
                raise DsolError(
                    scenes.path,
                    f"does not say which training clips sound in {scenes.row(i).video}",
                    "use --stage_two.teacher mixture, or scenes composed from the training clips",
                )

    def teacher(self, rows: Sequence[int], sounds: Sequence[Sequence[bool]] | None = None) -> Tensor:
        """Logits of p_a (B, K) of some scenes.

        Args:
            rows: B scenes.
            sounds: which sources of each sound; as composed where None.
        """
        return shares(self._named(rows, sounds), self.clusters)

    def present(self, rows: Sequence[int], sounds: Sequence[Sequence[bool]] | None = None) -> Tensor:
        """1 for each cluster that sounds in some scenes, (B, K); for the arguments see `teacher`."""
        found = torch.zeros(len(rows), self.clusters)
        for i, clusters in enumerate(self._named(rows, sounds)):
            found[i, clusters] = 1
        return found

    def _named(self, rows: Sequence[int], sounds: Sequence[Sequence[bool]] | None) -> list[list[int]]:
        sounds = [self.sounds[i] for i in rows] if sounds is None else sounds
        return [
            [self.labels[clip] for clip, on in zip(self.clips[i], each, strict=True) if on]
            for i, each in zip(rows, sounds, strict=True)
        ]


class Remix:
    """New sound for composed scenes: which of its sources sound is drawn again, with new jitter.

    Args:
        sources: of the scenes.
        clips: the store that they lie in.
        fewest: sources that sound, at least; as many as before where None. Without any, noise is heard.
        others: recordings of things that are in no clip, which join some mixtures.
    """

    def __init__(self, sources: Sources, clips: Store, fewest: int | None = None, others: Sequence[np.ndarray] = ()):
        self.sources, self.clips, self.fewest, self.others = sources, clips, fewest, others

    def __call__(self, rows: Sequence[int], random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Waveforms (B, 16000), logits of p_a (B, K), and 1 for each cluster that sounds (B, K), of some scenes."""
        drawn, waveforms = [], []
        for i in rows:
            clips, count = self.sources.clips[i], sum(self.sources.sounds[i])
            if self.fewest is not None:
                count = int(random.integers(min(self.fewest, count), count, endpoint=True))
            on = set(random.choice(len(clips), count, replace=False).tolist())
            parts = [self.clips.waveform(self.clips.index(clips[j])) for j in sorted(on)]  # type: ignore[arg-type]
            if self.others and random.random() < (OTHER_JOINS if parts else OTHER_ALONE):
                parts.append(second_of(self.others[int(random.integers(len(self.others)))], random))
            waveforms.append(mix(np.stack(parts or [noise(random)]), random))
            drawn.append([j in on for j in range(len(clips))])
        sounds = torch.from_numpy(np.stack(waveforms))
        return sounds, self.sources.teacher(rows, drawn), self.sources.present(rows, drawn)


def read_others(folder: Path) -> list[np.ndarray]:
    """The recordings below a folder, whole; what cannot be read is said and passed over.

    Raises:
        DsolError: none can be heard.
    """
    found = []
    for path in find_sounds(folder):
        try:
            found.append(read_sound(path))
        except DsolError as error:
            say(f"Skipped {error}")
    audible = [sound for sound in found if len(sound) and not is_silent(sound)]
    if not audible:
        raise DsolError(folder, "holds no recordings that can be heard", "give a folder of other recordings")
    return audible


def second_of(sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Any second of a recording (n,); a short one is repeated: (16000,)."""
    repeated = np.tile(sound, -(-SAMPLE_RATE // len(sound)))
    start = int(random.integers(len(repeated) - SAMPLE_RATE, endpoint=True))
    return repeated[start : start + SAMPLE_RATE]
