"""One frame of the annotated video: glow, box and label of everything that sounds, and the strip below.

Everything between two answers (four a second) glides, so that nothing jumps or flickers: the maps, the
boxes, and how visible a category is.
"""

import numpy as np
from PIL import Image

from dsol.data.media.planes import BT709, Planes, ToPlanes, even, planes_of
from dsol.data.states import SEEN, UNKNOWN
from dsol.localize.heat import glow_of
from dsol.localize.localization import Timeline
from dsol.localize.marks import VISIBLE, Marks, glide
from dsol.localize.palette import NIGHT, colours_of
from dsol.localize.pen import Canvas, Pen
from dsol.localize.show import Show
from dsol.localize.strip import Strip, lanes_of

SMALLEST_SIDE = 320  # pixels; smaller pictures are doubled (or more), or labels would cover them
LARGEST_SIDE = 4096  # pixels up to which a small picture is enlarged, however thin it is
USUAL = Show()


class Painter:
    """Paints the frames of one video.

    Args:
        timeline: who sounds when, in the whole video.
        show: what is painted.

    Attributes:
        places: the categories that are painted, as places in `timeline.categories`.
        size: width and height of the painted frames in pixels, both even as video encoders want them.
    """

    def __init__(self, timeline: Timeline, show: Show = USUAL):
        self.timeline, self.show = timeline, show
        there = np.flatnonzero((timeline.states >= 0).any(axis=0)).tolist()
        self.places = np.array(sorted({*timeline.heard, *there}), int)
        self.colours = colours_of(self.places.tolist())
        self.sounding = np.isin(timeline.states[:, self.places], (SEEN, UNKNOWN))
        times = _zoom(timeline.size)
        self.picture = even((timeline.size[0] * times, timeline.size[1] * times))
        width = max(self.picture[0], SMALLEST_SIDE)  # the strip must have room
        self.letters = min(max(round(6 + width / 70), 11), 32)
        lanes = lanes_of(timeline, {k: self.colours[k] for k in timeline.audible})
        self.strip = Strip(lanes, timeline.duration_s, width, self.letters)
        self.size = even((width, self.picture[1] + self.strip.height))
        self.marks = Marks(timeline, show, self.colours, self.picture, self.letters)

    def canvas(self, matrix: int = BT709) -> Canvas:
        """What the frames of a film are painted on; `matrix` says how the colours of its pictures are coded."""
        return Canvas(self.size, NIGHT, matrix)

    def paint(self, canvas: Canvas, planes: Planes, time_s: float, maps: np.ndarray) -> None:
        """Paint the annotated frame of one moment.

        Args:
            canvas: that of the moment before, or a new one.
            planes: of the picture, of the size `picture`.
            time_s: its time from the start of the video in seconds.
            maps: (len(places), H, W) the maps of the painted categories at that time.
        """
        self._paint_picture(canvas, planes, time_s, maps)
        if canvas.below != (moment := self.strip.moment(time_s)):
            strip = np.asarray(self.strip.at(time_s))
            canvas.put(planes_of(canvas.to_planes(strip)), self.picture[1])
            canvas.below = moment

    def paint_picture(self, frame: np.ndarray, time_s: float, maps: np.ndarray) -> Image.Image:
        """The annotated picture without the strip, RGB; of `frame`, (height, width, 3) uint8 RGB."""
        canvas, image = Canvas(self.picture, NIGHT), Image.fromarray(frame)
        if image.size != self.picture:
            image = image.resize(self.picture, Image.Resampling.BILINEAR)
        self._paint_picture(canvas, planes_of(ToPlanes()(np.asarray(image))), time_s, maps)
        return canvas.image()

    def _paint_picture(self, canvas: Canvas, planes: Planes, time_s: float, maps: np.ndarray) -> None:
        visible = glide(self.timeline.times_s, self.sounding, time_s)  # fades within the time between two answers
        shown = [n for n in range(len(self.places)) if visible[n] > VISIBLE]
        if shown and self.show.heat:
            heats = [(maps[n], self.colours[int(self.places[n])], float(visible[n])) for n in shown]
            canvas.put_glow(planes, glow_of(heats, self.picture))
        else:
            canvas.put(planes)
        self.marks.draw(Pen(canvas, self.picture), time_s)


def _zoom(size: tuple[int, int]) -> int:
    return max(1, min(-(-SMALLEST_SIDE // min(size)), LARGEST_SIDE // max(size)))
