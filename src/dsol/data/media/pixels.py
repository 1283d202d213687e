"""From a decoded picture to RGB as it is shown: turned, in size, in the right colours."""

import av
import numpy as np

HD_LINES = 720  # from here on, video that does not say how its colours are coded follows BT.709
UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED


class Screen:
    """Shows the pictures of one video, all turned and scaled as its first one asks.

    Args:
        first: the first decoded picture. Asked only once: reading the side data of a frame ties it into a
            reference cycle, and frames must go as soon as they are shown.
        size: (width, height) in pixels to scale to; None for that of the first picture as shown.

    Attributes:
        size: (width, height) of what `show` returns.
    """

    def __init__(self, first: av.VideoFrame, size: tuple[int, int] | None = None):
        self._swap, self._mirror, self._flip = _turn(first)
        self.size = size or ((first.height, first.width) if self._swap else (first.width, first.height))

    def show(self, frame: av.VideoFrame) -> np.ndarray:
        """A decoded picture as (height, width, 3) uint8 RGB, scaled by bicubic interpolation with antialiasing."""
        width, height = self.size[::-1] if self._swap else self.size
        untold_hd = frame.height >= HD_LINES and frame.colorspace == UNSPECIFIED
        colours = "ITU709" if untold_hd else None
        scaled = frame.reformat(width, height, "rgb24", src_colorspace=colours, interpolation="BICUBIC", threads=1)
        rgb = scaled.to_ndarray()
        rgb = rgb.transpose(1, 0, 2) if self._swap else rgb
        return np.ascontiguousarray(rgb[:: -1 if self._flip else 1, :: -1 if self._mirror else 1])


def _turn(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """Whether to transpose, then to mirror left-right, then top-bottom, by the file's display matrix.

    The matrix sends the stored pixel (p, q) to x = a·p + c·q, y = b·p + d·q, up to a shift.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    swap = abs(b) + abs(c) > abs(a) + abs(d)
    return (True, c < 0, b < 0) if swap else (False, a < 0, d < 0)
