"""What is found in a video, as files for the tool that one works with next. docs/formats.md says which is for what.

Timeline ──Format.files──▶ localized.srt, stretches.csv, sounds.eaf, labelstudio.json, …

A format is one entry of `FORMATS`: the names of its files, and for each a function that writes it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dsol.errors import DsolError, check_installed
from dsol.localize.formats.captions import write_srt, write_vtt
from dsol.localize.formats.cvat import write_cvat, write_cvat_labels
from dsol.localize.formats.fiftyone import write_fiftyone
from dsol.localize.formats.labels import write_audacity, write_rttm
from dsol.localize.formats.labelstudio import write_labelstudio, write_setup
from dsol.localize.formats.numbers import write_coco, write_json
from dsol.localize.formats.tables import write_steps, write_steps_tabs, write_stretches, write_stretches_tabs
from dsol.localize.formats.tiers import write_eaf, write_textgrid
from dsol.localize.localization import Timeline

Writer = Callable[[Timeline, Path], None]


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        files: name of a file -> what writes it.
        told: what it is for, in a few words.
        needs: packages of the extra `formats` that its writers import.
    """

    files: Mapping[str, Writer]
    told: str
    needs: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    "json": Format({"result.json": write_json}, "everything, for programs"),
    "coco": Format({"boxes.coco.json": write_coco}, "boxes, for whatever reads COCO"),
    "srt": Format({"localized.srt": write_srt}, "subtitles, for players and editors"),
    "vtt": Format({"localized.vtt": write_vtt}, "subtitles, for web pages"),
    "csv": Format({"stretches.csv": write_stretches, "times.csv": write_steps}, "tables, for spreadsheets and R"),
    "tsv": Format({"stretches.tsv": write_stretches_tabs, "times.tsv": write_steps_tabs}, "the same with tabs"),
    "rttm": Format({"sounds.rttm": write_rttm}, "lines, for what scores diarisation"),
    "audacity": Format({"audacity.txt": write_audacity}, "a label track, for Audacity"),
    "eaf": Format({"sounds.eaf": write_eaf}, "tiers, for ELAN", ("pympi",)),
    "textgrid": Format({"sounds.TextGrid": write_textgrid}, "tiers, for Praat", ("pympi",)),
    "labelstudio": Format(
        {"labelstudio.json": write_labelstudio, "labelstudio.xml": write_setup}, "a task to correct in Label Studio"
    ),
    "cvat": Format({"cvat.zip": write_cvat, "cvat.labels.json": write_cvat_labels}, "tracks to correct in CVAT"),
    "fiftyone": Format({"fiftyone.json": write_fiftyone}, "stretches, to look through in FiftyOne"),
}


def chosen(words: str | Iterable[str]) -> tuple[str, ...]:
    """The formats that somebody asks for.

    Args:
        words: names of formats, in one string with commas or one by one; "all" for all of them.

    Raises:
        DsolError: there is no such format, or it needs a package that is not installed.

    Example:
        >>> chosen("srt,json")
        ('srt', 'json')
    """
    words = words.split(",") if isinstance(words, str) else words
    names = [name for word in words for part in word.split(",") if (name := part.strip().lower())]
    names = list(FORMATS) if "all" in names else list(dict.fromkeys(names))
    for name in names:
        if name not in FORMATS:
            raise DsolError("--format", f"{name!r} is not known", f"give some of {', '.join(FORMATS)}, or all")
        check_installed(f"--format {name}", "formats", *FORMATS[name].needs)
    return tuple(names)


def files_of(formats: Iterable[str]) -> tuple[str, ...]:
    """The names of all files of some formats."""
    return tuple(dict.fromkeys(file for name in formats for file in FORMATS[name].files))


def write_formats(timeline: Timeline, folder: str | Path, formats: str | Iterable[str]) -> list[Path]:
    """Write what was found in a video in some formats.

    Args:
        timeline: who sounds when, and in which box.
        folder: for the files; it must be there.
        formats: as `chosen` takes them.

    Returns:
        The files written.

    Raises:
        DsolError: an unknown format, or one that needs a package that is not installed.

    Example:
        >>> write_formats(localizer("party.mp4").timeline(), ".", "srt,csv")    # doctest: +SKIP
        [PosixPath('localized.srt'), PosixPath('stretches.csv'), PosixPath('times.csv')]
    """
    written = []
    for name in chosen(formats):
        for file, write in FORMATS[name].files.items():
            write(timeline, Path(folder) / file)
            written.append(Path(folder) / file)
    return written


def save_formats(timeline: Timeline, folder: str | Path, formats: str | Iterable[str]) -> list[Path]:
    """`write_formats` into a folder that is made if it is missing.

    Raises:
        DsolError: it cannot be made or written, too.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        return write_formats(timeline, folder, formats)
    except OSError as error:
        raise DsolError(folder, f"cannot be written: {error.strerror}", "choose another folder") from None
