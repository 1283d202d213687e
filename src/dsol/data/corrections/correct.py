"""Several files of several tools -> one boxes.json.

For each video: what is where comes from the one file in which a person placed boxes, else from result.json; whether it
sounds from the files that tell when, else from the boxes themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from dsol.data.boxes import Box, Boxes, Frame, check_xywh
from dsol.data.clip import FRAMES_PER_SECOND
from dsol.data.corrections.corrected import Corrected, Label, Sound, Xywh, plain_path, same_video
from dsol.data.corrections.reading import read_correction
from dsol.data.media import find_videos, probe
from dsol.data.states import OFF_SCREEN, SEEN, SILENT, STATES
from dsol.errors import DsolError
from dsol.progress import say

LONGEST_S = 48 * 3600  # seconds; a longer video is a mistake in the file
Read = tuple[Path, Corrected]


def correct(
    files: Sequence[str | Path],
    out: str | Path,
    videos: str | Path | None = None,
    fps: float | None = None,
    per_second: int = FRAMES_PER_SECOND,
) -> Boxes:
    """Write what a person corrected as boxes.json.

    Args:
        files: as `read_correction` takes them; several of one video complete each other.
        out: the boxes.json to write.
        videos: the folder that the videos lie in, as for `dsol prepare`: their names are their paths below it, and
            their frame rate is read where a file does not give it.
        fps: frames a second, for files that do not give it (CVAT), where the video is not available.
        per_second: how many times a second of a video becomes a frame; pictures stay what they are.

    Returns:
        What was written.

    Raises:
        DsolError: no file can be read, or one has no positions of objects, or two have those of one video. Of several
            files those that cannot be read are named and left out; the error that says so comes after the writing.

    Example:
        >>> correct(["export.json", "sounds.eaf"], "boxes.json", videos="videos")           # doctest: +SKIP
    """
    known = _known(videos)
    read, failed = _read(files)
    groups = _by_video(read, known)
    frames = []
    for name, group in groups.items():
        frames += _frames(name, group, fps or _rate(group, known.get(name)), per_second)
    boxes = Boxes.of(frames)
    boxes.save(out)
    count = sum(len(frame.boxes) for frame in frames)
    silent = sum(not box.sounding for frame in frames for box in frame.boxes)
    of = "1 video" if len(groups) == 1 else f"{len(groups)} videos"
    say(f"{out}: {len(frames)} frames of {of}, {count} boxes, {silent} of them silent")
    if failed:
        names = ", ".join(str(error.where) for error in failed)
        what = f"{len(failed)} of {len(files)} files failed"
        raise DsolError(names, what, f"see the lines above; the rest is in {out}")
    return boxes


def _read(files: Sequence[str | Path]) -> tuple[list[Read], list[DsolError]]:
    """What is in the files, and what is wrong with those that cannot be read; a single one, or all, raise it."""
    read: list[Read] = []
    failed: list[DsolError] = []
    for file in files:
        try:
            read += [(Path(file), each) for each in read_correction(file)]
        except DsolError as error:
            failed.append(error)
            if len(files) > 1:
                say(f"skipped {error}")
    if not read and failed:
        raise failed[0]
    return read, failed


def _known(videos: str | Path | None) -> dict[str, Path]:
    """Path below the folder -> the file."""
    if videos is None:
        return {}
    found = {file.relative_to(videos).as_posix(): file for file in find_videos(videos)}
    if not found:
        raise DsolError(videos, "has no videos in it", "give the folder that the videos lie in")
    return found


def _by_video(read: list[Read], known: Iterable[str]) -> dict[str, list[Read]]:
    """Name of a video -> its corrections. A file that names no video belongs to the only one there is."""
    groups: dict[str, list[Read]] = {name: [] for name in known}
    nameless = [(file, each) for file, each in read if not each.video]
    named = [(plain_path(each.video), file, each) for file, each in read if each.video]
    for path, file, each in sorted(
        named, key=lambda item: (not item[0].suffix, -len(item[0].parts))
    ):  # the fullest first
        fitting = [name for name in groups if same_video(PurePosixPath(name), path)]
        if len(fitting) > 1:
            what = f"names a video {path}, and there are several such: {fitting[0]}, {fitting[1]}"
            raise DsolError(file, what, "give the files of one of them at a time, with a --videos that holds it alone")
        if not fitting and known:
            raise DsolError(file, f"is of {path}, which is not below --videos", "give the folder that holds it")
        groups.setdefault(fitting[0] if fitting else str(path), []).append((file, each))
    groups = {name: group for name, group in groups.items() if group}
    if nameless and len(groups) != 1:
        what = f"does not name its video, and there are {len(groups)}"
        raise DsolError(nameless[0][0], what, "give the files of one video at a time, with its result.json")
    for group in groups.values():
        group += nameless
    return groups if known else _by_plain_name(groups)


def _by_plain_name(groups: dict[str, list[Read]]) -> dict[str, list[Read]]:
    """The same without folders in the names."""
    found: dict[str, list[Read]] = {}
    for path, group in groups.items():
        name = PurePosixPath(path).name
        if name in found:
            what = f"is of {path}, and another video is named {name}, too"
            raise DsolError(group[0][0], what, "give --videos, and they are called by their path below it")
        found[name] = group
    return found


def _rate(group: list[Read], video: Path | None) -> float:
    """Frames a second, as any of the files or the video itself tells; 0 where none does."""
    told = next((each.fps for _, each in group if each.fps), 0.0)
    return told or (probe(video).fps if video else 0.0)


def _frames(name: str, group: list[Read], rate: float, per_second: int) -> list[Frame]:
    file, base = _placed(name, group)
    if base.in_frames and not rate:
        what = f"numbers the frames of {name} and does not give the frame rate"
        raise DsolError(file, what, "give --videos with the folder of the video, its result.json, or --fps")
    base = base.in_seconds(rate)
    sounds = [(sound, other is file) for other, each in group for sound in each.sounds or ()]
    tells = any(each.sounds is not None for _, each in group)
    frames = []
    for time_s in _times(file, base, group, per_second):
        found = base.objects_at(time_s)
        if tells:
            found = [(_with_sound(label, time_s, sounds), xywh) for label, xywh in found]
        frames.append(Frame(name, time_s, _boxes(found, f"{file}, {name} at {time_s:.3f} s")))
    _tell_of_unplaced(name, frames, [sound for sound, _ in sounds])
    return frames


def _placed(name: str, group: list[Read]) -> Read:
    """The file that says where things are: one in which a person did, else the model's prediction."""
    drafts = [each for each in group if each[1].draft]
    placed = [each for each in group if each[1].placed and not each[1].draft]
    for several in (placed, drafts):
        if len(several) > 1:
            what = f"has the positions of objects in {name}, and so does {several[0][0]}"
            raise DsolError(several[1][0], what, "give one of them")
    if not placed and not drafts:
        what = f"has times of sounds in {name} but no positions"
        raise DsolError(group[0][0], what, "give the result.json of dsol localize as well, or corrected boxes")
    return (placed or drafts)[0]


