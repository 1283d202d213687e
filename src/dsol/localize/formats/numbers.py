"""result.json and boxes.coco.json: see `Timeline.to_json` and `Timeline.to_coco`."""

import json
from pathlib import Path

from dsol.localize.localization import Timeline


def write_json(timeline: Timeline, path: Path) -> None:
    """result.json: everything that was found."""
    write_by_line(timeline.to_json(), path)


def write_coco(timeline: Timeline, path: Path) -> None:
    """boxes.coco.json: COCO detection JSON, one image an answer."""
    write_by_line(timeline.to_coco(), path)


def write_by_line(content: dict, path: Path) -> None:
    """A line a key: a person finds the segments, and a long video's numbers do not take a line each."""
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
    path.write_text("{" + ",\n ".join(lines) + "}\n", encoding="utf-8")
