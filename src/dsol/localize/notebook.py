"""A `Localization` in a notebook: a player with boxes over the video and a lane for each object below it.

Timeline ──▶ JSON ┐
video file ──▶ data address ┴─ player.html ─▶ an <iframe> of its own: no network, no clash with the notebook
"""

import html
import json
from base64 import b64encode
from pathlib import Path

from dsol.data.states import OFF_SCREEN, STATES
from dsol.localize.localization import Timeline
from dsol.localize.palette import colours_of, spoken

PLAYED = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}  # by browsers
LARGEST = 24 << 20  # bytes; a notebook keeps the video in its output
PICTURE, LANE, REST = 360, 26, 44  # pixels: heights of the picture, of a lane, and of what stands round them


def player(timeline: Timeline) -> str:
    """HTML: plays the video as it is, draws boxes over it and lanes below; a click on a lane goes there.

    Args:
        timeline: of the whole video. Where its file is gone, large, or of a kind that browsers do not play, the lanes
            are shown alone.
    """
    source, why = _source(Path(timeline.video))
    told = _told(timeline)
    template = Path(__file__).with_name("player.html").read_text(encoding="utf-8")
    data = json.dumps({**told, "source": source, "why": why}).replace("<", "\\u003c")
    height = REST + (PICTURE if source else 20) + LANE * max(1, len(told["lanes"]))
    page = html.escape(template.replace("/*DATA*/", data), quote=True)
    look = f"width:100%;height:{height}px;border:0;color-scheme:light dark"
    name = html.escape(f"Who sounds when in {timeline.video}", quote=True)
    return f'<iframe title="{name}" style="{look}" srcdoc="{page}"></iframe>'


def _source(video: Path) -> tuple[str | None, str]:
    kind = PLAYED.get(video.suffix.lower())
    if not video.is_file():
        return None, "the video is not where it was"
    if kind is None or video.stat().st_size > LARGEST:
        return None, "dsol.render makes a film of it: it is too large, or of a kind that browsers do not play"
    return f"data:{kind};base64,{b64encode(video.read_bytes()).decode('ascii')}", ""


def _told(timeline: Timeline) -> dict:
    stretches = timeline.stretches()
    names = list(dict.fromkeys(s.name for s in stretches))
    places = {s.name: timeline.categories.index(s.category) for s in stretches}
    colours = colours_of(set(places.values()))
    tracks = [(track, names.index(track.name)) for track in timeline.tracks if track.name in places]
    lanes = [(spoken(name), "#{:02x}{:02x}{:02x}".format(*colours[places[name]])) for name in names]
    return {
        "shape": timeline.size[0] / max(timeline.size[1], 1),
        "duration": max(float(timeline.edges_s[-1]), 1e-3),
        "edges": [round(float(edge), 3) for edge in timeline.edges_s],
        "lanes": [{"name": name, "colour": colour} for name, colour in lanes],
        "stretches": [
            {"lane": names.index(s.name), "start": s.start_s, "end": s.end_s, "score": round(s.score, 2),
             "state": s.state} for s in stretches
        ],
        "boxes": [
            [{"lane": lane, "xywh": [round(100 * float(v), 2) for v in track.xywh[t]],
              "state": STATES[timeline.states[t, track.place]]}
             for track, lane in tracks if track.present[t] and timeline.states[t, track.place] != OFF_SCREEN]
            for t in range(len(timeline.times_s))
        ],
    }  # fmt: skip
