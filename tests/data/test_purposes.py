"""What corrected boxes are used for: scoring, holding videos out of training, naming clusters."""

import pytest

from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.prepare import prepare
from dsol.data.purposes import labels_of
from dsol.errors import DsolError
from dsol.naming.naming import clips_that_name, scored_videos
from tests.videos import write_folder

CELLO, FLUTE = Box("cello", (0.1, 0.1, 0.5, 0.5)), Box("flute", (0.5, 0.5, 0.4, 0.4))
SILENT = Box("flute", (0.5, 0.5, 0.4, 0.4), sounding=False)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("corpus"), ("a.mp4", "b.mp4", "c.mp4"))


@pytest.fixture
def file(tmp_path):
    frames = [Frame("a.mp4", n / 4, (CELLO, SILENT)) for n in range(8)]
    Boxes(("cello", "flute"), tuple(frames)).save(tmp_path / "boxes.json")
    return tmp_path / "boxes.json"


def test_held_out_videos_are_scored_and_not_trained_on(corpus, file, tmp_path):
    store = prepare(corpus, tmp_path / "store", boxes=file, workers=1, boxes_for="holding-out")
    assert dict(zip(store.column("video"), store.column("split"), strict=True)) == {
        "a.mp4": "test", "b.mp4": "train", "c.mp4": "train"}  # fmt: skip
    assert set(store.select(split="train").column("video")) == {"b.mp4", "c.mp4"}
    assert scored_videos(store) == {"a.mp4"}


def test_boxes_for_naming_label_seconds_and_leave_nothing_to_score(corpus, file, tmp_path):
    store = prepare(corpus, tmp_path / "store", boxes=file, workers=1, boxes_for="naming")
    labels = set(zip(store.column("video"), store.column("category"), strict=True))
    assert labels == {("a.mp4", "cello"), ("b.mp4", None), ("c.mp4", None)}
    assert scored_videos(store) == set()
    assert set(clips_that_name(store).column("category")) == {"cello"}


def test_boxes_for_scoring_are_the_default(corpus, file, tmp_path):
    store = prepare(corpus, tmp_path / "store", boxes=file, workers=1)
    assert len(store.boxes) == 8
    assert store.splits == ()
    assert set(store.column("category")) == {None}


def test_another_purpose_is_another_store(corpus, file, tmp_path):
    made = [prepare(corpus, tmp_path / f"{n}", boxes=file, workers=1, boxes_for=purpose).info["made"]
            for n, purpose in enumerate(("scoring", "holding-out", "naming"))]  # fmt: skip
    assert len({str(each) for each in made}) == 3


def test_a_second_has_a_label_where_one_category_alone_sounds_throughout():
    frames = [Frame("a", 0.0, (CELLO,)), Frame("a", 0.5, (CELLO, SILENT)),  # cello throughout
              Frame("a", 1.0, (CELLO,)), Frame("a", 1.5, (CELLO, FLUTE)),  # another one comes in
              Frame("a", 2.0, (SILENT,)),  # nothing sounds
              Frame("a", 2.9999, (FLUTE,)), Frame("a", 3.25, (FLUTE, FLUTE))]  # two of one category  # fmt: skip
    assert labels_of(Boxes(("cello", "flute"), tuple(frames))) == {"a": {0: "cello", 3: "flute"}}


@pytest.mark.parametrize("purpose", ["holding-out", "naming"])
def test_without_boxes_there_is_nothing_to_use(corpus, tmp_path, purpose):
    with pytest.raises(DsolError, match=r"needs annotations, and there are none \(give them with --boxes"):
        prepare(corpus, tmp_path / "store", workers=1, boxes_for=purpose)


def test_a_purpose_that_there_is_not(corpus, file, tmp_path):
    with pytest.raises(DsolError, match="choose one of scoring, holding-out, naming"):
        prepare(corpus, tmp_path / "store", boxes=file, workers=1, boxes_for="fun")


def test_holding_everything_out_leaves_nothing_to_train_on(corpus, tmp_path):
    frames = [Frame(name, 0.0, (CELLO,)) for name in ("a.mp4", "b.mp4", "c.mp4")]
    Boxes(("cello",), tuple(frames)).save(tmp_path / "boxes.json")
    with pytest.raises(DsolError, match="leaves no video to train on"):
        prepare(corpus, tmp_path / "store", boxes=tmp_path / "boxes.json", workers=1, boxes_for="holding-out")
