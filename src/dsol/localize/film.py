"""The annotated video: every frame of the original, its sound, and what was found, painted over it.

video ─Pictures─▶ planes ─Painter─▶ planes ─VideoWriter─▶ mp4          each in a thread of its own
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import av
import numpy as np

from dsol.data.ahead import ahead
from dsol.data.media import VideoWriter, probe
from dsol.data.media.planes import Pictures, planes_of
from dsol.errors import DsolError
from dsol.localize.localization import USUAL_FPS, Localization, Timeline
from dsol.localize.painter import USUAL, Painter
from dsol.localize.show import Show
from dsol.progress import Track, track

Shown = tuple[float, av.VideoFrame]  # s from the start, planes of the picture
STANDS_S = 0.5  # seconds that one painted frame stands at most


def render(
    found: Localization,
    video: str | Path,
    out: str | Path,
    audio_track: int | None = None,
    show: Show = USUAL,
) -> Path:
    """Write the annotated video.

    Args:
        found: what `Localizer` found in it.
        video: the original.
        out: the .mp4 to write; whole or not at all, and never over the original.
        audio_track: the sound track that is kept, as for `Localizer`.
        show: what is painted.

    Returns:
        `out`.

    Raises:
        DsolError: the original cannot be read, `out` is the original, or cannot be written.

    Example:
        >>> dsol.render(localizer("party.mp4"), "party.mp4", "party_found.mp4").name
        'party_found.mp4'
    """
    timeline = found.timeline()
    return film(timeline, (maps for maps in found.maps), video, out, audio_track=audio_track, show=show)


def film(
    timeline: Timeline,
    maps: Iterable[np.ndarray],
    video: str | Path,
    out: str | Path,
    track: Track = track,
    audio_track: int | None = None,
    show: Show = USUAL,
) -> Path:
    """`render` with the maps one after the other, for a video of any length.

    Args:
        timeline: of the whole video.
        maps: T arrays (K, H, W), one for each of `timeline.times_s`.
        video, out, audio_track, show: as in `render`.
        track: as in `localize_video`.
    """
    refuse_to_replace(video, out)
    painter, info = Painter(timeline, show), probe(video)
    fps = info.fps or USUAL_FPS
    pictures = Pictures(video, painter.picture, audio_track)
    gliding = Gliding(timeline.times_s, (each[painter.places] for each in maps))
    shown = _never_still(ahead(pictures), float(timeline.edges_s[-1]))
    with closing(ahead(_painted(painter, pictures.matrix, shown, gliding))) as frames:
        told = track(frames, f"Painting {Path(timeline.video).name}", round(info.duration_s * fps), "frames")
        how: dict = {"sound_from": video, "audio_track": audio_track, "matrix": pictures.matrix}
        with VideoWriter(out, *painter.size, fps, **how) as writer:
            for time_s, frame in told:
                writer.write_planes(frame, time_s)
    return Path(out)


def _painted(painter: Painter, matrix: int, shown: Iterable[Shown], gliding: "Gliding") -> Iterator[Shown]:
    canvas = painter.canvas(matrix)
    for time_s, picture in shown:
        painter.paint(canvas, planes_of(picture), time_s, gliding.at(time_s))
        yield time_s, canvas.frame()


def _never_still(frames: Iterable[Shown], end_s: float) -> Iterator[Shown]:
    """The frames, and those that stand longer than `STANDS_S` again and again: what is painted over them moves on."""
    held: Shown | None = None
    for time_s, frame in frames:
        yield from _again(held, time_s)
        held = time_s, frame
        yield held
    yield from _again(held, end_s)


def _again(held: Shown | None, until_s: float) -> Iterator[Shown]:
    if held is not None:
        times = int((until_s - held[0]) / STANDS_S - 1e-6)
        yield from ((held[0] + (n + 1) * STANDS_S, held[1]) for n in range(times))


def refuse_to_replace(video: str | Path, out: str | Path) -> None:
    """Raises DsolError where `out` is the original itself, by whatever path."""
    if Path(out).exists() and Path(out).samefile(video):
        raise DsolError(out, "is the video itself", "write the result somewhere else")


class Gliding:
    """Maps at any time, read from a stream of them; linear between two answers.

    Args:
        times_s: (T,) seconds, rising.
        maps: T arrays of one shape, read as time goes on: two are in memory.
    """

    def __init__(self, times_s: np.ndarray, maps: Iterable[np.ndarray]):
        self._answers: Iterator[tuple[float, np.ndarray]] = zip(times_s.tolist(), maps, strict=True)
        self._before = self._after = next(self._answers)

    def at(self, time_s: float) -> np.ndarray:
        """The maps at a time; times must not fall from call to call."""
        while self._after[0] < time_s:
            following = next(self._answers, None)
            if following is None:
                return self._after[1]
            self._before, self._after = self._after, following
        (start, first), (end, second) = self._before, self._after
        share = (time_s - start) / (end - start) if end > start else 1.0
        return first + np.float32(min(max(share, 0.0), 1.0)) * (second - first)