def _times(file: Path, base: Corrected, group: list[Read], per_second: int) -> list[float]:
    """The moments that become frames: those of the pictures, or even steps through the video."""
    if base.stills is not None:
        return sorted(base.stills)
    last = max((at.time_s for each in base.objects or () for at in each.path), default=0.0)
    duration_s = base.duration_s or max([each.duration_s for _, each in group if not each.in_frames] + [last])
    if not 0 <= duration_s <= LONGEST_S:
        what = f"is of a video of {duration_s:.0f} seconds"
        raise DsolError(file, what, "export it again, or give the right --fps")
    return [round(float(t), 3) for t in np.arange(0, duration_s - 1e-3, 1 / per_second)]


def _with_sound(label: Label, time_s: float, sounds: list[tuple[Sound, bool]]) -> Label:
    """The label of an object by the annotated sounds.

    A tier of its own name decides; else whether anything of its category sounds. Where box and sound come from one
    file, both must say that it sounds.
    """
    own_tier = [sound for sound, _ in sounds if sound.of is not None and sound.of.fits(label)]
    if own_tier:
        now = next((sound for sound in own_tier if sound.start_s <= time_s < sound.end_s), None)
        return replace(label, state=STATES[SILENT]) if now is None else now.label
    if label.state == STATES[OFF_SCREEN]:
        return label
    silent = label.state == STATES[SILENT]
    sounds_now = any(s.label.fits(label) and s.sounds_at(time_s) and not (own and silent) for s, own in sounds)
    return replace(label, state=STATES[SEEN if sounds_now else SILENT])


def _boxes(found: list[tuple[Label, Xywh]], where: str) -> tuple[Box, ...]:
    return tuple(
        Box(label.category, check_xywh(xywh, where), label.state != STATES[SILENT])
        for label, xywh in found
        if label.state != STATES[OFF_SCREEN]
    )


def _tell_of_unplaced(name: str, frames: list[Frame], sounds: list[Sound]) -> None:
    """Says what sounds without a box at any time: boxes.json has no place for it."""
    placed = {box.category for frame in frames for box in frame.boxes}
    lost = sorted({s.label.category for s in sounds if s.label.state != STATES[SILENT]} - placed)
    if lost:
        say(f"{name}: {', '.join(lost)} sounds without a box, which boxes.json cannot hold (left out)")
