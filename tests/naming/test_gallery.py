"""Naming by looking: an unlabelled store in, pictures, sounds and a file of names out, and the names into the model."""

import io
import json
import re
import shlex
import shutil
import subprocess
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dsol.data.prepare import prepare
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.model.file import load_card, load_tensors, save_model
from dsol.model.maps import Maps
from dsol.naming.gallery import SHOWN, by_turns, make_gallery, name_by_looking, typical
from dsol.naming.naming import name_model, read_names, rename_model
from tests.shapes import CATEGORIES, SIZE, write_shape

KEYS = [f"cluster {k}" for k in range(4)]


@pytest.fixture(scope="module")
def flat(tmp_path_factory) -> Store:
    """Shapes that sound, in one folder, without labels."""
    folder = tmp_path_factory.mktemp("flat")
    (folder / "videos").mkdir()
    for n in range(8):
        write_shape(folder / "videos" / f"{n:04d}.mp4", CATEGORIES[n % 4], seed=n)
    return prepare(folder / "videos", folder / "store", size=SIZE, workers=1)


@pytest.fixture(scope="module")
def gallery(trained, flat, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("gallery") / "new" / "gallery"
    make_gallery(trained, flat.path, folder)
    return folder


@pytest.fixture
def mine(trained, tmp_path) -> Path:
    """A run that may be renamed."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def names_of(run: Path) -> tuple[str, ...]:
    return load_card(run / "model.safetensors").categories


def answers(monkeypatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


# What the gallery holds.


def test_a_store_without_labels_fills_the_clusters(trained, flat, tmp_path):
    assert not flat.categories
    assert not flat.splits
    clusters = make_gallery(trained, flat.path, tmp_path)
    assert [cluster.key for cluster in clusters] == KEYS
    assert sum(cluster.clips for cluster in clusters) == len(flat)
    assert all(cluster.videos <= cluster.clips for cluster in clusters)


def test_every_cluster_with_clips_has_a_picture_and_as_many_seconds_of_sound(trained, flat, tmp_path):
    for k, cluster in enumerate(make_gallery(trained, flat.path, tmp_path)):
        picture, sound = tmp_path / f"cluster-{k:02d}.png", tmp_path / f"cluster-{k:02d}.wav"
        assert picture.exists() == sound.exists() == bool(cluster.clips)
        if cluster.clips:
            assert np.asarray(Image.open(picture)).std() > 10
            with wave.open(str(sound)) as file:
                assert int(file.getnframes() / file.getframerate()) == pytest.approx(min(cluster.clips, SHOWN), abs=2)


def test_the_page_shows_every_cluster_and_needs_no_network(gallery):
    page = (gallery / "gallery.html").read_text()
    assert all(f"{key}<" in page for key in KEYS)
    linked = re.findall(r'src="([^"]+)"', page)
    assert linked
    assert all((gallery / name).is_file() for name in linked)
    assert "http" not in page
    assert "names.json" in page


def test_a_cluster_without_clips_is_shown_as_empty(trained, flat, tmp_path, monkeypatch):
    monkeypatch.setattr("dsol.naming.naming.assign_clips", lambda system, clips: np.zeros(len(clips), int))
    clusters = make_gallery(trained, flat.path, tmp_path)
    assert [cluster.clips for cluster in clusters] == [len(flat), 0, 0, 0]
    page = (tmp_path / "gallery.html").read_text()
    assert page.count("No clip belongs to it") == 3
    assert f"{len(flat)} clips of {len(flat.videos)} videos" in page


def test_clusters_that_share_a_name_are_still_shown_apart(mine, flat, tmp_path):
    file = mine / "model.safetensors"
    card = load_card(file)
    config = {**card.config, "inference": {**card.config["inference"], "decoder": "objects"}}
    save_model(file, load_tensors(file), replace(card, config=config))
    make_gallery(mine, flat.path, tmp_path / "before")
    rename_model(mine, dict.fromkeys(KEYS, "disc"))
    assert [cluster.name for cluster in make_gallery(mine, flat.path, tmp_path / "after")] == ["disc"] * 4
    for picture in (tmp_path / "before").glob("*.png"):
        assert (tmp_path / "after" / picture.name).read_bytes() == picture.read_bytes()


def test_names_are_written_as_text_not_as_html(mine, flat, tmp_path):
    rename_model(mine, {"cluster 0": "<b>&"})
    make_gallery(mine, flat.path, tmp_path / "gallery")
    page = (tmp_path / "gallery" / "gallery.html").read_text()
    assert "&lt;b&gt;&amp;" in page
    assert json.loads((tmp_path / "gallery" / "names.json").read_text())["cluster 0"] == "<b>&"


def test_only_training_clips_are_shown_where_there_are_splits(trained, shapes, tmp_path):
    clusters = make_gallery(trained, shapes.path, tmp_path)
    assert sum(cluster.clips for cluster in clusters) == len(shapes.select(split="train"))


def test_different_videos_come_first():
    assert by_turns([5, 4, 0, 1, 2], ["a", "a", "b", "", "c", "a"]) == [5, 4, 2, 0, 1]


class Unsure:
    """A system that is sure of a clip as its number says: half as sure of each clip as of the one before."""

    def __init__(self):
        self.asked = 0

    def predict(self, frames, waveforms, keys) -> Maps:
        self.asked += len(keys)
        score = np.array([[0.5 ** int(key)] for key in keys])
        return Maps(tuple(keys), np.ones((len(keys), 2, 2)), np.ones((len(keys), 1, 2, 2)), score, ("cluster 0",))


def test_the_surest_clips_come_first_by_video_and_strays_last(flat):
    videos = flat.column("video")
    assert videos[0] == videos[1] != videos[2]
    shown = typical(Unsure(), flat, [0, 1, 2, 4, 6, 3, 5, 7, 9, 8], 0)
    assert [example.row for example in shown] == [0, 2, 1, 3, 4, 6, 8, 5]  # from 3 on they are strays
    assert shown[0].score == 1


def test_of_a_large_cluster_some_clips_are_candidates(flat, monkeypatch):
    monkeypatch.setattr("dsol.naming.gallery.CANDIDATES", 10)
    system = Unsure()
    typical(system, flat, range(len(flat)), 0)
    assert system.asked == 10


def test_names_that_somebody_wrote_are_kept(trained, flat, tmp_path, capsys):
    file = tmp_path / "names.json"
    make_gallery(trained, flat.path, tmp_path)
    make_gallery(trained, flat.path, tmp_path)
    assert "is not overwritten" not in capsys.readouterr().err
    for text in ('{"cluster 1": "disc"}', '{"cluster 1": disc'):
        file.write_text(text)
        make_gallery(trained, flat.path, tmp_path)
        assert file.read_text() == text
        assert f"{file} has other names and is not overwritten" in capsys.readouterr().err


def test_a_file_in_the_gallerys_place_is_left(trained, flat, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DsolError, match="is a file"):
        make_gallery(trained, flat.path, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


# Names from a file.


def test_names_may_be_given_for_some_clusters_and_given_again(mine):
    before = load_tensors(mine / "model.safetensors")
    assert rename_model(mine, {"cluster 1": "disc", "cluster 3": " big bar "}) == names_of(mine)
    assert names_of(mine) == ("cluster 0", "disc", "cluster 2", "big bar")
    assert load_card(mine / "model.safetensors").named
    rename_model(mine, {"cluster 1": "ring"})
    assert names_of(mine) == ("cluster 0", "ring", "cluster 2", "big bar")
    after = load_tensors(mine / "model.safetensors")
    assert all(tensor.equal(after[name]) for name, tensor in before.items())


def test_a_model_whose_clusters_got_their_own_names_back_counts_as_unnamed(mine):
    rename_model(mine, {"cluster 1": "disc"})
    rename_model(mine, {"cluster 1": "cluster 1"})
    assert not load_card(mine / "model.safetensors").named


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"cluster 9": "disc"}', "cluster 9.*cluster 0 to cluster 3"),
        ('{"disc": "ring"}', "'disc'"),
        ('{"cluster 0": "disc", "cluster 1": ""}', "cluster 1 ''"),
        ('{"cluster 0": "  "}', "cluster 0"),
        ('{"cluster 0": null}', "cluster 0 None"),
        ('{"cluster 0": ["disc"]}', "cluster 0"),
        ('{"cluster 0": "two\\nlines"}', "cluster 0"),
        ('["disc"]', "is not an object"),
        ("disc", "is not JSON"),
        ("\xff", "is not JSON"),
    ],
)
def test_names_that_are_none_change_nothing(mine, tmp_path, text, says):
    file, model = tmp_path / "names.json", mine / "model.safetensors"
    file.write_bytes(text.encode("latin-1"))
    before = model.read_bytes()
    with pytest.raises(DsolError, match=f"names.json.*{says}"):
        rename_model(mine, read_names(file), file)
    assert model.read_bytes() == before


def test_the_shipped_model_keeps_its_names(shapes):
    for rename in (
        lambda: rename_model("small", {"cluster 0": "disc"}),
        lambda: name_model("small", shapes.path),
        lambda: name_by_looking("small", shapes.path),
    ):
        with pytest.raises(DsolError, match="shipped model"):
            rename()


def test_the_gallery_of_the_shipped_model_tells_how_to_name_a_copy(shapes, tmp_path, capsys):
    make_gallery("small", shapes.path, tmp_path / "gallery")
    copy, name = capsys.readouterr().err.strip().splitlines()[-1].split("then: ")[1].split(" && ")
    subprocess.run(shlex.split(copy), check=True)
    _, _, model, _, names = shlex.split(name)
    assert rename_model(model, read_names(Path(names)) | {"cluster 0": "disc"})[0] == "disc"


# Names asked for.


def test_answers_name_and_enter_keeps(mine, flat, monkeypatch, capsys):
    answers(monkeypatch, "disc\n\n  disc \nbar\n")
    assert name_by_looking(mine, flat.path) == ("disc", "cluster 1", "disc", "bar")
    assert names_of(mine) == ("disc", "cluster 1", "disc", "bar")
    said = capsys.readouterr()
    assert str(mine / "gallery" / "gallery.html") in said.err
    assert "3 categories: disc, cluster 1, bar" in said.err
    assert all(f"{key}, " in said.out for key in KEYS)
    written = json.loads((mine / "gallery" / "names.json").read_text())
    assert written == dict(zip(KEYS, names_of(mine), strict=True))


def test_answers_that_end_too_early_change_nothing(mine, flat, tmp_path, monkeypatch):
    before = (mine / "model.safetensors").read_bytes()
    answers(monkeypatch, "disc\nring\n")
    with pytest.raises(DsolError, match="input ended after 2 of 4 clusters: no name was changed"):
        name_by_looking(mine, flat.path, tmp_path / "gallery")
    assert (mine / "model.safetensors").read_bytes() == before
    assert (tmp_path / "gallery" / "gallery.html").exists()


def test_an_interrupt_changes_nothing_and_says_so(mine, flat, monkeypatch, capsys):
    def interrupted(question):
        raise KeyboardInterrupt

    before = (mine / "model.safetensors").read_bytes()
    monkeypatch.setattr("builtins.input", interrupted)
    with pytest.raises(KeyboardInterrupt):
        name_by_looking(mine, flat.path)
    assert "No name was changed" in capsys.readouterr().err
    assert (mine / "model.safetensors").read_bytes() == before
