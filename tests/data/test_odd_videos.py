"""What people's files hold: more sound tracks, opposed channels, stills, and pictures that are meant otherwise."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from dsol.data.media import VideoWriter, probe, read_frames, read_photo, read_seconds, read_sound, unread_videos
from dsol.data.media.info import find_videos
from dsol.errors import DsolError
from tests.videos import corners, silence, time_of, tone, with_tracks, write_text, write_video


def loudness(path, **options) -> list[float]:
    return [float(second.waveform.std()) for second in read_seconds(path, **options)]


def pitch_hz(waveform: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(waveform)).argmax())


# Sound tracks.


def high(times_s: np.ndarray) -> np.ndarray:
    return tone(times_s, 1000.0)


def late(times_s: np.ndarray) -> np.ndarray:
    return tone(times_s) * (times_s > 2)


def test_where_the_first_track_is_silent_the_one_with_sound_is_read_and_said(tmp_path, capsys):
    path = with_tracks(tmp_path / "a.mkv", [silence, high])
    assert [pitch_hz(second.waveform) for second in read_seconds(path)] == [1000] * 3
    assert capsys.readouterr().err == f"{path}: sound track 1 is silent, track 2 is used\n"
    with VideoWriter(tmp_path / "copy.mp4", 64, 48, 25, sound_from=path) as video:
        for time_s, frame in read_frames(path):
            video.write(frame, time_s)
    assert loudness(tmp_path / "copy.mp4")[1] == pytest.approx(loudness(path)[1], abs=0.02)


@pytest.mark.parametrize("sounds", [[tone, high], [late, high]], ids=["both", "late"])
def test_the_first_track_is_read_where_anything_is_heard_in_it(tmp_path, capsys, sounds):
    path = with_tracks(tmp_path / "a.mp4", sounds)
    assert pitch_hz(list(read_seconds(path))[2].waveform) == 440
    assert not capsys.readouterr().err


def test_any_track_can_be_asked_for(tmp_path):
    path = with_tracks(tmp_path / "a.mp4", [tone, high, silence])
    assert [pitch_hz(next(read_seconds(path, audio_track=n)).waveform) for n in (1, 2)] == [440, 1000]
    assert loudness(path, audio_track=3) == [0, 0, 0]
    tracks = probe(path, audio_track=2).sound_tracks
    assert [(track.number, track.used) for track in tracks] == [(1, False), (2, True), (3, False)]
    with pytest.raises(DsolError, match="has 3 sound tracks, and no track 4"):
        next(read_seconds(path, audio_track=4))


# Channels.


def opposed(share: float = 1.0):
    return lambda times_s: np.stack([tone(times_s), -share * tone(times_s)])


@pytest.mark.parametrize("share", [1.0, 0.8])
def test_channels_of_opposite_phase_are_heard(tmp_path, share):
    path = write_video(tmp_path / "a.mkv", sound=opposed(share))
    assert min(loudness(path)) == pytest.approx((1 + share) / 2 * 0.5 / np.sqrt(2), rel=0.05)
    assert pitch_hz(next(read_seconds(path)).waveform) == 440


def test_a_recording_of_opposite_phase_is_heard(tmp_path):
    path = write_video(tmp_path / "a.mkv", picture=None, sound=opposed(), codecs=("libx264", "flac"))
    with av.open(str(path)) as source, av.open(str(tmp_path / "a.wav"), "w") as out:
        track = out.add_stream("pcm_s16le", rate=44_100, layout="stereo")
        for frame in source.decode(audio=0):
            for packet in track.encode(frame):
                out.mux(packet)
    assert read_sound(tmp_path / "a.wav").std() == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("codec", ["aac", "libopus", "flac", "pcm_s16le"])
def test_eight_channels_are_heard(tmp_path, codec):
    path = write_video(tmp_path / "a.mkv", layout="7.1", rate=48_000, codecs=("libx264", codec))
    assert probe(path).channels == 8
    assert min(loudness(path)) == pytest.approx(0.5 / np.sqrt(2), rel=0.2)
    with VideoWriter(tmp_path / "copy.mp4", 64, 48, 25, sound_from=path) as video:
        for time_s, frame in read_frames(path):
            video.write(frame, time_s)
    assert min(loudness(tmp_path / "copy.mp4")) == pytest.approx(0.5 / np.sqrt(2), rel=0.2)


def test_channels_that_do_not_cancel_are_averaged(tmp_path):
    def sound(times_s: np.ndarray) -> np.ndarray:
        return np.stack([tone(times_s), -0.4 * tone(times_s)])

    path = write_video(tmp_path / "a.mkv", sound=sound)
    assert min(loudness(path)) == pytest.approx(0.3 * 0.5 / np.sqrt(2), rel=0.05)


# Pictures that stand still.


def test_one_picture_with_sound_is_a_video_that_stands_still(tmp_path):
    path = write_video(tmp_path / "a.mp4", times_s=[0.0], sound_seconds=10.0, picture=corners)
    seconds = list(read_seconds(path))
    assert len(seconds) == 10
    assert all(len(second.frames) == 4 and second.waveform.std() > 0.2 for second in seconds)
    assert (seconds[9].frames == seconds[0].frames[0]).all()
    assert len(list(read_seconds(path, whole_only=False))) == 10


def test_the_cover_of_a_song_is_a_video_that_stands_still(tmp_path):
    song = write_video(tmp_path / "song.mp4", picture=None, sound_seconds=3.0)
    with av.open(str(song)) as source, av.open(str(tmp_path / "cover.mp4"), "w") as out:
        sound = out.add_stream_from_template(source.streams.audio[0])
        cover = out.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(corners(0, 64, 48), "rgb24")
        frame.pts = 0
        packets = [*cover.encode(frame), *cover.encode(None)]
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = sound
                out.mux(packet)
        out.mux(packets)
    assert len(loudness(tmp_path / "cover.mp4")) == 3


# Pictures as they are meant.


def levels(*greys: int):
    """Columns of grey, 10-bit luma stored in 16, chroma neutral: (height, width, 3) uint16 for yuv444p16le."""

    def picture(time_s: float, width: int, height: int) -> np.ndarray:
        luma = np.repeat(np.array(greys, np.uint16), width // len(greys))
        frame = np.full((height, width, 3), 512, np.uint16)
        frame[..., 0] = luma
        return 64 * frame

    return picture


def columns(path, count: int) -> np.ndarray:
    """Mean of each column of the first frame, (count, 3)."""
    frame = next(iter(read_frames(path)))[1]
    parts = np.split(frame, count, axis=1)
    return np.array([part[4:-4, 4:-4].mean(axis=(0, 1)) for part in parts])


# Code values of 10-bit limited range: 64 black; white of 203 cd/m² is 58.1 % in PQ and 75 % in HLG.
@pytest.mark.parametrize(("transfer", "white", "peak"), [(16, 573, 724), (18, 721, 940)], ids=["PQ", "HLG"])
def test_high_dynamic_range_is_shown_in_the_standard_range(tmp_path, transfer, white, peak):
    path = write_video(tmp_path / "a.mkv", seconds=0.2, size=(96, 48), picture=levels(64, white, peak),
                       codecs=("ffv1", "flac"), pix_fmt="yuv444p16le", transfer=transfer)  # fmt: skip
    black, paper, light = columns(path, 3)
    np.testing.assert_allclose(black, 0, atol=2)
    np.testing.assert_allclose(paper, 245, atol=6)
    assert (light > paper).all(), "what is brighter than paper stays apart from it"
    assert np.ptp([black, paper, light], axis=1).max() < 2, "grey stays grey"


def test_greys_of_high_dynamic_range_are_where_the_standard_range_has_them(tmp_path):
    grey = 64 + 876 * 0.38  # 18 % grey, 26 cd/m², in PQ: BT.2408
    path = write_video(tmp_path / "a.mkv", seconds=0.2, size=(96, 48), picture=levels(round(grey)),
                       codecs=("ffv1", "flac"), pix_fmt="yuv444p16le", transfer=16)  # fmt: skip
    np.testing.assert_allclose(columns(path, 1), 108, atol=6)


def test_ten_bit_video_of_the_standard_range_reads_as_eight(tmp_path):
    def picture(time_s: float, width: int, height: int) -> np.ndarray:
        return np.repeat(np.repeat([[[0], [128], [255]]], height, 0), width // 3, 1).repeat(3, 2).astype(np.uint8)

    path = write_video(tmp_path / "a.mkv", seconds=0.2, size=(96, 48), picture=picture,
                       codecs=("libx264", "flac"), pix_fmt="yuv420p10le")  # fmt: skip
    np.testing.assert_allclose(columns(path, 3).mean(axis=1), [0, 128, 255], atol=2)


@pytest.mark.parametrize(
    ("aspect", "size"), [(Fraction(4, 3), (64, 36)), (Fraction(8, 9), (43, 36)), (Fraction(50), (48, 36))]
)
def test_pixels_that_are_not_square_are_shown_as_they_are_meant(tmp_path, aspect, size):
    path = write_video(tmp_path / "a.mkv", size=(48, 36), aspect=aspect, codecs=("libx264", "flac"))
    info = probe(path)
    assert (info.width, info.height) == size, "a ratio beyond belief is no ratio"
    assert next(iter(read_frames(path)))[1].shape == (*size[::-1], 3)
    assert next(read_seconds(path)).frames.shape[1:3] == size[::-1]


def test_pixel_aspect_is_turned_with_the_picture(tmp_path):
    path = write_video(tmp_path / "a.mp4", size=(48, 36), aspect=Fraction(4, 3), rotation=90)
    assert (probe(path).width, probe(path).height) == (36, 64)


def moving_bar(time_s: float, width: int, height: int) -> np.ndarray:
    """A white bar that moves from field to field: even lines show one place, odd ones another."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[::2, 8:16] = 255
    frame[1::2, 32:40] = 255
    return frame


