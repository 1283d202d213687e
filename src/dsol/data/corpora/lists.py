"""Lists of YouTube videos against the files that are there.

    list: id -> what is known of it ─┐
    folder: files named after ids ───┴▶ videos, in the order of the list; missing; files that no list names

Downloaders name files differently: `ID.mp4`, `ID_0_1000.mp4`, `ID_30000_40000.mp4`, `ID_000030.mp4`, `Title [ID].mp4`,
`Title-ID.mp4`. An id has eleven characters; one at the end of a title counts only if a list has it.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from dsol.data.boxes import Boxes
from dsol.data.corpora import Corpus, VideoEntry
from dsol.data.corpora.folders import tree, unread_names
from dsol.data.media import VIDEO_SUFFIXES
from dsol.errors import DsolError, explained
from dsol.text import composed, read_text

ID = re.compile(r"([A-Za-z0-9_-]{11})(?=$|[_.])")  # of a YouTube video, at the start of a file's name
BRACKETED = re.compile(r"[\[(]([A-Za-z0-9_-]{11})[\])]([^\[\]]*)$")  # after a title
DASHED = re.compile(r"[-_ ]([A-Za-z0-9_-]{11})((?:_\d+){0,2})$")  # after a title and a dash; a guess
TIMES = re.compile(r"_(\d+)(?:\.\d+)?(?:_(\d+)(?:\.\d+)?)?$")  # start, or start and end, after the id
RELEASED = "dsol_"  # prefix under which the paper's lists may be kept
FETCH = "fetch it again; see docs/data.md"  # what to do with a broken list
TEN_SECONDS_MS = 10_000  # between start and end, where they are in milliseconds


@dataclass(frozen=True)
class Listed:
    """What a list says of a video.

    Attributes:
        key: how the list names it: its id, or id and start.
        name: for people, if it is missing.
        category: where it has one alone.
        split: where it is known.
    """

    key: str
    name: str
    category: str | None = None
    split: str | None = None


def youtube_id(name: str) -> str | None:
    """The id that a file is named after.

    Example:
        >>> youtube_id("cello/1Ju4S0qeDqw_0_1000.mp4"), youtube_id("Cello [1Ju4S0qeDqw].mp4"), youtube_id("party.mp4")
        ('1Ju4S0qeDqw', '1Ju4S0qeDqw', None)
    """
    return next((one for one, _ in _ids(name, guess=False)), None)


def _ids(name: str, guess: bool = True) -> Iterator[tuple[str, str]]:
    """(id, what follows it) of all places in a file's name where one may be, the surest first."""
    stem = _stem(name)
    if first := ID.match(stem):
        yield first[1], stem[11:]
    if bracketed := BRACKETED.search(stem):
        yield bracketed[1], bracketed[2]
    if guess and (dashed := DASHED.search(stem)):
        yield dashed[1], dashed[2]


def clip_id(name: str) -> str | None:
    """Id and start of a ten-second clip, as VGGSound's authors write them; the id alone where no start is given.

    Example:
        >>> clip_id("zpWuikVorYg_32000_42000.mp4"), clip_id("zpWuikVorYg_000032.mp4"), clip_id("zpWuikVorYg.mp4")
        ('zpWuikVorYg_000032', 'zpWuikVorYg_000032', 'zpWuikVorYg')
    """
    return next((_with_start(one, rest) for one, rest in _ids(name, guess=False)), None)


def _with_start(found: str, rest: str) -> str:
    times = TIMES.fullmatch(rest)
    if times is None:
        return found
    start, end = int(times[1]), int(times[2] or times[1])
    return f"{found}_{start // 1000 if end - start == TEN_SECONDS_MS else start:06d}"


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name


def find_list(folder: Path, name: str) -> Path | None:
    """A list or annotation file that lies in the corpus or beside it.

    Looked for in the folder, its `annotations`, the folder above and that one's `annotations`; in each also under the
    name with `dsol_` before it.
    """
    above = folder.absolute().parent
    places = (folder, folder / "annotations", above, above / "annotations")
    files = (place / (prefix + name) for place in places for prefix in ("", RELEASED))
    return next((file for file in files if file.is_file()), None)


def required_list(folder: Path, name: str) -> Path:
    """`find_list`, or an error that says what is missing.

    Raises:
        DsolError: it is not there.
    """
    if (file := find_list(folder, name)) is None:
        raise DsolError(folder, f"has no {name} in it or beside it", "put it there; see docs/data.md")
    return file


