"""A timeline for the tests of formats: two violins in turn and together, a drum off screen, a silent flute."""

from dataclasses import replace

import numpy as np

from dsol.data.states import OFF_SCREEN, SEEN, SILENT
from dsol.localize import Timeline
from dsol.localize.tracks import Parts
from tests.localize.test_tracks import scene

CATEGORIES = ("violin", "bass_drum", "flute")


def band(video: str = "videos/my band.mp4", seconds: int = 6, fps: float = 25.0) -> Timeline:
    """Four answers a second: violin 1 all the time, violin 2 from 2 s on, the drum from 1 to 3 s, the flute silent."""
    count = 4 * seconds
    left, right = (0.25, 0.5), (0.75, 0.5)
    places = [[left] if t < 8 else [left, right] for t in range(count)]
    base = scene(places, categories=CATEGORIES).timeline()
    state = np.full((count, 3), -1)
    state[:, 0], state[4:12, 1], state[:, 2] = SEEN, OFF_SCREEN, SILENT
    score = np.where(state >= 0, np.linspace(0.6, 0.9, count)[:, None], 0.1)
    flute = Parts(np.array([(t, 2) for t in range(count)]), np.tile([0.4, 0.1, 0.1, 0.2], (count, 1)))
    drum = Parts(np.array([(t, 1) for t in range(4, 12)]), np.tile([0.6, 0.1, 0.2, 0.3], (8, 1)))  # its map lights up
    at = np.concatenate([base.parts.at, flute.at, drum.at])
    xywh = np.concatenate([base.parts.xywh, flute.xywh, drum.xywh]).astype(np.float32)
    order = np.lexsort((at[:, 1], at[:, 0]))
    parts = Parts(at[order], xywh[order], np.zeros((len(at), 0), np.float32))
    return replace(base, video=video, score=score, state=state, parts=parts, fps=fps, threshold=0.5)


def solo(video: str = "solo.mp4", seconds: int = 3) -> Timeline:
    """One violin that sounds from the first to the last moment."""
    return replace(scene([[(0.5, 0.5)]] * (4 * seconds)).timeline(), video=video)


def silence(video: str = "silence.mp4") -> Timeline:
    """Nothing sounds."""
    return replace(scene([[(0.5, 0.5)]] * 8, score=np.zeros((8, 1))).timeline(), video=video)
