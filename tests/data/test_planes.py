"""Pictures in planes: those of the file where they can be taken as they are, and the same colours in any case."""

from pathlib import Path

import numpy as np
import pytest

from dsol.data.media import VideoWriter, read_frames
from dsol.data.media.planes import BT601, BT709, Pictures, ToPlanes, even, in_planes, planes_of
from tests.videos import write_video

COLOURS = [(0, 0, 0), (255, 255, 255), (200, 30, 60), (10, 180, 90), (40, 60, 250)]


@pytest.mark.parametrize("matrix", [BT601, BT709])
@pytest.mark.parametrize("colour", COLOURS)
def test_a_colour_in_planes_is_that_of_ffmpeg(colour, matrix):
    flat = planes_of(ToPlanes(matrix)(np.full((16, 16, 3), colour, np.uint8)))
    assert np.abs(np.array(in_planes(colour, matrix)) - [int(plane[8 // 2, 8 // 2]) for plane in flat]).max() <= 1


def test_an_odd_size_gets_one_more_row_and_column():
    frame = ToPlanes()(np.zeros((5, 7, 3), np.uint8))
    assert (frame.width, frame.height) == even((7, 5)) == (8, 6)


@pytest.mark.parametrize("size", [(64, 48), (128, 96)])
def test_pictures_show_what_frames_show(tmp_path, size):
    video = write_video(tmp_path / "a.mp4", seconds=1)
    pictures = Pictures(video, size)
    assert pictures.matrix == (BT601 if size == (64, 48) else BT709), "only the first is taken as it is"
    for (at, frame), (time_s, picture) in zip(read_frames(video), pictures, strict=True):
        assert time_s == at
        assert (picture.width, picture.height) == size
        assert abs((float(planes_of(picture)[0].mean()) - 16) / 219 * 255 - frame.mean()) < 1.5


def test_a_film_keeps_the_colours_of_planes_in_either_matrix(tmp_path):
    for matrix in (BT601, BT709):
        path = Path(tmp_path / f"{matrix}.mp4")
        with VideoWriter(path, 64, 48, 10, matrix=matrix) as video:
            for _ in range(5):
                video.write(np.full((48, 64, 3), (200, 30, 60), np.uint8))
        _, frame = list(read_frames(path))[-1]
        assert np.abs(frame.mean(axis=(0, 1)) - (200, 30, 60)).max() < 6
