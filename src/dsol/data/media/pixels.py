"""From a decoded picture to RGB as shown: rotated, resized, in the right colours."""

import av
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter

from dsol.data.media.hdr import TRANSFERS, to_sdr

HD_LINES = 720  # from here on, video that does not say how its colours are coded follows BT.709
UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED


class Screen:
    """Converts the pictures of one video, all rotated and scaled as its first one says.

    High dynamic range becomes standard range; of interlaced pictures one field is shown, whose lines belong together;
    what is transparent is black, as in players.

    Args:
        first: the first decoded picture. Read only once: reading the side data of a frame creates a
            reference cycle, and frames must be freed at once.
        size: (width, height) in pixels to scale to; None for that of the first picture as shown.
        aspect: width of a pixel over its height, as stored.

    Attributes:
        size: (width, height) of what `show` returns.
        turns: whether pictures are stored turned or mirrored.
    """

    def __init__(self, first: av.VideoFrame, size: tuple[int, int] | None = None, aspect: float = 1.0):
        self._swap, self._flip_x, self._flip_y = _turn(first)
        stored = (max(1, round(first.width * aspect)), first.height)
        shown = (stored[1], stored[0]) if self._swap else stored
        self.size = size or shown
        self.turns = self._swap or self._flip_x or self._flip_y
        self._reformatter = VideoReformatter()  # kept: to prepare one takes longer than a picture

    def show(self, frame: av.VideoFrame) -> np.ndarray:
        """A decoded picture as (height, width, 3) uint8 RGB, scaled by bicubic interpolation with antialiasing."""
        width, height = self.size[::-1] if self._swap else self.size
        rgb = self._rgb(frame, width, height)
        rgb = rgb.transpose(1, 0, 2) if self._swap else rgb
        return np.ascontiguousarray(rgb[:: -1 if self._flip_y else 1, :: -1 if self._flip_x else 1])

    def _rgb(self, frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
        unstated_hd = frame.height >= HD_LINES and frame.colorspace == UNSPECIFIED
        transfer = TRANSFERS.get(int(frame.color_trc))
        transparent = any(component.is_alpha for component in frame.format.components)
        form = "rgb48le" if transfer else "rgba" if transparent else "rgb24"
        field = _one_field(frame) if frame.interlaced_frame else frame
        matrix = Colorspace.ITU709 if unstated_hd else None
        scaled = self._reformatter.reformat(
            field,
            width,
            height,
            form,
            src_colorspace=matrix,
            interpolation="BICUBIC",
            threads=1,
        ).to_ndarray()
        if transfer:
            return to_sdr(scaled, transfer)
        if transparent:
            return (scaled[..., :3] * (scaled[..., 3:] / np.float32(255)) + 0.5).astype(np.uint8)
        return scaled


def _one_field(frame: av.VideoFrame) -> av.VideoFrame:
    """Every second line of a picture, from the first on: half as high, one moment in place of two."""
    if frame.height < 2 or any(plane.line_size <= 0 for plane in frame.planes):
        return frame
    field = av.VideoFrame(frame.width, (frame.height + 1) // 2, frame.format.name)
    for source, target in zip(frame.planes, field.planes, strict=True):
        lines = np.frombuffer(memoryview(source), np.uint8).reshape(-1, source.line_size)[::2]
        room = np.frombuffer(memoryview(target), np.uint8).reshape(-1, target.line_size)
        high, wide = min(len(lines), len(room)), min(lines.shape[1], room.shape[1])
        room[:high, :wide] = lines[:high, :wide]
    field.colorspace, field.color_range = frame.colorspace, frame.color_range
    return field


def _turn(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """Whether to transpose, then to flip left-right, then top-bottom, by the file's display matrix.

    The matrix sends the stored pixel (p, q) to x = a·p + c·q, y = b·p + d·q, up to a shift.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    swap = abs(b) + abs(c) > abs(a) + abs(d)
    return (True, c < 0, b < 0) if swap else (False, a < 0, d < 0)
