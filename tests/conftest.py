"""Two test processes share two cores: one thread each."""

import pytest
import torch

from dsol.config import load_recipe
from dsol.data.store import Store
from dsol.training.train import train
from tests.shapes import shape_store

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shapes(tmp_path_factory) -> Store:
    """A store of single-source clips: four categories, train and test, with boxes."""
    return shape_store(tmp_path_factory.mktemp("shapes"))


@pytest.fixture(scope="session")
def trained(shapes, tmp_path_factory):
    """A run folder of the recipe `tiny` on the shapes."""
    run = tmp_path_factory.mktemp("trained") / "run"
    train(shapes.path, run, load_recipe("tiny"))
    return run
