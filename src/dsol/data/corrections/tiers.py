"""Corrected times: ELAN's tiers, Praat's tiers and Audacity's labels. They say when, not where."""

from pathlib import Path

from dsol.data.corrections.corrected import Corrected, Label, Sound
from dsol.errors import DsolError, check_installed, explained
from dsol.text import read_text

OFF_SCREEN = " off screen"  # ends the name of a tier of what has no place in the picture


def read_eaf(path: Path) -> list[Corrected]:
    """ELAN: each tier is an object, each annotation says what it is then; an empty one says what the tier's name does.

    Raises:
        DsolError: it is no such file, or pympi is not installed.
    """
    check_installed(path, "formats", "pympi")
    from pympi.Elan import Eaf

    with explained(path, "is no file of ELAN: {}", "save it in ELAN again", Exception):  # whatever its parser meets
        eaf = Eaf(str(path), suppress_version_warning=True)
        tiers = {name: eaf.get_annotation_data_for_tier(name) for name in eaf.get_tier_names()}
    sounds = [_sound(tier, row[0] / 1000, row[1] / 1000, row[2]) for tier, rows in tiers.items() for row in rows]
    media = [entry.get("MEDIA_URL", "") for entry in eaf.media_descriptors]
    return [Corrected(media[0] if media else "", sounds=tuple(sounds))]


def read_textgrid(path: Path) -> list[Corrected]:
    """Praat: interval tiers, read as ELAN's; an interval without text says nothing.

    Raises:
        DsolError: it is no such file, or pympi is not installed.
    """
    check_installed(path, "formats", "pympi")
    from pympi.Praat import TextGrid

    with explained(path, "is no TextGrid: {}", "save it in Praat again, as a text file", Exception):
        grid = TextGrid(str(path))
    sounds = [
        _sound(tier.name, float(row[0]), float(row[1]), row[2])
        for tier in grid.get_tiers() if tier.tier_type == "IntervalTier"
        for row in tier.intervals if row[2].strip()
    ]  # fmt: skip
    return [Corrected("", sounds=tuple(sounds), duration_s=float(grid.xmax))]


def read_audacity(path: Path) -> list[Corrected]:
    """Audacity's labels: start, end and label with tabs; the lines of frequencies between them are skipped.

    Raises:
        DsolError: it is no such file.
    """
    sounds, remedy = [], "export the labels from Audacity again"
    with explained(path, "cannot be read: {}", remedy, OSError, UnicodeDecodeError):
        lines = read_text(path).splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        try:
            start, end, label = line.split("\t", 2)
            sounds.append(Sound(Label.read(label), float(start), float(end)))
        except ValueError:
            what = f"line {number} is not start, end and label with tabs: {line[:60]!r}"
            raise DsolError(path, what, remedy) from None
    return [Corrected("", sounds=tuple(sounds))]


def _sound(tier: str, start_s: float, end_s: float, text: str) -> Sound:
    of = Label.read(tier.removesuffix(OFF_SCREEN))
    return Sound(Label.read(text) if text.strip() else of, start_s, end_s, of)
