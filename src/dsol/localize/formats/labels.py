"""One line a stretch: RTTM, as diarisation tools score it, and Audacity's label tracks."""

import re
from pathlib import Path

from dsol.data.states import SEEN, STATES
from dsol.localize.localization import Timeline
from dsol.localize.stretches import Stretch

NOTHING = "<NA>"  # in a field of RTTM that says nothing


def write_rttm(timeline: Timeline, path: Path) -> None:
    """sounds.rttm: SPEAKER lines with the object as the speaker and its score as the confidence.

    RTTM knows no spaces in a name: they become underscores. Silent objects are left out.
    """
    name = _word(Path(timeline.video).stem)
    lines = [
        f"SPEAKER {name} 1 {s.start_s:.3f} {s.end_s - s.start_s:.3f} {NOTHING} {NOTHING} {_word(s.name)} {s.score:.4f} "
        f"{NOTHING}\n"
        for s in timeline.stretches() if s.sounding
    ]  # fmt: skip
    path.write_text("".join(lines), encoding="utf-8")


def _word(text: str) -> str:
    return re.sub(r"\s+", "_", text.strip()) or "_"


def write_audacity(timeline: Timeline, path: Path) -> None:
    """audacity.txt: start, end and label, with tabs. File > Import > Labels opens it."""
    lines = [f"{s.start_s:.6f}\t{s.end_s:.6f}\t{label_of(s)}\n" for s in timeline.stretches()]
    path.write_text("".join(lines), encoding="utf-8")


def label_of(stretch: Stretch) -> str:
    """What a label says: the object, and what it does where that is not simply to sound and be seen.

    Example:
        >>> label_of(Stretch(1, "violin #2", "violin", 0.0, 1.0, 0.9, "silent", 0.5, (0.1, 0.1, 0.5, 0.5)))
        'violin #2 (silent)'
    """
    told = "" if stretch.state == STATES[SEEN] else f" ({stretch.state})"
    return " ".join(f"{stretch.name}{told}".split())
