"""What processes do that train together, for tests."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dsol.config import Config, load_recipe
from dsol.model.network import Network
from dsol.training.losses import other_video
from dsol.training.processes import open_fabric
from dsol.training.sharing import ALONE, Share, shared_statistics
from dsol.training.stage_one import StageOneLoss
from dsol.training.stage_two import NO_PAIRS, StageTwoLoss
from tests.items import refuse

SIZES = (8, 7, 3)  # of batches: they divide among four processes, they do not, and one has nothing to do
VIDEOS = torch.tensor([0, 0, 1, 2, 3, 3, 4, 5])
Losses = Callable[[nn.Module, int, slice], Tensor]  # loss module, clips of the batch, this process's -> loss


def pictures(count: int, seed: int) -> Tensor:
    """(B, 3, 48, 48)."""
    return torch.rand(count, 3, 48, 48, generator=torch.Generator().manual_seed(seed)).double()


def sounds(count: int) -> Tensor:
    """(B, 61, 64), a log-mel in dB."""
    return (40 * torch.rand(count, 61, 64, generator=torch.Generator().manual_seed(2)) - 60).double()


def of_stage_one(kind: str) -> Losses:
    """The loss of stage one: "labels", "sampled" or "pairs", of which "all" of a batch takes none."""

    def loss(module: nn.Module, count: int, mine: slice) -> Tensor:
        how = {
            "labels": {"labels": torch.arange(count) % 4},
            "sampled": {"negatives": pictures(count, 1)[mine]},
            "pairs": {"pairs": other_video(VIDEOS[:count], torch.Generator().manual_seed(count))},
        }[kind]
        return module(pictures(count, 0)[mine], sounds(count)[mine], VIDEOS[:count], **how)

    return loss


def of_stage_two(seen: bool = True) -> Losses:
    """The loss of stage two, of scenes or of mixtures alone."""

    def loss(module: nn.Module, count: int, mine: slice) -> Tensor:
        teacher = torch.rand(count, 4, generator=torch.Generator().manual_seed(3)).double()
        shown = pictures(count, 0)[mine] if seen else None
        pairs = other_video(VIDEOS[:count], torch.Generator().manual_seed(count)) if seen else NO_PAIRS
        return sum(module(shown, sounds(count)[mine], teacher, teacher.round(), pairs))

    return loss


SOURCES = {"stage_two": {"teacher": "sources", "similarity": "cosine"}, "mixtures": {"passes": 1}}
CASES = [  # loss module, options, loss
    (StageOneLoss, {}, of_stage_one("pairs")),
    (StageOneLoss, {"stage_one": {"negatives": "all", "pool": "soft"}}, of_stage_one("pairs")),
    (StageOneLoss, {"encoders": {"head_norm": True}}, of_stage_one("sampled")),
    (StageOneLoss, {"encoders": {"correspondence": "dot"}}, of_stage_one("labels")),
    (StageTwoLoss, {}, of_stage_two()),
    (StageTwoLoss, SOURCES, of_stage_two()),
    (StageTwoLoss, SOURCES, of_stage_two(seen=False)),
    (StageTwoLoss, {"stage_two": {"matching": "audioset", "product": False}}, of_stage_two()),
]


def trained(kind: type[nn.Module], config: Config, loss: Losses, share: Share) -> tuple[list[float], dict[str, Tensor]]:
    """The loss of each step, and the weights and statistics after them."""
    torch.manual_seed(0)
    network = Network(config).double()
    network.dictionary.keys.copy_(torch.rand(network.dictionary.keys.shape))
    module = kind(network, share)
    if share.world > 1:
        module = DistributedDataParallel(module, find_unused_parameters=True)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    found = []
    with shared_statistics(network.train(), share):
        for count in SIZES:
            optimizer.zero_grad()
            value = loss(module, count, share.part(count).rows)
            value.backward()
            optimizer.step()
            found.append(value.item())
    return found, network.state_dict()


def agree_and_fail(config: Config) -> None:
    """An assertion fails where processes do not learn together what each learns alone; then one raises an error that
    the others wait in vain for."""
    torch.set_num_threads(1)
    fabric = open_fabric(config)
    share = Share(fabric.global_rank, fabric.world_size)
    for kind, options, loss in CASES:
        alone, weights = trained(kind, load_recipe("tiny", **options), loss, ALONE)
        together, shared = trained(kind, load_recipe("tiny", **options), loss, share)
        torch.testing.assert_close(together, alone, rtol=1e-9, atol=0)
        torch.testing.assert_close(shared, weights, rtol=1e-6, atol=1e-8)
    whole = torch.arange(10.0)[:, None].half()
    sizes = [3, 0, 5, 2]
    mine = whole.split(sizes)[share.rank]
    assert torch.equal(share.collected(mine, torch.device("cpu")), whole)
    if share.rank == 2:
        refuse(2)
    fabric.barrier()
