"""The scene figure shows light where a map is high, and boxes in the colour of what they hold."""

import numpy as np
import pytest
from PIL import Image

from dsol.data.boxes import Box, Frame
from dsol.errors import DsolError
from dsol.evaluation.figures import lit, scene_figure
from dsol.model.maps import Maps

SCENE = Frame("a", 0.0, (Box("cello", (0.1, 0.1, 0.3, 0.3)), Box("tuba", (0.5, 0.5, 0.4, 0.4), False)))
PICTURE = np.full((40, 60, 3), 128, dtype=np.uint8)
CELLS = np.zeros((1, 2, 4, 4))
CELLS[0, 0, 0, 0] = 0.3
OURS = Maps((SCENE.key,), CELLS.max(axis=1), CELLS, None, ("cello", "tuba"))


def near(image: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(image.astype(int) - colour).max(axis=2) < 12).sum())


def test_a_picture_is_drawn_for_every_system_and_annotated_category(tmp_path):
    scene_figure([PICTURE], [SCENE], {"ours": OURS}, tmp_path / "one.png", dpi=200)
    scene_figure(
        [PICTURE] * 2, [SCENE] * 2, {"ours": OURS, "area": Maps(OURS.keys, OURS.area)}, tmp_path / "four.png", 200
    )
    one, four = (np.asarray(Image.open(tmp_path / name).convert("RGB")) for name in ("one.png", "four.png"))
    assert four.shape[0] > 1.6 * one.shape[0]
    assert four.shape[1] > 1.6 * one.shape[1]
    for colour in ((31, 157, 85), (214, 69, 69)):
        assert near(four, colour) > 2 * near(one, colour) > 0


def test_light_is_where_the_map_is_high():
    shown = lit(PICTURE, np.array([[1.0, 0.0], [0.0, 0.0]]))
    assert shown.shape == (40, 60, 3)
    assert shown[2, 2].sum() > 1.5 * shown[-3, -3].sum()


def test_a_system_that_lacks_a_scene_or_a_category_is_refused(tmp_path):
    with pytest.raises(DsolError, match="is not in the maps of 'ours'"):
        scene_figure([PICTURE], [Frame("b", 0.0, SCENE.boxes)], {"ours": OURS}, tmp_path / "x.png")
    flutes = Maps(OURS.keys, OURS.area, OURS.maps, None, ("flute", "tuba"))
    with pytest.raises(DsolError, match="which 'ours' does not know"):
        scene_figure([PICTURE], [SCENE], {"ours": flutes}, tmp_path / "x.png")
    with pytest.raises(DsolError, match="no scene"):
        scene_figure([PICTURE], [Frame("c", 0.0, ())], {"ours": OURS}, tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
