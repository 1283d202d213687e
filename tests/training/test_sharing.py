"""Processes that train together: each its part, all the same losses and weights."""

from functools import partial
from itertools import chain

import pytest
import torch

from dsol.config import load_recipe
from dsol.errors import DsolError
from dsol.model.audio import sound_view
from dsol.model.images import training_view
from dsol.model.network import Network
from dsol.training.batches import Feed, Picks
from dsol.training.processes import check_world, placed, start_here, world_of
from dsol.training.sharing import ALONE, Share
from tests.training.together import agree_and_fail


def test_four_processes_have_the_losses_and_weights_of_one_and_an_error_of_one_ends_all():
    with pytest.raises(DsolError, match=r"^party\.mp4: is no video \(give one\)$"):
        start_here(partial(agree_and_fail, load_recipe("tiny", devices=4, device="cpu")), 4)


@pytest.mark.parametrize("count", [1, 2, 7, 9])
def test_parts_are_the_whole_batch(count):
    rows = [list(range(count))[Share(rank, 3).part(count).rows] for rank in range(3)]
    assert list(chain(*rows)) == list(range(count))
    assert max(map(len, rows)) - min(map(len, rows)) <= 1


@pytest.mark.parametrize("seed", [None, 3])
def test_each_process_reads_its_part_with_the_views_of_the_whole_batch(shapes, seed):
    network = Network(load_recipe("tiny"))
    picks = Picks(shapes, 7).shuffled(0)[-2:]  # of seven clips, and of five
    open_feed = partial(Feed, shapes, network.encoders, torch.device("cpu"), 0, 32, True)
    whole = list(open_feed(ALONE).batches(picks, seed, ""))
    parts = [list(open_feed(Share(rank, 6)).batches(picks, seed, "")) for rank in range(6)]
    for batch, *mine in zip(whole, *parts, strict=True):
        for name in ("pictures", "log_mel", "waveforms"):
            assert torch.equal(torch.cat([getattr(part, name) for part in mine]), getattr(batch, name))
        assert all(torch.equal(part.rows, batch.rows) for part in mine)


def test_views_of_a_part_are_those_that_it_has_in_the_batch():
    pictures, waveforms, part = torch.rand(5, 3, 40, 40), torch.rand(5, 16_000), Share(1, 2).part(5)
    drawn = partial(torch.Generator().manual_seed, 1)
    whole = training_view(pictures, 32, drawn())
    assert torch.equal(training_view(pictures[part.rows], 32, drawn(), part=part), whole[part.rows])
    whole = sound_view(waveforms, drawn())
    assert torch.equal(sound_view(waveforms[part.rows], drawn(), part), whole[part.rows])


@pytest.mark.parametrize(
    ("options", "world", "told"),
    [
        ({}, 3, r"--stage_one.batch: 16 clips do not divide among 3 processes \(give a multiple of 3, such as 18\)"),
        ({"stage_one": {"batch": 48}}, 3, "--stage_two.batch: 16 clips do not divide among 3 processes"),
        ({"system": "dmc"}, 2, "--system dmc: is trained by one process, not 2"),
    ],
)
def test_what_does_not_divide_is_refused(options, world, told):
    with pytest.raises(DsolError, match=told):
        check_world(load_recipe("tiny", **options), world, "both")


def test_processes_are_those_of_torchrun_which_options_may_not_contradict():
    tiny = load_recipe("tiny", device="cpu")
    assert world_of(tiny) == 1
    with placed(1, 4, "127.0.0.1", 1):
        assert world_of(tiny) == world_of(tiny.replace(nodes=2, devices=2)) == 4
        with pytest.raises(DsolError, match="2 times --devices 1 are 2 processes, and torchrun started 4"):
            world_of(tiny.replace(nodes=2))
        with pytest.raises(DsolError, match="torchrun has done so"):
            world_of(tiny, "ray")
