"""Tiny videos for the tests, written on the spot: good ones, odd ones and broken ones.

Picture: at `t` seconds the frame is a flat grey of level `grey_at(t)`, so that a test can read the time off a
decoded frame (`time_of`). Sound: a 440 Hz tone. Both can be replaced.

Example:
    >>> path = write_video(tmp_path / "a.mp4", seconds=2.0)                               # doctest: +SKIP
    >>> path = BROKEN["text"](tmp_path / "text.mp4")                                      # doctest: +SKIP
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

Picture = Callable[[float, int, int], np.ndarray]  # time_s, width, height -> (height, width, 3) uint8
Sound = Callable[[np.ndarray], np.ndarray]  # times_s (n,) -> (n,) or (channels, n) in [-1, 1]

Stamp = Callable[[str, int, float], float]  # "video" or "audio", number of the packet, its time in s -> another time

CODECS = {  # suffix -> picture, sound
    ".mp4": ("libx264", "aac"),
    ".mov": ("libx264", "pcm_s16le"),
    ".mkv": ("libx264", "flac"),
    ".webm": ("libvpx-vp9", "libopus"),
    ".avi": ("mpeg4", "pcm_s16le"),  # MP3 would make the muxer shift the picture
}
FURTHER_CODECS = {  # of containers that are read, too, and that tell their times less well
    ".m4v": ("libx264", "aac"),
    ".3gp": ("libx264", "aac"),
    ".ts": ("libx264", "aac"),
    ".mts": ("libx264", "aac"),
    ".mpg": ("mpeg2video", "mp2"),
    ".wmv": ("wmv2", "wmav2"),
    ".flv": ("flv", "aac"),
}
FORMATS = {".m4v": "mp4", ".3gp": "mp4", ".mts": "mpegts"}  # where the suffix says another container
FAST = {
    "libx264": {"preset": "ultrafast", "crf": "8", "bf": "2"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}
TICKS = 90_000  # a second of picture: 30, 25, 24 and 29.97 fps are all whole


def grey_at(time_s: float) -> int:
    """The grey level that tells the time, from 20 on, 20 levels a second, back to 20 after ten seconds."""
    return 20 + round(20 * (time_s % 10))


def time_of(frame: np.ndarray) -> float:
    """The time that a decoded (height, width, 3) frame shows, within about 0.1 s."""
    return (float(frame.mean()) - 20) / 20


def clock(time_s: float, width: int, height: int) -> np.ndarray:
    """The usual picture: flat, grey by time."""
    return np.full((height, width, 3), grey_at(time_s), np.uint8)


def corners(time_s: float, width: int, height: int) -> np.ndarray:
    """Quadrants red, green (top), blue, white (bottom): shows how a picture is turned."""
    frame = np.zeros((height, width, 3), np.uint8)
    top, left = height // 2, width // 2
    frame[:top, :left] = 255, 0, 0
    frame[:top, left:] = 0, 255, 0
    frame[top:, :left] = 0, 0, 255
    frame[top:, left:] = 255, 255, 255
    return frame


def noise(time_s: float, width: int, height: int) -> np.ndarray:
    """A picture that hardly compresses, another one at every time."""
    random = np.random.default_rng(round(1000 * time_s))
    return random.integers(0, 256, (height, width, 3), np.uint8)


def tone(times_s: np.ndarray, hz: float = 440.0, level: float = 0.5) -> np.ndarray:
    """The usual sound."""
    return (level * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)


def silence(times_s: np.ndarray) -> np.ndarray:
    """A sound track with nothing on it."""
    return np.zeros(len(times_s), np.float32)


def write_video(
    path: str | Path,
    seconds: float = 2.0,
    size: tuple[int, int] = (64, 48),
    fps: float = 25,
    picture: Picture | None = clock,
    sound: Sound | None = tone,
    rate: int | None = None,
    layout: str = "stereo",
    times_s: Sequence[float] | None = None,
    sound_seconds: float | None = None,
    picture_start_s: float = 0.0,
    sound_start_s: float = 0.0,
    rotation: int = 0,
    mirrored: bool = False,
    codecs: tuple[str, str] | None = None,
    faststart: bool = False,
    pix_fmt: str | None = None,
    transfer: int | None = None,
    aspect: Fraction | None = None,
    encoding: dict[str, str] | None = None,
) -> Path:
    """Write one video; the container is chosen by the suffix of `path`.

    Args:
        path: mp4, mov, mkv, webm or avi.
        seconds: length of picture and sound.
        size: (width, height) as stored, before rotation.
        fps: frames a second, where `times_s` does not say when each is shown.
        picture: what is seen, None for no picture track.
        sound: what is heard, None for no sound track.
        rate: Hz; 48,000 for webm (Opus knows no 44,100), 44,100 for the others if None.
        layout: "mono", "stereo", "5.1".
        times_s: when each frame appears: a variable frame rate.
        sound_seconds: length of the sound where it is not that of the picture.
        picture_start_s, sound_start_s: time stamp of the first frame and sample.
        rotation: degrees counter-clockwise by which a player turns the stored picture, in 90s.
        mirrored: whether a player mirrors it left to right as well.
        codecs: names of the picture's and the sound's encoder, the usual ones of the container if None.
        faststart: index first (mp4, mov): such a file can be cut off and still opened.
        pix_fmt: how pixels are stored; a `picture` of uint16 is of this form, one of four channels has alpha.
        transfer: 16 (PQ) or 18 (HLG), of BT.2020.
        aspect: width of a pixel over its height.
        encoding: further options of the picture's encoder.
    """
    path = Path(path)
    names = codecs or {**CODECS, **FURTHER_CODECS}[path.suffix]
    rate = rate or (48_000 if names[1] == "libopus" else 44_100)
    times = np.arange(round(seconds * fps)) / fps if times_s is None else times_s
    options = {"movflags": "+faststart"} if faststart and path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", format=FORMATS.get(path.suffix), options=options) as out:
        tracks = []
        if picture is not None:
            shown = {"turn": (rotation, mirrored), "pix_fmt": pix_fmt, "transfer": transfer, "aspect": aspect}
            tracks.append(
                _picture_packets(out, names[0], picture, times, size, fps, picture_start_s, encoding, **shown)
            )
        if sound is not None:
            length = seconds if sound_seconds is None else sound_seconds
            tracks.append(_sound_packets(out, names[1], sound, length, rate, layout, sound_start_s))
        heads = [next(track) for track in tracks]  # every track must be known before the first packet is written
        for packet in itertools.chain.from_iterable([head, *track] for head, track in zip(heads, tracks, strict=True)):
            out.mux(packet)  # the muxer interleaves
    return path


def _picture_packets(
    out, codec, picture, times, size, fps, start_s=0.0, encoding=None,
    turn=(0, False), pix_fmt=None, transfer=None, aspect=None,
):  # fmt: skip
    width, height = size
    options = {**FAST.get(codec, {}), **(encoding or {})}
    stream = out.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options)
    stream.width, stream.height, stream.bit_rate = width, height, 2_000_000
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv444p" if width % 2 or height % 2 else "yuv420p"
    stream.pix_fmt = pix_fmt or stream.pix_fmt
    if aspect:
        stream.codec_context.sample_aspect_ratio = aspect
    if transfer:
        stream.codec_context.color_trc = transfer
        stream.codec_context.color_primaries = stream.codec_context.colorspace = 9  # BT.2020
    even_ticks = codec not in ("mpeg4", "mpeg2video", "wmv2", "flv")  # these know no time stamps, only a rate
    stream.codec_context.time_base = Fraction(1, TICKS) if even_ticks else Fraction(1, round(fps))
    if any(turn):
        stream.set_display_rotation(turn[0], hflip=turn[1])
    yield []
    for time_s in times:
        pixels = picture(float(time_s), width, height)
        form = pix_fmt if pixels.dtype == np.uint16 else "rgba" if pixels.shape[2] == 4 else "rgb24"
        frame = av.VideoFrame.from_ndarray(pixels, format=form)
        frame.time_base = stream.codec_context.time_base
        frame.pts = round((time_s + start_s) / frame.time_base)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _sound_packets(out, codec, sound, seconds, rate, layout, start_s):
    stream = out.add_stream(codec, rate=rate, layout=layout)
    if codec == "wmav2":
        stream.bit_rate = 128_000
    channels, kind = stream.codec_context.layout.nb_channels, stream.codec_context.format.name
    samples = np.atleast_2d(sound(np.arange(round(seconds * rate)) / rate)).astype(np.float32)
    samples = np.broadcast_to(samples, (channels, samples.shape[1]))
    yield []
    interleaved = np.ascontiguousarray(samples.T).reshape(1, -1)  # PyAV takes no eight planes
    frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), round(start_s * rate)
    resampler = av.AudioResampler(kind, layout, rate, frame_size=stream.codec_context.frame_size or 1024)
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        yield from stream.encode(part)
    yield from stream.encode(None)


def restamped(source: str | Path, out: str | Path, stamp: Stamp, sounds: int = 1) -> Path:
    """Copy a video packet by packet with other time stamps.

    Args:
        source: the video.
        out: the file to write; of an mkv only the times that are shown change, so they may be in any order.
        stamp: the time of each packet of a track, counted from 0.
        sounds: how many times its sound track is written.
    """
    with av.open(str(source)) as video, av.open(str(out), "w") as copy:
        tracks = {}
        for stream in video.streams:
            times = sounds if stream.type == "audio" else 1
            tracks[stream.index] = [copy.add_stream_from_template(stream) for _ in range(times)]
        numbers = dict.fromkeys(tracks, 0)
        for packet in video.demux():
            if packet.dts is None:
                continue
            index, time_s = packet.stream_index, float(packet.dts * packet.time_base)
            moved = round((stamp(packet.stream.type, numbers[index], time_s) - time_s) / packet.time_base)
            numbers[index] += 1
            packet.pts += moved
            packet.dts += 0 if str(out).endswith(".mkv") else moved
            for track in tracks[index]:
                packet.stream = track
                copy.mux(packet)
    return Path(out)


def with_tracks(path: str | Path, sounds: Sequence[Sound], seconds: float = 3.0) -> Path:
    """A video with several sound tracks, mono."""
    path = Path(path)
    with av.open(str(path), "w") as out:
        picture = _picture_packets(out, "libx264", clock, np.arange(round(25 * seconds)) / 25, (64, 48), 25)
        tracks = [_sound_packets(out, "aac", sound, seconds, 48_000, "mono", 0.0) for sound in sounds]
        for track in (picture, *tracks):
            next(track)
        for packet in itertools.chain(picture, *tracks):
            out.mux(packet)
    return path


def flash_and_beep(path: str | Path, at_s: float = 0.8, seconds: float = 2.0, **options) -> Path:
    """Black and silent but for one white flash and one 1 kHz beep of 0.1 s, both at `at_s`."""

    def picture(time_s: float, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 3), 255 * (at_s <= time_s < at_s + 0.1 - 1e-6), np.uint8)

    def sound(times_s: np.ndarray) -> np.ndarray:
        return tone(times_s, 1000.0) * ((times_s >= at_s) & (times_s < at_s + 0.1))

    return write_video(path, seconds, picture=picture, sound=sound, **options)


def write_empty(path: str | Path) -> Path:
    """No byte at all."""
    Path(path).write_bytes(b"")
    return Path(path)


def write_text(path: str | Path) -> Path:
    """A text that calls itself a video."""
    Path(path).write_text("this is no video\n" * 50)
    return Path(path)


def write_corrupt(path: str | Path, index_kept: bool = False) -> Path:
    """The right first bytes, then noise. With `index_kept` it opens, but nothing of it can be decoded."""
    write_video(path, seconds=1.0, faststart=index_kept)
    data = bytearray(Path(path).read_bytes())
    good = data.index(b"mdat") + 4 if index_kept else 64
    data[good:] = np.random.default_rng(0).bytes(len(data) - good)
    Path(path).write_bytes(bytes(data))
    return Path(path)


def write_truncated(path: str | Path, seconds: float = 6.0, kept: float = 0.6) -> Path:
    """The first `kept` share of the bytes of a video whose index comes first: it opens, then breaks off.

    The picture is noise, so that bytes are spread evenly over time.
    """
    write_video(path, seconds, picture=noise, faststart=True)
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[: int(len(data) * kept)])
    return Path(path)


def write_no_sound(path: str | Path) -> Path:
    """A picture without a sound track."""
    return write_video(path, sound=None)


def write_no_picture(path: str | Path) -> Path:
    """A sound track without a picture."""
    return write_video(path, picture=None)


def write_one_frame(path: str | Path) -> Path:
    """One frame of 0.04 s and as much sound."""
    return write_video(path, seconds=0.04)


def write_silent(path: str | Path, seconds: float = 2.0) -> Path:
    """A good video whose sound track holds nothing but zeros."""
    return write_video(path, seconds, sound=silence)


def write_odd_size(path: str | Path) -> Path:
    """33 × 47 pixels."""
    return write_video(path, size=(33, 47), picture=corners)


def write_variable_rate(path: str | Path) -> Path:
    """Frames at uneven times over three seconds: dense, then none for 1.2 s, then dense again."""
    return write_video(path, seconds=3.0, times_s=[*np.arange(0, 1.0, 0.04), 2.2, 2.3, 2.6, 2.96])


def write_rotated(path: str | Path, rotation: int = 90) -> Path:
    """Stored as 64 × 48 `corners`, to be turned counter-clockwise."""
    return write_video(path, rotation=rotation, picture=corners)


BROKEN: dict[str, Callable[[Path], Path]] = {  # none of these gives a single whole second with sound
    "empty": write_empty,
    "text": write_text,
    "corrupt": write_corrupt,
    "no sound": write_no_sound,
    "no picture": write_no_picture,
    "one frame": write_one_frame,
}


def write_folder(folder: str | Path, names: Iterable[str] = ("cello/a.mp4", "cello/b.webm", "flute/c.mkv")) -> Path:
    """A folder of good two-second videos, one folder a category."""
    for name in names:
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path)
    return Path(folder)
