"""What a server keeps of a localised video, and the same at another threshold.

Timeline ◀──▶ timeline.npz         at_threshold: what counts as sounding is decided anew; what was found stays
"""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from dsol.data.states import SEEN
from dsol.files import whole
from dsol.localize.localization import Timeline
from dsol.localize.tracks import Parts
from dsol.model.vocabulary import vocabulary

COLUMNS = ("times_s", "score", "strength", "loudness", "xywh", "state")
FACTS = "facts"


def save_timeline(timeline: Timeline, path: Path) -> None:
    """Write a timeline with all its boxes, whole or not at all."""
    parts = timeline.parts or Parts()
    arrays: dict[str, Any] = {name: getattr(timeline, name) for name in COLUMNS if getattr(timeline, name) is not None}
    arrays |= {f"parts_{name}": value for name, value in vars(parts).items()}
    known = {field.name for field in fields(timeline)} - {*COLUMNS, "parts", "frame_names"}
    facts = json.dumps({name: getattr(timeline, name) for name in known})
    arrays[FACTS] = np.frombuffer(facts.encode(), np.uint8)
    with whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_timeline(path: Path) -> Timeline:
    """What `save_timeline` wrote.

    Raises:
        OSError, ValueError: it is not there or damaged.
    """
    with np.load(path, allow_pickle=False) as file:
        facts = json.loads(file[FACTS].tobytes())
        facts |= {"size": tuple(facts["size"]), "categories": tuple(facts["categories"])}
        parts = Parts(file["parts_at"], file["parts_xywh"], file["parts_look"])
        return Timeline(**facts, **{name: file[name] for name in COLUMNS if name in file}, parts=parts)


def at_threshold(timeline: Timeline, threshold: float) -> Timeline:
    """The timeline with another threshold. What is heard off screen stays so: other scores decide that.

    Args:
        timeline: with the boxes of scores as low as the threshold.
        threshold: the score from which a category counts as sounding.

    Example:
        >>> sure = at_threshold(load_timeline("timeline.npz"), 0.5)             # doctest: +SKIP
    """
    if timeline.state is None:
        return replace(timeline, threshold=threshold)
    seen = timeline.score >= threshold
    seen &= ~(seen @ vocabulary().ancestors(timeline.categories))
    otherwise = np.where(timeline.state == SEEN, -1, timeline.state)
    return replace(timeline, threshold=threshold, state=np.where(seen, SEEN, otherwise))
