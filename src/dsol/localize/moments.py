"""A look at the result without playing it: one sheet of pictures, and a few seconds that move.

stretches ──▶ the surest moments ──▶ preview.jpg
states ──▶ the few seconds in which most sounds ──▶ localized.gif
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dsol.data.media import read_frames
from dsol.data.states import OFF_SCREEN, SEEN, UNKNOWN
from dsol.files import whole
from dsol.localize.film import Gliding
from dsol.localize.localization import Timeline
from dsol.localize.painter import USUAL, Painter
from dsol.localize.palette import MIST, NIGHT, SNOW, font
from dsol.localize.show import Show

MOST_PICTURES = 12  # on a sheet
APART_S = 0.5  # seconds between two pictures of a sheet, at least
ACROSS, WIDE, GAP = 3, 420, 12  # pictures in a row; width of one, and space round it, in pixels
GIF_WIDE, GIF_FPS = 480, 10  # pixels, at most; pictures a second


def write_preview(
    timeline: Timeline,
    maps: Iterable[np.ndarray],
    video: str | Path,
    out: str | Path,
    show: Show = USUAL,
    audio_track: int | None = None,
) -> Path:
    """Write one sheet of pictures: the surest moment of each stretch, or a few even steps where nothing sounds.

    Args:
        timeline: of the whole video.
        maps: T arrays (K, H, W), one for each of `timeline.times_s`.
        video: the original.
        out: the .jpg to write, whole or not at all.
        show: what is painted.
        audio_track: the sound track that the answer is of: it may begin the clock of a video.

    Raises:
        DsolError: the original cannot be read.
    """
    pictures = list(painted_at(_surest(timeline), timeline, maps, video, show, audio_track))
    across = min(ACROSS, len(pictures))
    width = min(WIDE * ACROSS // across, pictures[0][1].width)
    height = round(width * pictures[0][1].height / pictures[0][1].width)
    letters = max(12, width // 24)
    step = width + GAP, height + 2 * letters + GAP
    rows = -(-len(pictures) // across)
    sheet = Image.new("RGB", (across * step[0] + GAP, rows * step[1] + 3 * letters), NIGHT)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, 1.5 * letters), Path(timeline.video).name, SNOW, font(letters + 2), anchor="lm")
    for n, (time_s, picture) in enumerate(pictures):
        left, top = GAP + n % across * step[0], 3 * letters + n // across * step[1]
        sheet.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (left, top))
        draw.text((left, top + height + letters), f"{time_s:.2f} s", MIST, font(letters), anchor="lm")
    return _save(sheet, Path(out), "JPEG", quality=88)


def write_gif(
    timeline: Timeline,
    maps: Iterable[np.ndarray],
    video: str | Path,
    out: str | Path,
    seconds: float,
    show: Show = USUAL,
    audio_track: int | None = None,
) -> Path:
    """Write a GIF of the few seconds in which most sounds; arguments as of `write_preview`.

    Args:
        seconds: how long it is, at most.
    """
    start_s = _liveliest(timeline, seconds)
    end_s = min(start_s + seconds, float(timeline.edges_s[-1]))
    times = np.arange(start_s, end_s - 1e-6, 1 / GIF_FPS).tolist()
    pictures = [_small(picture) for _, picture in painted_at(times, timeline, maps, video, show, audio_track)]
    colours = pictures[len(pictures) // 2].quantize(255)  # one set for all: else every picture flickers in its own
    frames = [picture.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG) for picture in pictures]
    return _save(frames[0], Path(out), "GIF", save_all=True, append_images=frames[1:], duration=1000 // GIF_FPS, loop=0)


def painted_at(
    times: Sequence[float],
    timeline: Timeline,
    maps: Iterable[np.ndarray],
    video: str | Path,
    show: Show = USUAL,
    audio_track: int | None = None,
) -> Iterator[tuple[float, Image.Image]]:
    """(time, painted picture) of the frame on screen at each of some times, rising; other arguments as above."""
    painter = Painter(timeline, show)
    gliding = Gliding(timeline.times_s, (each[painter.places] for each in maps))
    waiting = list(times)
    shown: np.ndarray | None = None
    for now_s, frame in chain(read_frames(video, audio_track), [(float("inf"), None)]):
        while shown is not None and waiting and waiting[0] < now_s - 1e-6:
            time_s = waiting.pop(0)
            yield time_s, painter.paint_picture(shown, time_s, gliding.at(time_s))
        if not waiting:
            return
        shown = frame


def _surest(timeline: Timeline) -> list[float]:
    """The times of a sheet's pictures: of the best stretches first, as long as they are apart; by time."""
    chosen: list[float] = []
    for stretch in sorted(timeline.stretches(), key=lambda s: (not s.sounding, -s.score)):
        if len(chosen) < MOST_PICTURES and all(abs(stretch.at_s - other) >= APART_S for other in chosen):
            chosen.append(stretch.at_s)
    even = np.linspace(0, float(timeline.times_s[-1]), ACROSS).tolist()
    return sorted(chosen) or sorted(set(even))


def _liveliest(timeline: Timeline, seconds: float) -> float:
    """Where the stretch of so many seconds begins in which scores of what sounds are the highest in sum."""
    sounds = np.isin(timeline.states, (SEEN, OFF_SCREEN, UNKNOWN))
    level = (timeline.score * sounds).sum(axis=1)
    length = max(1, int(np.searchsorted(timeline.times_s, timeline.times_s[0] + seconds - 1e-6)))
    sums = np.convolve(level, np.ones(min(length, len(level))), mode="valid")
    return float(timeline.times_s[int(sums.argmax())])


def _small(picture: Image.Image) -> Image.Image:
    width = min(GIF_WIDE, picture.width)
    return picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS)


def _save(image: Image.Image, out: Path, kind: str, **options) -> Path:
    with whole(out) as partial:
        image.save(partial, format=kind, **options)
    return out
