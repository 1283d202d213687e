"""Pictures and videos for the page beside the original: whether browsers play it, what they play in its place."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from dsol.data.media import Second, VideoWriter, probe, read_frames, read_seconds
from dsol.data.media.opening import opened, picture_stream, sound_streams
from dsol.files import whole
from dsol.localize.localization import USUAL_FPS, Timeline
from dsol.localize.moments import painted_at
from dsol.progress import Track

# What browsers of today play: container (as FFmpeg names it) -> type, codecs of the picture, of the sound.
PLAYED = {
    "mov,mp4,m4a,3gp,3g2,mj2": ("video/mp4", {"h264", "av1", "libdav1d", "vp9"}, {"aac", "mp3", "mp3float", "opus"}),
    "matroska,webm": ("video/webm", {"vp8", "vp9", "av1", "libdav1d", "h264"}, {"opus", "vorbis", "libopus"}),
}
PLAIN = ("yuv420p", "yuvj420p")  # the form of picture that all decoders have
STILL_WIDE, QUALITY = 640, 80  # pixels; of JPEG


def kind_of(video: str | Path) -> str:
    """The media type of a video that browsers play, "" for others.

    Raises:
        DsolError: it is no video.

    Example:
        >>> kind_of("party.mp4")                                                # doctest: +SKIP
        'video/mp4'
    """
    with opened(video) as container:
        kind, pictures, sounds = PLAYED.get(container.format.name, ("", set(), set()))
        picture = picture_stream(container)
        if picture is None or picture.codec_context.name not in pictures or picture.codec_context.pix_fmt not in PLAIN:
            return ""
        return kind if all(each.codec_context.name in sounds for each in sound_streams(container)) else ""


class Stills:
    """A small picture of each second, still-N.jpg, for a video that the browser cannot show; a context.

    Args:
        video: the file.
        folder: for the pictures.
        playable: then none is made.
    """

    def __init__(self, video: str | Path, folder: Path, playable: bool):
        self._folder, self._seconds = folder, None if playable else self._read(video)

    @staticmethod
    def _read(video: str | Path) -> Iterator[Second]:
        yield from read_seconds(video, frames_per_second=1, whole_only=False)

    def __enter__(self) -> "Stills":
        return self

    def __exit__(self, *_: object) -> None:
        if self._seconds is not None:
            self._seconds.close()  # type: ignore[attr-defined]

    def next(self) -> None:
        """Write the picture of the next second."""
        if self._seconds is not None and (second := next(self._seconds, None)) is not None:
            picture = Image.fromarray(second.frames[0])
            picture.thumbnail((STILL_WIDE, STILL_WIDE))
            _save(picture, self._folder / f"still-{second.index}.jpg")


def write_watchable(video: str | Path, out: Path, track: Track) -> None:
    """The video as an mp4 that browsers play.

    Raises:
        DsolError: it cannot be read or written.
    """
    info = probe(video)
    fps = info.fps or USUAL_FPS
    frames = track(read_frames(video), "Converting for the page", round(info.duration_s * fps), "frames")
    with VideoWriter(out, info.width, info.height, fps, sound_from=video) as writer:
        for time_s, frame in frames:
            writer.write(frame, time_s)


def write_poster(timeline: Timeline, time_s: float, maps: np.ndarray, video: str | Path, out: Path) -> None:
    """The picture of one moment with what sounds in it, as JPEG.

    Args:
        timeline: of the whole video.
        time_s: the moment, one of `timeline.times_s`.
        maps: (K, H, W) those of that moment.
        video: the original.
        out: the file.
    """
    dark = np.zeros_like(maps)
    each = (maps if t == time_s else dark for t in timeline.times_s)
    for _, picture in painted_at([time_s], timeline, each, video):
        _save(picture, out)


def _save(picture: Image.Image, out: Path) -> None:
    with whole(out) as partial:
        picture.save(partial, format="JPEG", quality=QUALITY)
