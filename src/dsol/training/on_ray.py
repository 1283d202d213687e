"""Training on a Ray cluster: an actor a process, which find one another as torchrun's do.

    actors, as many as processes ─ address of the first ─▶ all: `train` with the same arguments ─▶ the first writes
    a machine is lost ─▶ all are ended, and as many as there is room for go on from the last pass

Plain actors, not Ray Train: what that adds, checkpoints and reports of its own, a run folder has already.
"""

from collections.abc import Callable
from typing import Any

from dsol.config import Config
from dsol.data.cluster import TRIES, connected, share_of_worker
from dsol.errors import DsolError
from dsol.progress import say
from dsol.training.processes import Lost, batches_of, free_port, placed

Work = Callable[[Config, bool], Any]  # options of where it runs, whether it goes on -> it is trained


def start_on_ray(work: Work, config: Config, world: int, stage: str, resume: bool) -> None:
    """Run the same work in several actors.

    Args:
        work: picklable, with absolute paths that all machines share.
        config: the options.
        world: how many processes.
        stage: "one", "two" or "both".
        resume: whether it goes on from the beginning.

    Raises:
        DsolError: no cluster, no room in it, or what the first process raised that failed.
        Lost: machines were lost time and again.
    """
    ray, ours = connected(world)
    try:
        for left in reversed(range(TRIES)):
            share, room = share_of_worker(ray, config.device != "cpu")
            count = _fitting(world, room, config, stage)
            if count < world and left == TRIES - 1:
                what = f"the cluster has room for {room} processes, not {world}"
                raise DsolError("--engine ray", what, "give fewer --nodes or --devices, or add machines")
            try:
                return _train(ray, work, config.replace(nodes=count, devices=1), share, resume)
            except Lost as error:
                if not left:
                    raise
                say(f"{error}; going on from the last pass")
                resume = True
    finally:
        if ours:
            ray.shutdown()


def _fitting(world: int, room: int, config: Config, stage: str) -> int:
    """The most processes that there is room for and that batches divide among; 1 at least."""
    sizes = batches_of(config, stage).values()
    return next((n for n in range(min(world, room), 1, -1) if not any(size % n for size in sizes)), 1)


def _train(ray: Any, work: Work, config: Config, share: dict[str, int], resume: bool) -> None:
    kind = ray.remote(_Process).options(**share, max_restarts=0, scheduling_strategy="SPREAD")
    actors = [kind.remote() for _ in range(config.nodes)]
    errors = ray.exceptions
    try:
        place = config.nodes, *ray.get(actors[0].address.remote())
        waiting = [actor.work.remote(work, config, resume, rank, *place) for rank, actor in enumerate(actors)]
        while waiting:
            done, waiting = ray.wait(waiting)
            ray.get(done)
    except errors.RayTaskError as error:
        raise error.cause from None
    except (errors.RayActorError, errors.WorkerCrashedError, errors.OutOfMemoryError, errors.ObjectLostError) as error:
        raise Lost("--engine ray", f"a process was lost: {str(error).splitlines()[0]}") from None
    finally:
        for actor in actors:
            ray.kill(actor)


class _Process:
    """An actor."""

    def address(self) -> tuple[str, int]:
        """Where this process will listen for the others."""
        import ray  # pyright: ignore[reportMissingImports]

        return ray.util.get_node_ip_address(), free_port()

    def work(self, work: Work, config: Config, resume: bool, rank: int, world: int, address: str, port: int) -> None:
        """Train, as the process of that rank."""
        with placed(rank, world, address, port):
            work(config, resume)
