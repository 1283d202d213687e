"""The heat map over a picture: what is computed of lit parts alone is what all layers over all pixels would be."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dsol.data.media.planes import ToPlanes, planes_of
from dsol.localize.heat import SHADE, draw_heat, glow_of
from dsol.localize.palette import NIGHT
from dsol.localize.pen import Canvas, Pen
from tests.localize.test_localize import spot
from tests.oracles.heat import heat_over

RED, BLUE = (230, 30, 30), (40, 60, 240)
SIZES = [(640, 360), (333, 247), (1001, 563), (120, 90)]


def maps(*places: tuple[float, float]) -> list[np.ndarray]:
    return [spot(x, y, 0.12).astype(np.float32) for x, y in places]


def grain(size) -> np.ndarray:
    width, height = size
    return np.random.default_rng(0).integers(60, 200, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", SIZES)
def test_the_lit_part_alone_gives_the_picture_of_all_layers(size):
    one, other = maps((0.2, 0.3), (0.95, 0.6))
    heats = [(one, RED, 1.0), (other, BLUE, 0.6)]
    image, slow = Image.fromarray(grain(size)), heat_over(grain(size), heats)
    draw_heat(image, heats)
    difference = np.abs(np.asarray(image) - slow)
    assert difference.mean() < 1.2
    assert np.quantile(difference, 0.95) < 8  # of wide pictures the line is drawn small, and enlarged


@pytest.mark.parametrize("size", SIZES)
def test_what_is_far_from_the_light_is_in_even_shade(size):
    (one,) = maps((0.2, 0.3))
    image = Image.new("RGB", size, (100, 100, 100))
    draw_heat(image, [(one, RED, 1.0)])
    left, top, right, bottom = glow_of([(one, RED, 1.0)], size).box
    shown = np.array(image)
    assert (right - left) * (bottom - top) < 0.6 * size[0] * size[1]
    shown[top:bottom, left:right] = round(100 * (1 - SHADE))
    assert set(np.unique(shown)) == {round(100 * (1 - SHADE))}


def test_a_map_without_light_gives_shade_alone():
    image = Image.new("RGB", (640, 360), (100, 100, 100))
    draw_heat(image, [(np.zeros((14, 14), np.float32), RED, 0.5)])
    assert set(np.unique(np.asarray(image))) <= {85, 86, 87}


def test_the_planes_of_a_film_show_what_an_rgb_picture_shows():
    heats = [(map_, RED, 1.0) for map_ in maps((0.3, 0.5))]
    image, canvas = Image.new("RGB", (640, 360), (120, 90, 60)), Canvas((640, 360), NIGHT)
    canvas.put_glow(planes_of(ToPlanes()(np.asarray(image))), glow_of(heats, image.size))
    draw_heat(image, heats)
    assert np.abs(np.asarray(canvas.image()).astype(int) - np.asarray(image)).mean() < 2


@pytest.mark.parametrize("box", [(101, 51, 400, 301), (-7, -9, 90, 80), (600, 340, 655, 380), (10, 10, 17, 15)])
def test_an_outline_is_that_of_the_whole_rectangle(box):
    canvas, whole = Canvas((640, 360), (0, 0, 0)), Image.new("L", (640, 360))
    Pen(canvas, (640, 360)).rounded_rectangle(box, radius=7, width=3, outline=(255, 255, 255, 255))
    ImageDraw.Draw(whole).rounded_rectangle(box, 7, None, 255, 3)
    assert np.array_equal(planes_of(canvas.frame())[0] > 100, np.asarray(whole) > 100)
