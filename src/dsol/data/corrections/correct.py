"""Several files of several tools -> one boxes.json.

For each video: what is where comes from the one file in which a person placed boxes, else from result.json; whether it
sounds from the files that tell when, else from the boxes themselves.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from dsol.data.boxes import Box, Boxes, Frame, check_xywh
from dsol.data.clip import FRAMES_PER_SECOND
from dsol.data.corrections.corrected import Corrected, Label, Sound, Xywh, plain_name
from dsol.data.corrections.reading import read_correction
from dsol.data.media import find_videos, probe
from dsol.data.states import OFF_SCREEN, SEEN, SILENT, STATES
from dsol.errors import DsolError
from dsol.progress import say

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
        videos: the folder that the videos lie in, as for `dsol prepare`: they are called by their path below it, and
            asked for their frame rate where a file does not tell it.
        fps: frames a second, for files that do not tell it (CVAT), where the video is not at hand.
        per_second: how many times a second of a video becomes a frame; pictures stay what they are.

    Returns:
        What was written.

    Raises:
        DsolError: a file cannot be read, says nothing of where things are, or two say it of one video.

    Example:
        >>> correct(["export.json", "sounds.eaf"], "boxes.json", videos="videos")           # doctest: +SKIP
    """
    groups = _by_video([(Path(file), each) for file in files for each in read_correction(file)])
    known = _known(videos)
    frames = [frame for stem, group in groups.items() for frame in _frames(stem, group, known, fps, per_second)]
    boxes = Boxes(tuple(sorted({box.category for frame in frames for box in frame.boxes})), tuple(frames))
    boxes.save(out)
    count = sum(len(frame.boxes) for frame in frames)
    silent = sum(not box.sounding for frame in frames for box in frame.boxes)
    of = "1 video" if len(groups) == 1 else f"{len(groups)} videos"
    say(f"{out}: {len(frames)} frames of {of}, {count} boxes, {silent} of them silent")
    return boxes


def _by_video(read: list[Read]) -> dict[str, list[Read]]:
    """Stem of a video's name -> what is said of it. A file that names no video speaks of the only one there is."""
    groups: dict[str, list[Read]] = defaultdict(list)
    for file, each in read:
        groups[PurePosixPath(plain_name(each.video)).stem].append((file, each))
    nameless = groups.pop("", [])
    if nameless and len(groups) != 1:
        what = f"does not say which video it speaks of, and {len(groups)} are spoken of"
        raise DsolError(nameless[0][0], what, "give the files of one video at a time, with its result.json")
    for group in groups.values():
        group += nameless
    return groups


def _known(videos: str | Path | None) -> dict[str, tuple[str, Path]]:
    """Stem -> (path below the folder, the file)."""
    if videos is None:
        return {}
    found = {file.stem: (file.relative_to(videos).as_posix(), file) for file in find_videos(videos)}
    if not found:
        raise DsolError(videos, "has no videos in it", "give the folder that the videos lie in")
    return found


def _frames(
    stem: str, group: list[Read], known: dict[str, tuple[str, Path]], fps: float | None, per_second: int
) -> list[Frame]:
    file, base = _placed(stem, group)
    name = known[stem][0] if stem in known else _called(each.video for _, each in group)
    told = next((each.fps for _, each in group if each.fps), 0.0)
    rate = fps or told or (probe(known[stem][1]).fps if stem in known else 0.0)
    if base.in_frames and not rate:
        what = f"numbers the frames of {name} and does not say how many make a second"
        raise DsolError(file, what, "give --videos with the folder of the video, its result.json, or --fps")
    base = base.in_seconds(rate)
    sounds = [(sound, other is file) for other, each in group for sound in each.sounds or ()]
    tells = any(each.sounds is not None for _, each in group)
    frames = []
    for time_s in _times(base, group, per_second):
        found = base.objects_at(time_s)
        if tells:
            found = [(_heard(label, time_s, sounds), xywh) for label, xywh in found]
        frames.append(Frame(name, time_s, _boxes(found, f"{file}, {name} at {time_s:.3f} s")))
    _tell_of_unplaced(name, frames, [sound for sound, _ in sounds])
    return frames


def _placed(stem: str, group: list[Read]) -> Read:
    """The file that says where things are: one in which a person did, else the model's answer."""
    drafts = [each for each in group if each[1].draft]
    placed = [each for each in group if each[1].placed and not each[1].draft]
    for several in (placed, drafts):
        if len(several) > 1:
            what = f"says where things are in {stem}, and so does {several[0][0]}"
            raise DsolError(several[1][0], what, "give one of them")
    if not placed and not drafts:
        what = f"says when something sounds in {stem}, not where"
        raise DsolError(group[0][0], what, "give the result.json of dsol localize as well, or corrected boxes")
    return (placed or drafts)[0]


def _called(names: Iterable[str]) -> str:
    """The plain name of a video, with its suffix if any file knows it."""
    plain = [plain_name(name) for name in names if name]
    return max(plain, key=lambda name: bool(PurePosixPath(name).suffix))


def _times(base: Corrected, group: list[Read], per_second: int) -> list[float]:
    if base.stills is not None:
        return sorted(base.stills)
    last = max((at.time_s for each in base.objects or () for at in each.path), default=0.0)
    duration_s = base.duration_s or max([each.duration_s for _, each in group if not each.in_frames] + [last])
    return [round(float(t), 3) for t in np.arange(0, duration_s - 1e-3, 1 / per_second)]


def _heard(label: Label, time_s: float, sounds: list[tuple[Sound, bool]]) -> Label:
    """What an object is and does, by those who listened.

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
        say(f"{name}: {', '.join(lost)} sounds without a box, which boxes.json cannot tell (left out)")
