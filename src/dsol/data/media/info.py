"""Which videos there are, and what each says of itself."""

from dataclasses import dataclass
from pathlib import Path

from dsol.data.media.opening import decoded, opened, packet_span, picture_rate, stream_of
from dsol.data.media.pixels import Screen

VIDEO_SUFFIXES = (".mp4", ".webm", ".mkv", ".avi", ".mov")
SOUND_SUFFIXES = (".ogg", ".wav", ".flac", ".mp3", ".m4a")  # of recordings without a picture


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        path: the file.
        duration_s: seconds, of the longest track; as stated, or measured where a file does not say.
        width: pixels, as shown: after the rotation that the file asks for.
        height: pixels, as shown.
        fps: frames a second, on average.
        sample_rate: Hz, 0 without a sound track.
        channels: of the sound, 0 without a sound track.
    """

    path: Path
    duration_s: float
    width: int
    height: int
    fps: float
    sample_rate: int
    channels: int


def find_videos(folder: str | Path) -> list[Path]:
    """All files under `folder` with one of `VIDEO_SUFFIXES`, in any case, sorted; hidden ones left out.

    Example:
        >>> find_videos("videos")                                                       # doctest: +SKIP
        [PosixPath('videos/cello/a.mp4'), PosixPath('videos/flute/b.webm')]
    """
    return _find(folder, VIDEO_SUFFIXES)


def find_sounds(folder: str | Path) -> list[Path]:
    """As `find_videos`: recordings without a picture, with one of `SOUND_SUFFIXES`."""
    return _find(folder, SOUND_SUFFIXES)


def _find(folder: str | Path, suffixes: tuple[str, ...]) -> list[Path]:
    paths = (p for p in Path(folder).rglob("*") if p.suffix.lower() in suffixes)
    return sorted(p for p in paths if p.is_file() and not p.name.startswith("."))


def probe(path: str | Path) -> VideoInfo:
    """Open a video and decode its first picture.

    Raises:
        DsolError: missing, unreadable, empty, no video, or without a picture.

    Example:
        >>> probe("party.mp4").fps                                                      # doctest: +SKIP
        25.0
    """
    width, height = Screen(next(decoded(path, "video"))[1]).size
    with opened(path) as container:
        first_s, last_s = packet_span(path) if container.duration is None else (0, container.duration / 1e6)
        picture, sound = stream_of(container, "video"), stream_of(container, "audio")
        assert picture is not None, "one frame of it has been decoded"
        return VideoInfo(
            path=Path(path),
            duration_s=last_s - first_s,
            width=width,
            height=height,
            fps=picture_rate(picture),
            sample_rate=sound.codec_context.sample_rate if sound else 0,
            channels=sound.codec_context.layout.nb_channels if sound else 0,
        )
