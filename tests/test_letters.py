"""Every script is drawn, or told in words that can be read."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image, ImageDraw

from dsol import letters
from dsol.letters import finalise, font_file, legible
from dsol.localize.palette import font, spoken

CHINESE = "大提琴"


def drawn(text: str) -> bytes:
    image = Image.new("L", (60, 40))
    ImageDraw.Draw(image).text((2, 2), text, 255, font(24, text))
    return image.tobytes()


@pytest.mark.parametrize("text", ["цимбалы", "κιθάρα", "fidèle", "œuvre", "dvořák"])
def test_letters_of_europe_are_drawn_with_what_is_installed(text):
    assert spoken(text) == text
    pictures = {drawn(letter) for letter in text}
    assert len(pictures) == len(set(text)), "no two letters look alike, as boxes would"


def test_plain_letters_stay_those_of_pillow():
    assert font_file("acoustic guitar") is None
    assert font(24, "acoustic guitar") is font(24)


@pytest.fixture
def no_system_fonts(monkeypatch):
    own = letters._fonts()[:1]
    monkeypatch.setattr(letters, "_fonts", lambda: own)
    for cached in (font_file, legible):
        cached.cache_clear()
    yield
    for cached in (font_file, legible):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (CHINESE, "U+5927 U+63D0 U+7434"),
        ("琴 cello", "U+7434 cello"),
        ("첼로", "celro"),
        ("コト", "koto"),
        ("🎻", "violin"),
        ("цимбалы", "цимбалы"),
    ],
)
def test_without_a_font_a_name_can_still_be_read(no_system_fonts, text, read):
    assert legible(text) == read
    assert font_file(legible(text)) is not None or legible(text).isascii()


def test_where_the_system_has_a_font_it_is_used():
    if font_file(CHINESE) is None:
        pytest.skip("no font here has Chinese letters")
    assert spoken(CHINESE) == CHINESE
    assert len({drawn(letter) for letter in CHINESE}) == 3


def test_names_that_look_like_formulas_are_shown_as_they_are():
    figure = Figure()
    figure.text(0.5, 0.5, "Ba$$in $x^2 \\frac{$.mp4")
    finalise(figure)
    figure.savefig("/dev/null", format="png")
    assert [text.get_text() for text in figure.findobj(Text)] == ["Ba$$in $x^2 \\frac{$.mp4"]


def test_control_characters_and_odd_bytes_are_told(no_system_fonts):
    odd = b"caf\xe9\x07.mp4".decode("utf-8", "surrogateescape")
    assert legible(odd) == "caf\\xe9.mp4"


def test_a_figure_of_any_script_is_drawn_without_a_missing_letter(recwarn):
    figure = Figure()
    figure.text(0.5, 0.5, f"{CHINESE} цимбалы 🎻")
    finalise(figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    assert not [str(warning.message) for warning in recwarn if "Glyph" in str(warning.message)]
    assert np.asarray(canvas.buffer_rgba()).min() < 255
