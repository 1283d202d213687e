"""The protocol `wild`."""

import numpy as np
import pytest

from dsol.data.boxes import Box, Boxes, Frame
from dsol.errors import DsolError
from dsol.evaluation import wild
from dsol.evaluation.evaluate import select_categories
from dsol.evaluation.wild import evaluate_system, read_labels
from dsol.model.maps import Maps

LABELS = ("Dog", "Violin", "Dog", "Violin", "Unheard of")
VISIBLE = ("yes", "yes", "yes", "no", "yes")


class Clips:
    """A store of five one-frame videos; the pixel and the sound of each say its number."""

    path = "store"
    splits = ()
    videos = tuple(f"{n}.mp4" for n in range(5))
    boxes = Boxes(("Dog", "Violin"), tuple(
        Frame(f"{n}.mp4", 0.5, (Box(LABELS[n], (0.0, 0.0, 0.5, 1.0)),)) for n in range(3)
    ))  # fmt: skip

    def testing(self):
        return self

    def find(self, video: str, time_s: float):
        return (int(video.split(".")[0]), 0) if video in self.videos else None

    def frame(self, row: int, place: int) -> np.ndarray:
        return np.full((4, 4, 3), 10 * row, np.uint8)

    def waveform(self, row: int) -> np.ndarray:
        return np.full(16_000, row / 10, np.float32)

    sound = waveform


class Knows:
    """Names what it hears; sure where the picture shows the same kind of thing, as pictures 0, 1, 2 and 4 do."""

    categories = ("Dog", "Violin", "Animal noise")

    def predict(self, frames, waveforms, keys) -> Maps:
        heard, score = np.zeros((len(frames), 3)), np.zeros((len(frames), 3))
        for n, (frame, sound) in enumerate(zip(frames, waveforms, strict=True)):
            k = self.categories.index(LABELS[round(10 * float(sound[0])) % 4])
            heard[n, k] = 0.9
            shown = frame[0, 0, 0] // 10
            score[n, k] = 0.9 if shown in (0, 1, 2) and LABELS[shown] == self.categories[k] else 0.1
        maps = np.zeros((len(frames), 3, 2, 2))
        area = np.tile(np.array([[1.0, 0.0], [1.0, 0.0]]), (len(frames), 1, 1))
        return Maps(tuple(keys), area, maps, score, self.categories, heard, heard)


def _write(folder, rows):
    file = folder / "clips.csv"
    file.write_text("\n".join(["video,label,source_visible,time_s", *rows]) + "\n")
    return file


@pytest.fixture
def labels(tmp_path):
    rows = (f"{n}.mp4,{label},{seen},0.500" for n, (label, seen) in enumerate(zip(LABELS, VISIBLE, strict=True)))
    return _write(tmp_path, rows)


def test_who_knows_all_has_full_marks(labels):
    found = evaluate_system(Knows(), Clips(), read_labels(labels, Clips()), bootstrap=20)
    assert found.protocol == "wild"
    assert found.metrics["iou@0.5"] == found.metrics["name@1"] == found.metrics["name@3"] == 1.0
    assert found.metrics["in_vocabulary"] == pytest.approx(4 / 5)  # names are scored over these alone
    assert found.metrics["off_screen_auroc"] == pytest.approx(7 / 8)  # one of four visible is unsure, too
    assert found.metrics["mismatch_auroc"] > 0.75  # the picture of no known label is never sure
    assert found.floors["by_ear"]["name@1"] == 1.0


def test_a_second_that_is_not_in_the_store_is_left_out(tmp_path):
    file = _write(tmp_path, ["0.mp4,Dog,yes,0.500", "elsewhere.mp4,Dog,yes,0.500"])
    assert read_labels(file, Clips()).video == ("0.mp4",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("video,label\n0.mp4,Dog\n", "has no column source_visible, time_s"),
        ("video,label,source_visible,time_s\n9.mp4,Dog,yes,1\n", "has no second that"),
        ("video,label,source_visible,time_s\n0.mp4,Dog,yes,soon\n", "is 'soon'"),
    ],
)
def test_labels_that_say_nothing_are_one_clear_error(tmp_path, text, says):
    file = tmp_path / "clips.csv"
    file.write_text(text)
    with pytest.raises(DsolError, match=says):
        read_labels(file, Clips())


def test_a_category_is_the_same_however_it_is_written():
    answer = Maps(("a",), np.ones((1, 2, 2)), np.ones((1, 1, 2, 2)), np.ones((1, 1)), ("Acoustic guitar",))
    found = select_categories(answer, ("acoustic_guitar", "cello"))
    assert found.score.tolist() == [[1.0, 0.0]]
    assert found.categories == ("acoustic_guitar", "cello")


def test_a_model_without_categories_is_refused():
    class Agnostic:
        categories = ()

        def predict(self, frames, waveforms, keys):
            return Maps(tuple(keys), np.zeros((len(frames), 2, 2)))

    maps = wild._maps(Agnostic(), [wild.GREY], [np.zeros(16_000, np.float32)])
    with pytest.raises(DsolError, match="this model has no categories"):
        wild._named(maps)
