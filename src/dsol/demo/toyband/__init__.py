"""Toyband: a small data set that we draw and play ourselves, for tests, demonstrations and first steps.

    seed ──plan──▶ Plans ──make_video (in worker processes)──▶ mp4 files and boxes.json

Eleven instruments, as in MUSIC. Solo videos show one, and it sounds. Duet videos show three or four on one stage;
two sound, the others are silent, and all have boxes. A box encloses what is in sight of the instrument, without
bow and mallets, to the pixel.
"""

import json
from itertools import islice
from pathlib import Path

import numpy as np

from dsol.data.boxes import Boxes, Frame
from dsol.data.engines import run
from dsol.demo.toyband.sounds import CATEGORIES
from dsol.demo.toyband.videos import Plan, make_video
from dsol.errors import DsolError
from dsol.files import whole, write_json
from dsol.progress import say, track

__all__ = ["CATEGORIES", "make_toyband"]

VERSION = 1  # of what the same arguments draw and play
RECORD = "toyband.json"  # written last: a folder that has it is whole


def make_toyband(
    out: str | Path,
    solos: int = 132,
    duets: int = 44,
    seconds: int = 4,
    seed: int = 0,
    workers: int = 0,
) -> Path:
    """Make the toyband data set, whole or not at all.

    Writes `solo/{train,test}/<category>/<name>.mp4`, `duet/{train,test}/<name>.mp4`, a `boxes.json` in `solo` and in
    `duet` (four frames a second, of all videos), and `toyband.json`, which holds the arguments. The result depends
    on the arguments alone, not on the number of workers.

    Args:
        out: folder to make.
        solos: videos of one instrument, evenly over the categories; a quarter of them for testing.
        duets: videos of three or four instruments of which two sound; a quarter of them for testing.
        seconds: length of each video.
        seed: chooses everything else.
        workers: processes; 0 takes one a core.

    Returns:
        `out`.

    Raises:
        DsolError: an argument makes no sense, or `out` holds something else.

    Example:
        >>> make_toyband("toyband", solos=22, duets=4)  # doctest: +SKIP
        PosixPath('toyband')
    """
    out = Path(out)
    asked = {"solos": solos, "duets": duets, "seconds": seconds, "seed": seed}
    for name, value in {**asked, "workers": workers}.items():
        if value < (lowest := int(name == "seconds")):
            raise DsolError(name, f"is {value}", f"give {lowest} or more")
    made = {"version": VERSION, **asked}
    if _is_made(out, made):
        say(f"{out}: is this toyband already, nothing to do")
        return out
    with whole(out) as partial:
        _write(partial, {"solo": plan_solos(solos, seconds, seed), "duet": plan_duets(duets, seconds, seed)}, workers)
        write_json(partial / RECORD, made)
        if out.exists():
            out.rmdir()  # empty, or `_is_made` had refused
    return out


def _is_made(out: Path, made: dict) -> bool:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        there = json.loads((out / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise DsolError(out, "exists and is no toyband", "choose another folder, or move it away") from None
    if there != made:
        raise DsolError(out, "holds a toyband made with other arguments", "choose another folder, or move it away")
    return True


def plan_solos(count: int, seconds: int, seed: int) -> list[Plan]:
    """Which solo videos there are: category after category, every fourth of a category for testing.

    Example:
        >>> [plan.name for plan in plan_solos(24, 4, 0)][::11]
        ['train/accordion/0000.mp4', 'test/accordion/0001.mp4', 'train/accordion/0002.mp4']
    """
    plans = []
    for index in range(count):
        category, number = CATEGORIES[index % len(CATEGORIES)], index // len(CATEGORIES)
        split = "test" if number % 4 == 1 else "train"
        plans.append(Plan(f"{split}/{category}/{number:04d}.mp4", (category,), 1, seconds, (seed, 1, index)))
    return plans


def plan_duets(count: int, seconds: int, seed: int) -> list[Plan]:
    """Which duet videos there are: three or four different instruments each, all of them equally often."""
    rng = np.random.default_rng((seed, 2))
    waiting: list[str] = []
    plans = []
    for index in range(count):
        size = int(rng.integers(3, 5))
        seen: list[str] = []
        while len(seen) < size:
            fresh = next((category for category in waiting if category not in seen), None)
            if fresh is None:
                waiting += rng.permutation(CATEGORIES).tolist()
            else:
                waiting.remove(fresh)
                seen.append(fresh)
        split = "test" if index % 4 == 1 else "train"
        order = tuple(rng.permutation(seen).tolist())
        plans.append(Plan(f"{split}/{index:04d}.mp4", order, 2, seconds, (seed, 3, index)))
    return plans


def _write(folder: Path, plans: dict[str, list[Plan]], workers: int) -> None:
    jobs = [(folder / kind / plan.name, plan) for kind in plans for plan in plans[kind]]
    for path in {folder / kind for kind in plans} | {path.parent for path, _ in jobs}:
        path.mkdir(parents=True, exist_ok=True)
    made = track(run(_job, jobs, workers=workers), "Making toyband", len(jobs), "videos")
    for kind, of in plans.items():
        frames = tuple(frame for video in islice(made, len(of)) for frame in video)
        Boxes(CATEGORIES, frames).save(folder / kind / "boxes.json")


def _job(job: tuple[Path, Plan]) -> list[Frame]:
    """In one thread: the processes share the processors, and sums of matrix products round alike everywhere."""
    from threadpoolctl import threadpool_limits

    path, plan = job
    with threadpool_limits(1):
        return make_video(plan, path)
