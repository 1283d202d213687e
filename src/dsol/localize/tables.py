"""What was found in a video, for pandas and supervision, where those are installed."""

from importlib.util import find_spec
from typing import Any

import numpy as np

from dsol.data.states import STATES
from dsol.errors import DsolError
from dsol.localize.localization import Timeline


def to_pandas(timeline: Timeline) -> Any:
    """A DataFrame of the stretches: see `Localization.to_pandas`."""
    _check("pandas")
    import pandas

    stretches = timeline.stretches()
    rows = [{**vars(stretch), "xywh": None} for stretch in stretches]
    table = pandas.DataFrame(rows, columns=list(_COLUMNS)).rename(columns=_COLUMNS)
    sides = np.array([s.xywh or [np.nan] * 4 for s in stretches], float).reshape(-1, 4)
    return table.assign(**dict(zip(("x", "y", "width", "height"), sides.T, strict=True)))


_COLUMNS = {"start_s": "start_s", "end_s": "end_s", "category": "category", "name": "object", "track": "track",
            "state": "state", "score": "score", "at_s": "at_s"}  # fmt: skip


def to_supervision(timeline: Timeline) -> list[Any]:
    """T `supervision.Detections`: see `Localization.to_supervision`."""
    _check("supervision")
    return [_detections(timeline, t) for t in range(len(timeline.times_s))]


def _detections(timeline: Timeline, t: int) -> Any:
    from supervision import Detections  # pyright: ignore[reportMissingImports]

    there = [track for track in timeline.tracks if track.present[t]]
    if not there:
        return Detections.empty()
    xywh = np.array([track.xywh[t] for track in there]) * np.tile(timeline.size, 2)
    places = np.array([track.place for track in there])
    data = {
        "class_name": np.array([track.name for track in there]),
        "state": np.array([STATES[timeline.states[t, place]] for place in places]),
    }
    return Detections(
        xyxy=np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1),
        confidence=timeline.score[t, places],
        class_id=places,
        tracker_id=np.array([track.id for track in there]),
        data=data,
    )


def _check(package: str) -> None:
    if find_spec(package) is None:
        raise DsolError(f"to_{package}", f"needs {package}, not installed", f"pip install {package}")