def test_of_interlaced_pictures_one_moment_is_shown(tmp_path):
    path = write_video(tmp_path / "a.mkv", size=(64, 48), picture=moving_bar, codecs=("libx264", "flac"),
                       encoding={"x264-params": "interlaced=1"})  # fmt: skip
    frame = next(iter(read_frames(path)))[1].astype(float)
    assert frame.shape == (48, 64, 3)
    assert frame[4:-4, 10:14].min() > 200, "no line of the other moment in it"
    assert frame[4:-4, 34:38].max() < 40


def test_what_is_transparent_is_black(tmp_path):
    def picture(time_s: float, width: int, height: int) -> np.ndarray:
        frame = np.full((height, width, 4), 200, np.uint8)
        frame[:, : width // 2, 3] = 0
        frame[:, width // 2 :, 3] = 255
        return frame

    path = write_video(tmp_path / "a.mov", size=(64, 48), picture=picture, codecs=("png", "pcm_s16le"), pix_fmt="rgba")
    np.testing.assert_allclose(columns(path, 2), [[0] * 3, [200] * 3], atol=1)


@pytest.mark.parametrize("size", [(16_384, 4_100), (16_386, 2)])
def test_pictures_that_are_too_large_to_be_true_are_refused(tmp_path, size):
    def wide(time_s: float, width: int, height: int) -> np.ndarray:
        return np.zeros((height, width, 3), np.uint8)

    path = write_video(tmp_path / "a.mov", times_s=[0.0], size=size, picture=wide, codecs=("png", "pcm_s16le"),
                       pix_fmt="rgb24")  # fmt: skip
    with pytest.raises(DsolError, match=r"has pictures of 1638|cannot be decoded"):
        probe(path)


# Which files are videos.


@pytest.mark.parametrize("suffix", [".m4v", ".3gp", ".ts", ".mts", ".mpg", ".wmv", ".flv"])
def test_further_kinds_of_files_are_read(tmp_path, suffix):
    path = write_video(tmp_path / f"a{suffix}", seconds=3.0)
    assert find_videos(tmp_path) == [path]
    seconds = list(read_seconds(path, whole_only=False))
    assert len(seconds) >= 3
    assert time_of(seconds[1].frames[2]) == pytest.approx(1.5, abs=0.2)
    assert seconds[1].waveform.std() > 0.2
    assert probe(path).duration_s == pytest.approx(3, abs=0.2)


def test_links_to_folders_are_followed_and_loops_end(tmp_path):
    (tmp_path / "disk").mkdir()
    write_video(tmp_path / "disk" / "a.mp4")
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "cello").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "up").symlink_to(videos)
    assert [path.relative_to(videos).as_posix() for path in find_videos(videos)] == ["cello/a.mp4"]


