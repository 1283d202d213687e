"""The pictures that the boxes speak of, as JPEG files: for tools that know no video."""

from pathlib import Path

from PIL import Image

from dsol.data.media import read_seconds
from dsol.errors import DsolError
from dsol.files import whole
from dsol.localize.localization import Timeline

QUALITY = 92  # of the JPEG files


def frame_names(timeline: Timeline, folder: str) -> tuple[str, ...]:
    """T names of files, FOLDER/SECONDS.jpg: what stands in boxes.coco.json as `file_name`.

    Example:
        >>> frame_names(timeline, "party")[:2]                                  # doctest: +SKIP
        ('party/00000.000.jpg', 'party/00000.250.jpg')
    """
    return tuple(f"{folder}/{time_s:09.3f}.jpg" for time_s in timeline.times_s)


def write_frames(video: str | Path, timeline: Timeline, out: str | Path, audio_track: int | None = None) -> None:
    """Write a JPEG file for each of `timeline.frame_names`, in the video's own size.

    Args:
        video: the original.
        timeline: of the whole video, with `frame_names`.
        out: the folder that the names begin in; made if missing.
        audio_track: the sound track that the answer is of.

    Raises:
        DsolError: a picture cannot be written.
    """
    names = timeline.frame_names or ()
    per_second = round(1 / min((timeline.times_s[1:] - timeline.times_s[:-1]).tolist() or [1.0]))
    seconds = read_seconds(video, frames_per_second=per_second, whole_only=False, audio_track=audio_track)
    pictures = (frame for second in seconds for frame in second.frames)
    try:
        for name, picture in zip(names, pictures, strict=True):
            path = Path(out) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole(path) as partial:
                Image.fromarray(picture).save(partial, format="JPEG", quality=QUALITY)
    except OSError as error:
        what = f"cannot be written: {error.strerror or error}"
        raise DsolError(out, what, "free some space, or choose another folder") from None