def read_rows(file: Path, columns: int) -> Iterator[list[str]]:
    """The rows of a CSV list, without comments. Raises DsolError where one is too short."""
    with explained(file, "cannot be read: {}", FETCH, OSError, UnicodeDecodeError, csv.Error):
        lines = io.StringIO(read_text(file), newline="")
        for number, row in enumerate(csv.reader(lines, skipinitialspace=True), start=1):
            if not row or row[0].startswith("#"):
                continue
            if len(row) < columns:
                raise DsolError(file, f"line {number} has {len(row)} columns, not {columns}", FETCH)
            yield [composed(cell) for cell in row]


def ids_in(file: Path | None) -> list[str]:
    """The ids in one of the paper's lists, a line `ID_0_1000.flac ID_0_1000.mp4` each; none where there is no file.

    Raises:
        DsolError: a line that begins with no id.
    """
    with explained(file, "cannot be read: {}", FETCH, OSError, UnicodeDecodeError):
        lines = read_text(file).splitlines() if file else []
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            one = youtube_id(line.split()[-1])
            if one is None:
                raise DsolError(file, f"line {number} names no YouTube video: {line.strip()[:60]!r}", "fetch it again")
            found.append(one)
    return found


def corpus_of(folder: Path, listed: Iterable[Listed], boxes: Boxes | None, by_clip: bool = False) -> Corpus:
    """The listed videos that are there. One that is listed twice belongs to the test split, if that is one of them.

    Args:
        folder: where files lie, at any depth.
        listed: the list; in its order videos are prepared.
        boxes: annotations whose `Frame.video` are keys of the list. Those of listed videos are used.
        by_clip: keys are id and start, as `clip_id` gives them; otherwise ids.

    Raises:
        DsolError: none of them is there.
    """
    wanted, twice = _once(listed)
    root, paths = tree(folder)
    files, skipped = _files(paths, wanted, by_clip)
    videos = tuple(
        VideoEntry(paths[files[key]], files[key], entry.category, entry.split)
        for key, entry in wanted.items()
        if key in files
    )
    if not videos:
        what = f"has none of the {len(wanted)} listed videos in it"
        raise DsolError(folder, what, "name files by their YouTube ids, or choose another --layout")
    missing = tuple(entry.name for key, entry in wanted.items() if key not in files)
    named = attach(boxes.of_videos(wanted), files) if boxes else None
    skipped |= unread_names(root)
    return Corpus(videos, named, listed=len(wanted), missing=missing, skipped=skipped, twice=twice)


def _once(listed: Iterable[Listed]) -> tuple[dict[str, Listed], tuple[str, ...]]:
    """Key -> its one entry; the names of those that are listed in more than one split."""
    wanted: dict[str, Listed] = {}
    twice: dict[str, None] = {}
    for entry in listed:
        there = wanted.setdefault(entry.key, entry)
        if there.split != entry.split:
            wanted[entry.key] = max(there, entry, key=lambda one: held_out(one.split))  # of equals the first
            twice[entry.name] = None
    return wanted, tuple(twice)


def held_out(split: str | None) -> int:
    """How strictly a split is held out of training: 2 for a test split, 1 for validation, 0."""
    last = (split or "").rpartition("-")[2]
    return {"test": 2, "val": 1}.get(last, 0)


def _files(names: Iterable[str], wanted: Mapping[str, Listed], by_clip: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Key -> name of its file; name -> why a file is not used."""
    starts = {key[:11]: key for key in wanted}  # where a file does not say its start
    files: dict[str, str] = {}
    skipped = {}
    for name in names:
        keys = (_with_start(one, rest) if by_clip else one for one, rest in _ids(name))
        keys = (starts.get(key, key) if by_clip and len(key) == 11 else key for key in keys)
        key = next((key for key in keys if key in wanted), None)
        if key is None:
            skipped[name] = "is in none of the lists used"
        elif key in files:
            skipped[name] = f"is the same video as {files[key]}"
        else:
            files[key] = name
    return files, skipped


def attach(boxes: Boxes, names: Mapping[str, str]) -> Boxes:
    """Annotations of a published list as those of files: each frame's time stays, and its key in maps files.

    Args:
        boxes: frames whose `video` is what the annotations call it.
        names: that -> name of the video in the corpus; what is not in it keeps its name.
    """
    return replace(boxes, frames=tuple(replace(f, video=names.get(f.video, f.video)) for f in boxes.frames))


def known_names(names: Iterable[str]) -> dict[str, str]:
    """Names of a video in annotations -> its name: the name itself, its YouTube id, its id with start."""
    found: dict[str, str] = {}
    for name in sorted(names):
        ids = [alias for one, rest in _ids(name) for alias in (one, _with_start(one, rest))]
        for alias in (name, *ids):
            found.setdefault(alias, name)
    return found
