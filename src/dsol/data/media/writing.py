"""Write a video, whole or not at all, with the sound of another one copied."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.error import ExternalError, FFmpegError
from av.video.stream import VideoStream

from dsol.data.media.opening import reason
from dsol.data.media.planes import BT709, ToPlanes
from dsol.data.media.track import Packets, copied_sound, encoded_sound, no_sound
from dsol.errors import DsolError
from dsol.files import partial_of

TICKS = 90_000  # to a second of picture
H264 = {"preset": "veryfast", "crf": "20"}


class VideoWriter:
    """An mp4 file (H.264) that appears when it is complete; a context manager.

    Frames go out as they come, with the sound in step: no memory grows with the length.

    Args:
        path: of the mp4; its folder is made. Until it is complete it lies beside it, see `partial_of`.
        width, height: of the frames, in pixels; an odd size gets one more row or column, a copy of the last.
        fps: frames a second, where `write` gets no times; otherwise only how long the last frame lasts.
        sound_from: a video whose sound to copy, packet by packet (AAC, MP3, Opus, FLAC, ALAC, AC-3) or, where mp4
            cannot hold it, encoded anew as AAC. Without a sound track there the result is silent. Broken sound
            is copied up to where it breaks off.
        audio_track: which sound track of `sound_from`, counted from 1; see `dsol.data.media.decoding.sound_stream`.
        matrix: how the colours of `write_planes` are coded; BT709 is what players assume.
        waveform: (samples,) or (channels, samples) float32 in [-1, 1] instead.
        sample_rate: Hz of `waveform`.

    Raises:
        DsolError: the file cannot be written, for lack of space or permission; what was there before still is.

    Example:
        >>> with VideoWriter("found.mp4", 640, 360, 25, sound_from="party.mp4") as video:       # doctest: +SKIP
        ...     for time_s, frame in read_frames("party.mp4"):
        ...         video.write(frame, time_s)
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: float,
        sound_from: str | Path | None = None,
        waveform: np.ndarray | None = None,
        sample_rate: int | None = None,
        audio_track: int | None = None,
        matrix: int = BT709,
    ):
        if waveform is not None and (sound_from is not None or not sample_rate):
            raise ValueError("a waveform needs a sample rate, and no other sound beside it")
        self.path, self._partial = Path(path), partial_of(path)
        self._shape, self._fps = (height, width, 3), min(max(fps, 1.0), 1000.0)
        self._sound_from, self._waveform, self._rate = sound_from, waveform, sample_rate
        self._audio_track = audio_track
        self._matrix, self._to_planes = matrix, ToPlanes(matrix)
        self._sound = no_sound()
        self._count, self._last_pts = 0, -1

    def __enter__(self) -> "VideoWriter":
        with self._reported():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            options = {"movflags": "+faststart"}  # index first: browsers start at once
            self._out = av.open(f"file:{self._partial}", "w", format="mp4", options=options)
            try:
                self._picture = _picture_track(self._out, self._shape, self._fps, self._matrix)
                self._sound = self._sound_packets()
                self._next_sound = next(self._sound, None)
            except BaseException:
                self._discard()
                raise
        return self

    def write(self, frame: np.ndarray, time_s: float | None = None) -> None:
        """Add one frame.

        Args:
            frame: (height, width, 3) uint8 RGB.
            time_s: when it appears, in s from the start; after the one before. In even steps if None.
        """
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"frame {frame.shape} {frame.dtype}, expected {self._shape} uint8")
        self.write_planes(self._to_planes(frame), time_s)

    def write_planes(self, picture: av.VideoFrame, time_s: float | None = None) -> None:
        """`write` of a picture of the format yuv420p, of the frames' size made even; it is not to be changed later."""
        time_s = self._count / self._fps if time_s is None else time_s
        self._last_pts = picture.pts = max(round(time_s * TICKS), self._last_pts + 1)
        picture.time_base, picture.duration = Fraction(1, TICKS), round(TICKS / self._fps)
        self._count += 1
        with self._reported():
            self._mux_sound(time_s)
            self._out.mux(self._picture.encode(picture))

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                with self._reported():
                    self._finish()
        finally:
            self._discard()

    def _finish(self) -> None:
        self._out.mux(self._picture.encode(None))
        self._mux_sound(float("inf"))
        self._out.close()
        os.replace(self._partial, self.path)

    def _discard(self) -> None:
        """Leave no half-written file; nothing to do after success."""
        self._sound.close()
        with suppress(FFmpegError, OSError):
            self._out.close()
        self._partial.unlink(missing_ok=True)

    def _sound_packets(self) -> Packets:
        if self._sound_from is not None:
            return copied_sound(self._out, self._sound_from, self._audio_track)
        if self._waveform is not None and self._rate:
            return encoded_sound(self._out, np.atleast_2d(self._waveform), self._rate)
        return no_sound()

    def _mux_sound(self, until_s: float) -> None:
        while (packet := self._next_sound) is not None and (packet.pts or 0) * packet.time_base <= until_s:
            self._out.mux(packet)
            self._next_sound = next(self._sound, None)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except ExternalError:  # of the encoder, before it writes anything
            height, width, _ = self._shape
            what = f"pictures of {width}×{height} pixels cannot be encoded as H.264"
            raise DsolError(self.path, what, "convert the video to a usual size first") from None
        except (FFmpegError, OSError) as error:
            remedy = "free some space there, or write to another folder"
            raise DsolError(self.path, f"cannot be written: {reason(error)}", remedy) from None


def _picture_track(out: OutputContainer, shape: tuple[int, int, int], fps: float, matrix: int) -> VideoStream:
    stream = out.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=H264)
    stream.height, stream.width = (side + side % 2 for side in shape[:2])
    context = stream.codec_context
    context.pix_fmt, context.time_base = "yuv420p", Fraction(1, TICKS)
    context.colorspace = context.color_primaries = context.color_trc = matrix
    return stream
