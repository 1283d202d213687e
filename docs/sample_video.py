"""Draw and play the sample video of `dsol serve`: a guitar for four seconds, then a flute for four.

    python docs/sample_video.py [src/dsol/serve/sample.mp4]

Nobody's video or recording: the drawn instruments of `dsol toyband`, larger, and one after the other.
"""

import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from dsol.demo.toyband import sounds, videos
from dsol.demo.toyband.melody import Note, write_melody

SEEN, SECONDS, SEED = ("acoustic_guitar", "flute"), 8, 0
TURN_S, REST_S = 4.0, 0.1  # the flute begins, after a rest


def main(out: Path) -> None:
    plan = videos.Plan(out.name, SEEN, 2, SECONDS, (SEED,))
    rng = np.random.default_rng(plan.seed)
    guitar, flute = (melody(category, rng) for category in SEEN)
    melodies = [between(guitar, 0, TURN_S - REST_S), between(flute, TURN_S, SECONDS)]
    sound = videos.mix(plan, melodies, rng)
    with mock.patch.object(videos, "place_together", side_by_side):
        scene = videos.cast(plan, melodies, rng)
    videos.encode(out, (videos.shoot(scene, frame) for frame in range(SECONDS * videos.FRAME_RATE)), sound)


def melody(category: str, rng: np.random.Generator) -> list[Note]:
    made = sounds.INSTRUMENTS[category]
    return write_melody(made.low, made.high, made.pace, SECONDS, rng)


def between(notes: list[Note], start_s: float, end_s: float) -> list[Note]:
    """The notes that begin in a stretch of time, cut at its end."""
    inside = (note for note in notes if start_s <= note.start_s < end_s - 0.05)
    return [replace(note, length_s=min(note.length_s, end_s - note.start_s)) for note in inside]


def side_by_side(sketches, rng: np.random.Generator) -> list[videos.Spot]:
    """Two players, larger than those of a band."""
    spots = []
    for place in range(len(sketches)):
        scale = float(rng.uniform(135, 165))
        x = videos.WIDTH * (0.27 + 0.46 * place) + rng.uniform(-8, 8)
        spots.append(videos.Spot(scale, x, videos.HEIGHT * rng.uniform(0.95, 1.05) - scale))
    return spots


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "src/dsol/serve/sample.mp4"))
