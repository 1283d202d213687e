"""What is left when a command is killed, at any moment: nothing lost, nothing twice, the same as never killed.

    python benchmarks/kills.py [--kills 20] [--most-s 600] [--verbs prepare,…,table,serve] [--engine ray] [--json FILE]

Each verb runs once undisturbed. Then its process group gets SIGKILL at a random moment and the same command runs again,
until it ends by itself; what it leaves is compared with the undisturbed run: files byte for byte, of a model its
weights (its card has dates), of a log of training all but its times. A line a verb says how many kills there were, and
what differed. Then the same for a disk that is full (no file may grow beyond a size), and for two processes with one
output. `serve` is killed while three videos are uploaded and localised, and started again on the same folder: each
upload that was accepted ends in the same results. With `--engine ray` the command is killed, its cluster goes on.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load_file

WEIGHTS = ".safetensors"
DATED = (".yaml", "table.json", "provenance.json")  # they hold times or places
TIMES = ("time", "seconds")  # of a line of metrics.jsonl
TRIES = 8  # of a command in one trial; the last is not killed
ON_RAY = ("prepare", "compose", "evaluate", "localize")
SMALLEST = 2_000  # bytes that a file may have where the disk is full
PATIENCE_S = 600.0  # for a server that was not killed


@dataclass(frozen=True)
class Job:
    """A verb: its words, where `{out}` stands for the place it writes to."""

    verb: str
    words: list[str]

    def command(self, out: Path) -> list[str]:
        return [sys.executable, "-m", "dsol", self.verb, *(word.replace("{out}", str(out)) for word in self.words)]


def jobs_of(data: Path, engine: str) -> list[Job]:
    """All verbs; their data is generated."""
    quick = ["--recipe", "tiny", "--workers", "0"]
    more = ["--engine", engine]
    solo, run = str(data / "solo"), str(data / "run")
    all_jobs = [
        Job("prepare", [str(data / "toys" / "solo"), "{out}/store", *more]),
        Job("compose", [solo, "{out}/scenes", "--scenes", "600", "--objects", "2", "--sounding", "1", *more]),
        Job("train", [solo, "{out}/run", *quick, "--resume"]),
        Job("evaluate", [run, solo, "--json", "{out}/figures.json", "--maps", "{out}/maps.npz", *more]),
        Job("localize", [str(data / "toys" / "duet"), "--model", run, "--out", "{out}/found", *more]),
        Job("table", ["1", "--runs", "{out}/runs", "--store", solo, "--recipe", "tiny", "--rows", "5"]),
    ]
    return [job for job in all_jobs if engine == "local" or job.verb in ON_RAY]


def start(job: Job, out: Path, **options) -> subprocess.Popen:
    return subprocess.Popen(job.command(out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            start_new_session=True, **options)  # fmt: skip


def finish(job: Job, out: Path, **options) -> tuple[int, str]:
    """Exit status and last line of a command that runs undisturbed."""
    process = start(job, out, **options)
    said = process.communicate()[1].strip().splitlines()
    return process.returncode, said[-1] if said else ""


def kill_at(job: Job, out: Path, moment_s: float) -> bool:
    """Whether the command was still running then, and so was killed."""
    process = start(job, out)
    try:
        process.communicate(timeout=moment_s)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True


def content(folder: Path) -> dict[str, object]:
    """Every file below a folder; of a model its weights, of what holds dates nothing but that it is there."""
    found: dict[str, object] = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if not file.is_file() or file.name.startswith("events.out") or file.name == "lock":
            continue
        if file.suffix == WEIGHTS:
            found[name] = {key: array.tobytes() for key, array in load_file(file).items()}
        elif file.name == "metrics.jsonl":
            lines = map(json.loads, file.read_text("utf-8").splitlines())
            found[name] = [{key: value for key, value in line.items() if key not in TIMES} for line in lines]
        else:
            found[name] = "there" if file.name.endswith(DATED) else file.read_bytes()
    return found


def differences(one: dict[str, object], other: dict[str, object]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def trial(job: Job, out: Path, length_s: float, chance: random.Random) -> int:
    """Kill a command again and again until it ends; returns how often."""
    for kills in range(TRIES):
        if not kill_at(job, out, chance.uniform(0, length_s)):
            return kills
    status, line = finish(job, out)
    if status:
        raise SystemExit(f"{job.verb}: does not go on after {TRIES} kills: {line}")
    return TRIES


def killed(job: Job, folder: Path, kills: int, most_s: float, seed: int) -> str:
    chance, done, wrong = random.Random(f"{seed} {job.verb}"), 0, set()
    begun = time.monotonic()
    status, line = finish(job, folder / "whole")
    length_s, expected = time.monotonic() - begun, content(folder / "whole")
    if status or not expected:
        raise SystemExit(f"{job.verb}: does not run: {line}")
    while done < kills and time.monotonic() < begun + most_s:
        out = folder / "killed"
        shutil.rmtree(out, ignore_errors=True)
        done += trial(job, out, length_s, chance)
        status, line = finish(job, out)  # a kill after the end, or none at all: it says so and changes nothing
        wrong |= {line} if status else set(differences(expected, content(out)))
    return told(done, wrong)


def told(kills: int, wrong: set[str]) -> str:
    return f"{kills} kills, {len(wrong)} differences {sorted(wrong)[:5] if wrong else ''}".strip()


def refused(job: Job, folder: Path, name: str, **options) -> str:
    """What a command says where it cannot write, and whether the same one goes on where it can."""
    out = folder / name
    status, line = finish(job, out, **options)
    again, _ = finish(job, out)
    same = not again and not differences(content(folder / "whole"), content(out))
    return f"status {status}, {line[:90]!r}; then {'the same' if same else 'NOT the same'}"


def little_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALLEST, SMALLEST))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def two_at_once(job: Job, folder: Path) -> str:
    out = folder / "two"
    both = [start(job, out), start(job, out)]
    said = [process.communicate()[1].strip().splitlines()[-1:] for process in both]
    finish(job, out)
    same = not differences(content(folder / "whole"), content(out))
    codes = [process.returncode for process in both]
    complaints = [line for line, code in zip(said, codes, strict=True) if code]
    return f"status {codes}, {complaints}; {'the same' if same else 'NOT the same'}"


class Page:
    """`dsol serve` on a folder."""

    def __init__(self, data: Path, model: Path):
        command = [sys.executable, "-m", "dsol", "serve", "--port", "0", "--data", str(data), "--model", str(model)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        start_new_session=True)  # fmt: skip

    def ready(self) -> str:
        """Its address, once it listens; empty where it ended before."""
        words = self.process.stdout.readline().split()  # type: ignore[union-attr]
        return next((word for word in words if word.startswith("http://")), "")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def ask(address: str, path: str, body: bytes | None = None) -> dict:
    with urllib.request.urlopen(f"{address}{path}", body, timeout=PATIENCE_S) as answer:
        return json.loads(answer.read())


def visit(address: str, videos: list[Path], ids: dict[str, str]) -> None:
    """Upload what was not accepted yet, and wait until all are done; an error where the server dies meanwhile."""
    for video in videos:
        if video.name not in ids:
            ids[video.name] = ask(address, f"/api/videos?name={video.name}", video.read_bytes())["id"]
    while {ask(address, f"/api/videos/{id}")["state"] for id in ids.values()} - {"done", "failed"}:
        time.sleep(0.1)


def results(data: Path) -> dict[str, object]:
    """Name of an upload -> its results; of one that was accepted unheard there are two, with the same results."""
    found: dict[str, object] = {}
    for record in sorted((data / "videos").glob("*/job.json")):
        job = json.loads(record.read_text("utf-8"))
        again = found.setdefault(job["name"], (state := [job["state"], content(record.parent / "found")]))
        if again != state:
            found[f"{job['name']}, again"] = state
    return found


def served(data: Path, folder: Path, kills: int, most_s: float, seed: int) -> str:
    """`dsol serve`, killed while it takes and localises videos."""
    videos, model = sorted((data / "toys" / "duet").glob("*.mp4")), data / "run"
    chance, done, wrong, begun = random.Random(seed), 0, set(), time.monotonic()
    page = Page(folder / "whole", model)
    visit(page.ready(), videos, {})
    page.kill()
    length_s, expected = time.monotonic() - begun, results(folder / "whole")
    if len(expected) < len(videos) or any(state != "done" for state, _ in expected.values()):  # type: ignore[misc]
        raise SystemExit(f"serve: does not run: {expected}")
    while done < kills and time.monotonic() < begun + most_s:
        shutil.rmtree(folder / "killed", ignore_errors=True)
        ids: dict[str, str] = {}
        for last in (*[False] * (TRIES - 1), True):
            page, started = Page(folder / "killed", model), time.monotonic()
            end = threading.Timer(PATIENCE_S if last else chance.uniform(0, length_s), page.kill)
            end.start()
            try:
                visit(page.ready(), videos, ids)
                length_s = time.monotonic() - started  # of the latest that was not killed: the machine may be busy
                break
            except (OSError, ValueError):  # it was killed: no address, no answer, or half of one
                done += 1
            finally:
                end.cancel()
                end.join()
                page.kill() if page.process.poll() is None else None
        wrong |= set(differences(expected, results(folder / "killed")))
    return told(done, wrong)


@contextmanager
def cluster() -> Iterator[None]:
    """A Ray cluster of one node with one worker, which goes on when its clients die."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    there = Cluster(initialize_head=True, head_node_args=node)
    os.environ["RAY_ADDRESS"] = there.address
    try:
        yield
    finally:
        there.shutdown()


