"""Where the processes of a training come from: one; several of this machine; torchrun's, on many; or a Ray cluster's.

    dsol train … --devices 4                                      ─▶ four processes, started here
    torchrun --nnodes 2 --nproc-per-node 4 -m dsol train …        ─▶ each process finds its number in the environment
    dsol train … --engine ray --nodes 2 --devices 4               ─▶ eight actors, anywhere in the cluster

All run `train` with the same arguments. What goes wrong in one of them ends all, and is what the caller sees.
"""

import logging
import multiprocessing
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from lightning_fabric import Fabric, seed_everything
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies import DDPStrategy  # type: ignore[attr-defined] it is there

from dsol.config import Config
from dsol.data.engines import UNGUARDED, refuse_unguarded, unguarded
from dsol.errors import DsolError
from dsol.progress import PLACED

PATIENCE = timedelta(hours=12)  # of processes that wait for one another: one of them clusters or composes alone
LAUNCH = "torchrun --nnodes {} --nproc-per-node {} -m dsol train …"


def world_of(config: Config, engine: str = "local") -> int:
    """How many processes a training has.

    Raises:
        DsolError: `devices` and `nodes` do not fit how it was started, or this machine.
    """
    here, asked = launched(), config.devices * config.nodes
    if here and engine == "ray":
        raise DsolError("--engine ray", "starts processes itself, and torchrun has done so", "leave one of them out")
    if here and asked not in (1, here):
        what = f"{config.nodes} times --devices {config.devices} are {asked} processes, and torchrun started {here}"
        raise DsolError("--nodes", what, f"start {LAUNCH.format(config.nodes, config.devices)}")
    if not here and engine == "local" and config.nodes > 1:
        what = f"{config.nodes} machines, and this process is alone"
        remedy = f"on each of them {LAUNCH.format(config.nodes, config.devices)}; or add --engine ray"
        raise DsolError("--nodes", what, remedy)
    gpus = torch.cuda.device_count() if config.device != "cpu" and torch.cuda.is_available() else 0
    if engine == "local" and gpus and config.devices > gpus:
        raise DsolError("--devices", f"{config.devices}, and there are {gpus} GPUs", f"give {gpus} or fewer")
    return here or asked


def check_world(config: Config, world: int, stage: str) -> None:
    """Refuse what several processes cannot train together.

    Args:
        config: the options.
        world: how many processes there are.
        stage: "one", "two" or "both".

    Raises:
        DsolError: the first thing that does not fit.
    """
    if world > 1 and config.system != "dsol":
        raise DsolError(f"--system {config.system}", f"is trained by one process, not {world}", "give --devices 1")
    for name, batch in batches_of(config, stage).items():
        if batch % world:
            what = f"{batch} clips do not divide among {world} processes"
            remedy = f"give a multiple of {world}, such as {-(-batch // world) * world}"
            raise DsolError(f"--{name}.batch", what, remedy)


def batches_of(config: Config, stage: str) -> dict[str, int]:
    """Clips in a batch of each stage that is trained."""
    wanted = ("stage_one", "stage_two") if stage == "both" else (f"stage_{stage}",)
    return {name: getattr(config, name).batch for name in wanted}


def launched() -> int:
    """How many processes the caller's launcher started, this one among them; 0 where it started this one alone."""
    return int(os.environ["WORLD_SIZE"]) if all(name in os.environ for name in PLACED) else 0


def open_fabric(config: Config) -> Fabric:
    """The device and precision of a training, joined with its other processes."""
    world = launched() or 1
    here = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    how: dict[str, Any] = {"accelerator": config.device, "precision": config.precision}
    if world == 1:
        fabric = Fabric(devices=1, **how)
    else:
        strategy = DDPStrategy(find_unused_parameters=True, timeout=PATIENCE)
        environment = TorchElasticEnvironment()
        fabric = Fabric(devices=here, num_nodes=world // here, strategy=strategy, plugins=[environment], **how)
    fabric.launch()
    seed_everything(config.seed, verbose=False)
    return fabric


def start_here(work: Callable[[], Any], world: int) -> None:
    """Run the same work in several processes of this machine, which find one another by their environment.

    Args:
        work: picklable.
        world: how many processes.

    Raises:
        DsolError: what the first process raised that failed, or that one was killed.
    """
    from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, start_processes

    refuse_unguarded()
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)  # it tells which processes it ends
    failed = multiprocessing.get_context("spawn").SimpleQueue()
    how = (work, world, free_port(), failed)
    try:
        start_processes(_process, how, world, start_method="spawn")
    except (ProcessExitedException, ProcessRaisedException) as error:
        if not failed.empty():
            raise failed.get() from None
        if isinstance(error, ProcessRaisedException):
            raise
        if error.exit_code == UNGUARDED:
            raise unguarded() from None
        why = getattr(error, "signal_name", None) or f"status {error.exit_code}"
        raise Lost(f"process {error.error_index} of {world}", f"was ended: {why}") from None


def _process(rank: int, work: Callable[[], Any], world: int, port: int, failed: Any) -> None:
    """One of the processes."""
    with placed(rank, world, "127.0.0.1", port, local=rank, here=world):
        try:
            work()
        except DsolError as error:
            failed.put(error)
            raise SystemExit(2) from None


class Lost(DsolError):
    """One of several processes is gone."""

    def __init__(self, where: object, what: str, remedy: str = "is there enough memory? --resume goes on"):
        super().__init__(where, what, remedy)


@contextmanager
def companions() -> Iterator[None]:
    """`Lost` where another process is gone that this one waits for."""
    try:
        yield
    except RuntimeError as error:
        told = str(error).strip()
        if not launched() or not (isinstance(error, torch.distributed.DistError) or "/gloo/" in told):
            raise
        raise Lost("training", f"another process is gone: {told.splitlines()[0]}") from None


@contextmanager
def placed(rank: int, world: int, address: str, port: int, local: int = 0, here: int = 1) -> Iterator[None]:
    """An environment as of torchrun.

    Args:
        rank, world: number of this process, of how many.
        address, port: where process 0 listens.
        local, here: its number on its machine, of how many that count as one machine.
    """
    values = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": local, "LOCAL_WORLD_SIZE": here,
              "MASTER_ADDR": address, "MASTER_PORT": port}  # fmt: skip
    os.environ.update({name: str(value) for name, value in values.items()})
    try:
        yield
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        for name in values:
            os.environ.pop(name, None)


def free_port() -> int:
    """A TCP port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]
