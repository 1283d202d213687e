"""Pictures as video holds them: brightness Y and, half as wide and high, two planes of colour U and V.

Most video is decoded to this and encoded from this: who paints on it need not convert a picture to RGB and back.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter
from PIL import Image

from dsol.data.media.decoding import pictures, start_of
from dsol.data.media.hdr import TRANSFERS
from dsol.data.media.opening import pixel_aspect
from dsol.data.media.pixels import HD_LINES, UNSPECIFIED, Screen

BT601, BT709 = 6, 1  # AVCOL_SPC_SMPTE170M and _BT709, and so for primaries and transfer
KNOWN = {BT709: BT709, BT601: BT601, 5: BT601}  # 5: BT470BG, the same matrix
FULL_RANGE = 2  # AVCOL_RANGE_JPEG
WEIGHTS = {BT601: (0.299, 0.114), BT709: (0.2126, 0.0722)}  # of red and blue in the brightness
Planes = tuple[np.ndarray, ...]  # Y (H, W), U and V (H/2, W/2), uint8


@cache
def in_planes(colour: tuple[int, int, int], matrix: int = BT709) -> tuple[int, int, int]:
    """Red, green and blue as Y, U and V.

    Args:
        colour: 0 to 255 each.
        matrix: `BT601` or `BT709`.

    Example:
        >>> in_planes((255, 255, 255)), in_planes((0, 0, 0))
        ((235, 128, 128), (16, 128, 128))
    """
    red, green, blue = (value / 255 for value in colour)
    of_red, of_blue = WEIGHTS[matrix]
    bright = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    u, v = 0.5 * (blue - bright) / (1 - of_blue), 0.5 * (red - bright) / (1 - of_red)
    return round(16 + 219 * bright), round(128 + 224 * u), round(128 + 224 * v)


class Pictures:
    """Every picture of a video, in planes and as shown, of an even size.

    Args:
        path: of the video.
        size: (width, height) to scale to, both even; None for that as shown, made even.
        audio_track: the sound track that is read with it, see `read_frames`.

    Attributes:
        matrix: how colours are coded, `BT601` or `BT709`.

    Raises:
        DsolError: as `read_frames`, on the way, too.

    Example:
        >>> for time_s, picture in Pictures("party.mp4"):                               # doctest: +SKIP
        ...     y, u, v = planes_of(picture)
    """

    def __init__(self, path: str | Path, size: tuple[int, int] | None = None, audio_track: int | None = None):
        self.path, self.audio_track = path, audio_track
        first = next(pictures(path))[1]
        self._screen = Screen(first, aspect=pixel_aspect(path))
        self._size = size or even(self._screen.size)
        stored = first.width, first.height
        self._plain = self._screen.size == self._size == stored and not self._screen.turns
        self.matrix = (_matrix(first) if self._plain and _is_plain(first) else None) or BT709

    def __iter__(self) -> Iterator[tuple[float, av.VideoFrame]]:
        """(time in s from the start of the video, picture in the format yuv420p)."""
        start_s, to_planes = start_of(self.path, self.audio_track), ToPlanes(self.matrix)
        for time_s, frame in pictures(self.path):
            yield time_s - start_s, frame if self._is_shown(frame) else to_planes(self._rgb(frame))

    def _rgb(self, frame: av.VideoFrame) -> np.ndarray:
        rgb = self._screen.show(frame)
        if even(self._screen.size) == self._size:
            return rgb
        return np.asarray(Image.fromarray(rgb).resize(self._size, Image.Resampling.BILINEAR))

    def _is_shown(self, frame: av.VideoFrame) -> bool:
        """Whether a decoded picture can be taken as it is."""
        same = self._plain and (frame.width, frame.height) == self._size
        return same and _is_plain(frame) and _matrix(frame) == self.matrix


class ToPlanes:
    """Converts RGB pictures to planes.

    Args:
        matrix: `BT601` or `BT709`.
    """

    def __init__(self, matrix: int = BT709):
        self._reformatter = VideoReformatter()  # kept: to prepare one takes longer than a picture
        self._to = {BT601: Colorspace.ITU601, BT709: Colorspace.ITU709}[matrix]

    def __call__(self, rgb: np.ndarray) -> av.VideoFrame:
        """(H, W, 3) uint8 as yuv420p; an odd side gets one more row or column, a copy of the last."""
        odd = [(0, side % 2) for side in rgb.shape[:2]]
        rgb = np.pad(rgb, [*odd, (0, 0)], mode="edge") if any(more for _, more in odd) else np.ascontiguousarray(rgb)
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
        return self._reformatter.reformat(
            frame, format="yuv420p", dst_colorspace=self._to, interpolation="BICUBIC", threads=1
        )


def planes_of(frame: av.VideoFrame) -> Planes:
    """The planes of a yuv420p frame, not copied."""
    found = []
    for plane in frame.planes:
        lines = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * plane.height]
        found.append(lines.reshape(plane.height, plane.line_size)[:, : plane.width])
    return tuple(found)


def even(size: tuple[int, int]) -> tuple[int, int]:
    """A size with one more column or row where it is odd."""
    width, height = size
    return width + width % 2, height + height % 2


def _is_plain(frame: av.VideoFrame) -> bool:
    """Whether its planes can be taken as they are."""
    return (
        frame.format.name == "yuv420p"
        and int(frame.color_range) != FULL_RANGE
        and not frame.interlaced_frame
        and int(frame.color_trc) not in TRANSFERS
        and all(plane.line_size > 0 for plane in frame.planes)
    )


def _matrix(frame: av.VideoFrame) -> int | None:
    told = int(frame.colorspace)
    if told == UNSPECIFIED:
        return BT709 if frame.height >= HD_LINES else BT601
    return KNOWN.get(told)