def generate(data: Path) -> None:
    """Toy videos, a store and a trained model."""
    for words in (["toyband", str(data / "toys"), "--solos", "12", "--duets", "3"],
                  ["prepare", str(data / "toys" / "solo"), str(data / "solo"), "--size", "96"],
                  ["train", str(data / "solo"), str(data / "run"), "--recipe", "tiny", "--workers", "0"]):  # fmt: skip
        subprocess.run([sys.executable, "-m", "dsol", *words], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="of each verb, at least")
    parser.add_argument("--most-s", type=float, default=600, help="after which a verb is killed no more")
    parser.add_argument("--verbs", default="prepare,compose,train,evaluate,localize,table,serve")
    parser.add_argument("--engine", default="local", choices=("local", "ray"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=None, help="keep the generated data here")
    parser.add_argument("--json", type=Path, default=None)
    args = parser.parse_args()
    report: dict[str, dict[str, str]] = {}
    on = cluster() if args.engine == "ray" else nullcontext()
    with tempfile.TemporaryDirectory() as scratch, on:
        data = args.data or Path(scratch) / "data"
        if not (data / "run" / "model.safetensors").exists():
            generate(data)
        wanted, how = args.verbs.split(","), (args.kills, args.most_s, args.seed)
        for job in (job for job in jobs_of(data, args.engine) if job.verb in wanted):
            report[job.verb] = tried(job.verb, {
                "killed": lambda job=job: killed(job, Path(scratch) / job.verb, *how),
                "full disk": lambda job=job: refused(job, Path(scratch) / job.verb, "full", preexec_fn=little_room),
                "two at once": lambda job=job: two_at_once(job, Path(scratch) / job.verb),
            })  # fmt: skip
            shutil.rmtree(Path(scratch) / job.verb)
        if "serve" in wanted and args.engine == "local":
            report["serve"] = tried("serve", {"killed": lambda: served(data, Path(scratch) / "serve", *how)})
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


def tried(verb: str, tests: dict[str, Callable[[], str]]) -> dict[str, str]:
    found = {}
    for name, test in tests.items():
        found[name] = test()
        print(f"{verb:10} {name:12} {found[name]}", flush=True)
    return found


if __name__ == "__main__":
    main()
