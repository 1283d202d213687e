"""The general model's parts, with made-up weights."""

import time

import numpy as np
import pytest
import torch

from dsol.config import SHIPPED
from dsol.model.file import ModelCard
from dsol.model.general import GeneralSystem
from dsol.model.general_network import SIZE, Correspondence, GeneralNetwork
from dsol.model.general_predictor import LEAST_AUDIBLE, NEVER_SEEN, Categories, visibility
from dsol.model.groups import Groups
from dsol.model.system import load_system
from dsol.model.vocabulary import vocabulary

NOISE = np.random.default_rng(0)


@pytest.fixture(scope="module")
def system() -> GeneralSystem:
    torch.manual_seed(0)
    words = vocabulary()
    card = ModelCard("general", {"encoders": {"size": SIZE}}, words.categories, True, 0.15)
    return GeneralSystem(GeneralNetwork(words), card)


def _question(count: int) -> tuple[list[np.ndarray], np.ndarray, list[str]]:
    frames = [NOISE.integers(0, 255, (90, 160, 3), np.uint8) for _ in range(count)]
    sounds = NOISE.normal(0, 0.1, (count, 16_000)).astype(np.float32)
    return frames, sounds, [f"frame {n}" for n in range(count)]


def test_it_answers_with_what_is_heard_what_is_seen_and_both(system):
    found = system.predict(*_question(2))
    assert found.keys == ("frame 0", "frame 1")
    assert found.categories == vocabulary().categories
    for part in (found.score, found.heard, found.seen):
        assert part.shape == (2, len(found.categories))
        told = part[~np.isnan(part)]
        assert ((told >= 0) & (told <= 1)).all()
    assert found.maps.shape[:2] == found.score.shape
    assert found.area.shape[1:] == found.maps.shape[2:]


def test_a_picture_with_two_sounds_is_answered_as_two_pictures(system):
    (frame, _), sounds, keys = _question(2)
    together = system.predict([frame, frame], sounds, keys)
    apart = [system.predict([frame], sounds[n : n + 1], keys[n : n + 1]) for n in range(2)]
    np.testing.assert_allclose(together.score, np.concatenate([part.score for part in apart]), atol=1e-5)
    np.testing.assert_allclose(together.area, np.concatenate([part.area for part in apart]), atol=1e-5)


def test_a_file_gives_the_same_answers(system, tmp_path):
    file = tmp_path / "general.safetensors"
    system.save(file)
    question = _question(1)
    np.testing.assert_allclose(load_system(file).predict(*question).score, system.predict(*question).score, atol=1e-6)


def test_what_is_heard_of_a_family_lifts_its_members(system, monkeypatch):
    """ "Music" alone is heard: instruments are nearly as audible as it is; dogs are not."""
    words = vocabulary()
    tags = torch.full((1, len(words.tags)), -9.0)
    tags[0, words.tags.index("Music")] = 3.0
    monkeypatch.setattr(system.network.ear.head, "forward", lambda embedding: tags)
    audible = system.predictor.audible_logits(torch.zeros(1, 1024))[0]
    names = list(words.entries)
    assert audible[names.index("Violin")] == 2.0
    assert audible[names.index("Dog")] == LEAST_AUDIBLE


@pytest.mark.parametrize(("surer", "other"), [("Guitar", "Acoustic guitar"), ("Acoustic guitar", "Guitar")])
def test_of_a_category_and_one_below_it_the_surer_is_said(system, monkeypatch, surer, other):
    words = vocabulary()
    tags = torch.full((1, len(words.tags)), -9.0)
    for category, logit in ((surer, 6.0), (other, 4.0), ("Dog", 1.0)):  # Guitar, a group, is heard one logit less
        tags[0, words.tags.index(category)] = logit
    monkeypatch.setattr(system.network.ear.head, "forward", lambda embedding: tags)
    monkeypatch.setattr(system.predictor, "visible", lambda view: torch.zeros(1, len(words.entries)))
    found = system.predict(*_question(1))
    order = np.array(found.categories)[np.argsort(-found.heard[0], kind="stable")].tolist()
    assert order[:2] == [surer, "Dog"]
    assert other in order[2:4]


def test_no_picture_tells_of_a_category_without_a_class(system):
    found = system.predict(*_question(1))
    k = found.categories.index("Helicopter")
    assert np.isnan(found.seen[0, k])
    assert found.score[0, k] <= NEVER_SEEN


def test_the_best_cells_are_those_of_the_best_class():
    classes = torch.zeros(1, 1000, 20, 20)
    classes[0, 7, :5, :4] = 2.0
    found = visibility(Groups([[7, 8], [9], []])(classes), torch.tensor([True, True, False]))
    assert found.tolist() == [[2.0, 0.0, 0.0]]


def test_the_correspondence_is_highest_where_the_picture_goes_with_the_sound():
    torch.manual_seed(0)
    correspondence, sound = Correspondence(), torch.randn(1, 1024)
    cells = torch.randn(1, 128, 20, 20) * 0.1
    wanted = correspondence.sound(sound) - correspondence.picture.bias
    cells[0, :, 3, 4] = torch.linalg.lstsq(correspondence.picture.weight[:, :, 0, 0], wanted[0]).solution
    found = correspondence(cells, sound)[0, 0]
    assert found.argmax() == 3 * 20 + 4
    assert found.max().item() == pytest.approx(1.0, abs=1e-4)


def test_people_are_what_speaks_and_what_claps():
    places, names = Categories(vocabulary()), list(vocabulary().entries)
    assert {"Speech", "Singing", "Clapping"} <= {names[k] for k in places.people}
    assert "Dog" not in {names[k] for k in places.people}


def test_the_shipped_model_is_small_and_loads_in_a_second():
    file = SHIPPED / "general.safetensors"
    assert file.stat().st_size <= 25e6
    assert "labels" in (SHIPPED / "general.md").read_text()
    start = time.process_time()
    system = load_system(file)
    assert time.process_time() - start < 2  # half of it on a machine that does nothing else
    assert system.categories == vocabulary().categories


def test_the_shipped_model_is_dark_in_silence_and_noise():
    system = load_system(SHIPPED / "general.safetensors")
    frame = NOISE.integers(0, 255, (90, 160, 3), np.uint8)
    noise = NOISE.normal(0, 0.05, 16_000)
    found = system.predict([frame, frame], np.stack([np.zeros(16_000), noise]).astype(np.float32), ["a", "b"])
    assert found.score.max() < system.threshold
