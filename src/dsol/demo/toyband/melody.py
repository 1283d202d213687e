"""What is played: notes without rests, in a key, with phrases that swell."""

from dataclasses import dataclass

import numpy as np

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9))  # major, minor, pentatonic


@dataclass(frozen=True)
class Note:
    """One note: start and length in seconds, pitch in semitones (MIDI), loudness in (0, 1]."""

    start_s: float
    length_s: float
    pitch: float
    loudness: float


def write_melody(
    low: int, high: int, pace: tuple[float, float], seconds: float, rng: np.random.Generator
) -> list[Note]:
    """A melody without rests: steps in a scale, now and then a leap, a swell over each phrase.

    Example:
        >>> notes = write_melody(55, 80, (0.2, 0.6), 4.0, np.random.default_rng(0))
        >>> notes[0].start_s, notes[-1].start_s + notes[-1].length_s >= 4.0
        (0.0, True)
    """
    key, scale = rng.integers(12), SCALES[rng.integers(len(SCALES))]
    pitches = [p for p in range(low, high + 1) if (p - key) % 12 in scale]
    place = int(rng.integers(len(pitches)))
    beat = rng.uniform(*pace)
    swell, level = rng.uniform(2.0, 5.0), rng.uniform(0.35, 0.75)
    notes, start = [], 0.0
    while start < seconds:
        length = float(np.clip(beat * rng.choice((0.5, 1.0, 1.0, 1.5, 2.0)), *pace))
        arc = 0.25 * np.sin(2 * np.pi * start / swell) + rng.uniform(-0.1, 0.1)
        notes.append(Note(start, length, pitches[place], float(np.clip(level + arc, 0.15, 1.0))))
        start += length
        step = rng.choice((-2, -1, 1, 2)) if rng.random() < 0.75 else rng.integers(-5, 6)
        place = int(np.clip(place + step, 0, len(pitches) - 1))
    return notes