def test_what_looks_like_a_video_and_is_not_read_is_named(tmp_path):
    for name in ("a.rmvb", "b.mxf", "c.json", "d.jpg", ".hidden.rm"):
        write_text(tmp_path / name)
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    found = {path.name: why for path, why in unread_videos(tmp_path).items()}
    assert sorted(found) == ["a.rmvb", "b.mxf", "gone.mp4"]
    assert "is a link to nothing" in found["gone.mp4"]


# Photos.


def photo(path, picture: Image.Image, **options) -> np.ndarray:
    picture.save(path, **options)
    return read_photo(path)


def test_what_is_transparent_in_a_photo_is_white(tmp_path):
    pixels = np.full((8, 8, 4), 90, np.uint8)
    pixels[:, :4, 3], pixels[:, 4:, 3] = 0, 255
    shown = photo(tmp_path / "a.png", Image.fromarray(pixels))
    assert (shown[:, :4] == 255).all()
    assert (shown[:, 4:] == 90).all()


def test_a_photo_is_turned_as_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    picture = Image.fromarray(corners(0, 64, 32))
    shown = photo(tmp_path / "a.png", picture, exif=exif)
    assert shown.shape == (64, 32, 3)
    assert shown[4, -4].tolist() == [255, 0, 0], "what was top left is top right"


def test_a_photo_of_sixteen_bits_is_scaled_not_cut(tmp_path):
    grey = np.full((8, 8), 32_768, np.uint16)
    assert (photo(tmp_path / "a.png", Image.fromarray(grey)) == 128).all()
