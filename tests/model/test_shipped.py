"""The ONNX forms of the shipped models predict as the models do, and hold no weights of their own."""

import numpy as np
import pytest

from dsol import Localizer
from dsol.config import SHIPPED
from dsol.export import MOST_APART, largest_difference
from dsol.model.dsol_system import DsolSystem
from dsol.model.file import load_card
from dsol.model.general import GeneralSystem
from dsol.model.onnx import ExportedSystem, outputs_of
from dsol.model.system import load_system

SYSTEMS = {"general": GeneralSystem, "small": DsolSystem}
NOISE = np.random.default_rng(1)


@pytest.fixture(scope="module", params=SYSTEMS)
def both(request) -> tuple[DsolSystem | GeneralSystem, ExportedSystem]:
    exact, fast = (load_system(request.param, exact=exact) for exact in (True, False))
    assert isinstance(exact, SYSTEMS[request.param])
    assert isinstance(fast, ExportedSystem)
    return exact, fast


def test_they_predict_the_same(both):
    exact, fast = both
    assert largest_difference(exact, fast) <= MOST_APART
    assert (fast.categories, fast.threshold) == (exact.categories, exact.threshold)


def test_they_predict_the_same_of_frames_of_any_shape(both):
    exact, fast = both
    frames = [NOISE.integers(0, 256, (30, 40, 3), np.uint8).repeat(12, 0).repeat(12, 1) for _ in range(2)]
    question = frames, NOISE.normal(0, 0.1, (2, 16_000)).astype(np.float32), ["a", "b"]
    wanted, found = exact.predict(*question), fast.predict(*question)
    for part in outputs_of(fast.card):
        np.testing.assert_allclose(getattr(found, part), getattr(wanted, part), atol=MOST_APART)


def test_a_picture_with_several_sounds_is_looked_at_once_and_means_the_same(both):
    _, fast = both
    one, other = (NOISE.integers(0, 256, (60, 80, 3), np.uint8) for _ in range(2))
    sounds = NOISE.normal(0, 0.1, (3, 16_000)).astype(np.float32)
    looked = []

    class Session:
        def run(self, names, inputs):
            looked.append(len(inputs["pictures"]))
            return fast.file.session.run(names, inputs)

    watched = ExportedSystem(fast.file._replace(session=Session()), fast.card)
    together = watched.predict([one, other, one], sounds, ["a", "b", "c"])
    apart = watched.predict([one, other, one.copy()], sounds, ["a", "b", "c"])
    assert looked == [2, 3]
    for part in outputs_of(fast.card):
        np.testing.assert_allclose(getattr(together, part), getattr(apart, part), atol=1e-5)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_graph_is_small_and_all_of_a_model_is_at_most_25_megabytes(name):
    weights, graph = (SHIPPED / f"{name}.{ending}" for ending in ("safetensors", "onnx"))
    assert graph.stat().st_size < 1.5e6
    assert weights.stat().st_size + graph.stat().st_size <= 25e6
    assert set(load_card(graph).categories) == set(load_card(weights).categories)


def test_options_of_inference_are_those_of_the_network():
    localizer = Localizer.load("small", inference={"flip": False})
    assert isinstance(localizer.system, DsolSystem)
    assert not localizer.system.predictor.options.flip


def test_a_model_of_ones_own_beside_a_graph_is_run_itself(trained, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((trained / "model.safetensors").read_bytes())
    (tmp_path / "model.onnx").write_bytes((SHIPPED / "small.onnx").read_bytes())
    assert isinstance(Localizer.load(tmp_path / "model.safetensors").system, DsolSystem)
