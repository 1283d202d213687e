"""Corrected times: ELAN's tiers, Praat's tiers and Audacity's labels. They say when, not where."""

from pathlib import Path

from dsol.data.corrections.corrected import Corrected, Label, Sound
from dsol.errors import DsolError, check_installed
from dsol.text import read_text

OFF_SCREEN = " off screen"  # ends the name of a tier of what has no place in the picture


def read_eaf(path: Path) -> list[Corrected]:
    """ELAN: each tier is an object, each annotation says what it is then; an empty one says what the tier's name does.

    Raises:
        DsolError: it is no such file, or pympi is not installed.
    """
    check_installed(path, "formats", "pympi")
    from pympi.Elan import Eaf

    try:
        eaf = Eaf(str(path), suppress_version_warning=True)
        tiers = {name: eaf.get_annotation_data_for_tier(name) for name in eaf.get_tier_names()}
    except Exception as error:  # pympi raises whatever its parser meets
        raise DsolError(path, f"is no file of ELAN: {error}", "save it in ELAN again") from None
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

    try:
        grid = TextGrid(str(path))
    except Exception as error:  # pympi raises whatever its parser meets
        raise DsolError(path, f"is no TextGrid: {error}", "save it in Praat again, as a text file") from None
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
    sounds = []
    for number, line in enumerate(_text_of(path).splitlines(), start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        try:
            start, end, label = line.split("\t", 2)
            sounds.append(Sound(Label.read(label), float(start), float(end)))
        except ValueError:
            what = f"line {number} is not start, end and label with tabs: {line[:60]!r}"
            raise DsolError(path, what, "export the labels from Audacity again") from None
    return [Corrected("", sounds=tuple(sounds))]


def _text_of(path: Path) -> str:
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DsolError(path, f"cannot be read: {error}", "export the labels from Audacity again") from None


def _sound(tier: str, start_s: float, end_s: float, text: str) -> Sound:
    of = Label.read(tier.removesuffix(OFF_SCREEN))
    return Sound(Label.read(text) if text.strip() else of, start_s, end_s, of)
