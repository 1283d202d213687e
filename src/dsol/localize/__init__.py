"""Videos in, answers out: who sounds when and where, as arrays, boxes, an annotated video and a figure.

Localizer ─▶ Localization ─▶ Timeline ─▶ result.json, boxes.coco.json, timeline.png
    │             └───────────────┴─────▶ render ─▶ localized.mp4
    └─▶ a line of JSON a second, of a stream
"""

from dsol.localize.figure import draw_timeline
from dsol.localize.files import Wanted, localize_video
from dsol.localize.film import render
from dsol.localize.live import Live, localize_live
from dsol.localize.localization import Localization, Segment, Timeline
from dsol.localize.localizer import Localizer
from dsol.localize.many import localize_videos

__all__ = [
    "Live",
    "Localization",
    "Localizer",
    "Segment",
    "Timeline",
    "Wanted",
    "draw_timeline",
    "localize_live",
    "localize_video",
    "localize_videos",
    "render",
]
