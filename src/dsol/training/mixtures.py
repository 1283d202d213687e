"""What sounds in a scene: the teacher p_a (equation 7), and training on mixtures, as the recipe `best` does.

    teacher "mixture"  stage one's audio encoder on the scene's sound, frozen: the paper's
    teacher "sources"  the pseudo-labels of the clips that are mixed: still no labels, but exact

    sources of a scene ─ Remix: which of them sound, jitter, distractors ─▶ mixture ─ audio class head ─▶ mixture_loss

The paper's matching needs p_a of the mixture from an encoder trained on single sources only. Here the sources of each
mixture are known, so the class head (of the mixture encoder, where there is one) learns from it directly.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dsol.data.clip import SAMPLE_RATE
from dsol.data.levels import is_silent, mix, noise
from dsol.data.media import find_sounds, read_sound
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.batch import Part
from dsol.model.encoders import Encoders
from dsol.progress import say, track
from dsol.training.batches import Picks, read

JOINS, ALONE = 1 / 3, 1 / 2  # probability of a distractor beside known sounds, and in place of noise
SILENCE = np.zeros(SAMPLE_RATE, np.float32)
LEAST = 0.01  # of a category that is not in a scene, so that its logarithm is finite


@torch.no_grad()
def predict_mixtures(encoders: Encoders, scenes: Store, batch: int, device: torch.device, workers: int) -> Tensor:
    """Logits of p_a (N, K) for all scenes by an audio encoder in its present state."""
    encoders = encoders.to(device).eval()
    batches = Picks(scenes, batch).in_order()
    sounds = track(read(scenes, batches, workers), "Predicting what sounds in the scenes", len(batches))
    log_mels = (encoders.spectrogram(waveforms.to(device)) for _, waveforms in sounds)
    return torch.cat([encoders.encode_sounds(log_mel).logits for log_mel in log_mels])


def shares(sounding: Sequence[Sequence[int]], clusters: int) -> Tensor:
    """Logits of p_a (B, K): each scene's sounding clusters with equal probability.

    Example:
        >>> shares([[0, 2]], 3).softmax(1).round(decimals=2).tolist()
        [[0.5, 0.0, 0.5]]
    """
    p_a = torch.full((len(sounding), clusters), LEAST)
    for i, present in enumerate(sounding):
        for k in present:
            p_a[i, k] += 1
    return (p_a / p_a.sum(1, keepdim=True)).log()


def mixture_loss(logits: Tensor, teacher: Tensor, present: Tensor, audibility: str) -> Tensor:
    """Loss of the audio class head on mixtures of known sources.

    Args:
        logits: (B, K) of the head.
        teacher: (B, K) logits of p_a.
        present: (B, K), 1 for each cluster that sounds.
        audibility: "softmax", cross-entropy with p_a; or "sigmoid", binary cross-entropy with each cluster's presence.
    """
    if audibility == "sigmoid":
        return F.binary_cross_entropy_with_logits(logits, present)
    return F.cross_entropy(logits, teacher.softmax(1))


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
        any_number: from none to as many sources sound as when composed, noise for none; else always as many.
        distractors: recordings of things that are in no clip, which join some mixtures.
    """

    def __init__(
        self, sources: Sources, clips: Store, any_number: bool = False, distractors: Sequence[np.ndarray] = ()
    ):
        self.sources, self.clips, self.any_number, self.distractors = sources, clips, any_number, distractors

    def __call__(
        self, rows: Sequence[int], random: np.random.Generator, part: Part | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Waveforms (B, 16000), logits of p_a (B, K), and 1 for each cluster that sounds (B, K), of some scenes.

        With a part, waveforms (b, 16000) of its scenes: the sounds of the others are drawn and not read.
        """
        drawn, waveforms = [], []
        mine = range(len(rows)) if part is None else range(len(rows))[part.rows]
        for n, i in enumerate(rows):
            clips, count = self.sources.clips[i], sum(self.sources.sounds[i])
            if self.any_number:
                count = int(random.integers(0, count, endpoint=True))
            on = set(random.choice(len(clips), count, replace=False).tolist())
            parts = [self._sound(clips[j]) if n in mine else SILENCE for j in sorted(on)]
            if self.distractors and random.random() < (JOINS if parts else ALONE):
                parts.append(second_of(self.distractors[int(random.integers(len(self.distractors)))], random))
            waveforms.append(mix(np.stack(parts or [noise(random)]), random))
            drawn.append([j in on for j in range(len(clips))])
        sounds = torch.from_numpy(np.stack(waveforms)[mine.start : mine.stop])
        return sounds, self.sources.teacher(rows, drawn), self.sources.present(rows, drawn)

    def _sound(self, clip: Any) -> np.ndarray:
        return self.clips.waveform(self.clips.index(clip))  # type: ignore[arg-type]


def read_distractors(folder: Path) -> list[np.ndarray]:
    """The recordings below a folder, whole; what cannot be read is skipped with a message.

    Raises:
        DsolError: all are silent or cannot be read.
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
