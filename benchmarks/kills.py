"""What is left when a command is killed, at any moment: nothing lost, nothing twice, the same as never killed.

    python benchmarks/kills.py [--kills 20] [--verbs prepare,compose,train,evaluate,localize,table] [--engine ray]

Each verb runs once undisturbed. Then its process group gets SIGKILL at a random moment and the same command runs again,
until it ends by itself; what it leaves is compared with the undisturbed run: files byte for byte, of a model its
weights (its card has dates). A line a verb says how many kills there were, and what differed. Then the same for a disk
that is full, a folder that cannot be written, and two processes with one output.
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
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load_file

WEIGHTS = ".safetensors"
DATED = (".jsonl", ".yaml", "table.json", "provenance.json")  # they hold times or places
TRIES = 8  # of a command in one trial; the last is not killed


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
    return [
        Job("prepare", [str(data / "toys" / "solo"), "{out}/store", *more]),
        Job("compose", [solo, "{out}/scenes", "--scenes", "600", "--objects", "2", "--sounding", "1", *more]),
        Job("train", [solo, "{out}/run", *quick, "--resume"]),
        Job("evaluate", [run, solo, "--json", "{out}/figures.json", "--maps", "{out}/maps.npz", *more]),
        Job("localize", [str(data / "toys" / "duet"), "--model", run, "--out", "{out}/found", *more]),
        Job("table", ["1", "--runs", "{out}/runs", "--store", solo, "--recipe", "tiny", "--rows", "1"]),
    ]


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


def killed(job: Job, folder: Path, kills: int, seed: int) -> str:
    chance, done, wrong = random.Random(f"{seed} {job.verb}"), 0, set()
    begun = time.monotonic()
    status, line = finish(job, folder / "whole")
    if status:
        return f"does not run: {line}"
    length_s, expected = time.monotonic() - begun, content(folder / "whole")
    while done < kills:
        out = folder / "killed"
        shutil.rmtree(out, ignore_errors=True)
        done += trial(job, out, length_s, chance)
        status, line = finish(job, out)  # a kill after the end, or none at all: it says so and changes nothing
        wrong |= {line} if status else set(differences(expected, content(out)))
    return f"{done} kills, {len(wrong)} differences {sorted(wrong)[:5] if wrong else ''}"


def refused(job: Job, folder: Path, name: str, **options) -> str:
    """What a command says where it cannot write, and whether the same one goes on where it can."""
    out = folder / name
    status, line = finish(job, out, **options)
    again, _ = finish(job, out)
    same = not again and not differences(content(folder / "whole"), content(out))
    return f"status {status}, {line[:90]!r}; then {'the same' if same else 'NOT the same'}"


def little_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # bytes a file may have
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


def generate(data: Path) -> None:
    """Toy videos, a store and a trained model."""
    for words in (["toyband", str(data / "toys"), "--solos", "12", "--duets", "3"],
                  ["prepare", str(data / "toys" / "solo"), str(data / "solo"), "--size", "96"],
                  ["train", str(data / "solo"), str(data / "run"), "--recipe", "tiny", "--workers", "0"]):  # fmt: skip
        subprocess.run([sys.executable, "-m", "dsol", *words], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="of each verb, at least")
    parser.add_argument("--verbs", default="prepare,compose,train,evaluate,localize,table")
    parser.add_argument("--engine", default="local", choices=("local", "ray"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=None, help="keep the generated data here")
    parser.add_argument("--json", type=Path, default=None)
    args = parser.parse_args()
    report: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        data = args.data or Path(scratch) / "data"
        if not (data / "run" / "model.safetensors").exists():
            generate(data)
        wanted = args.verbs.split(",")
        for job in (job for job in jobs_of(data, args.engine) if job.verb in wanted):
            folder = Path(scratch) / job.verb
            tests: dict[str, Callable[[], str]] = {
                "killed": lambda job=job, folder=folder: killed(job, folder, args.kills, args.seed),
                "full disk": lambda job=job, folder=folder: refused(job, folder, "full", preexec_fn=little_room),
                "two at once": lambda job=job, folder=folder: two_at_once(job, folder),
            }
            report[job.verb] = {}
            for name, test in tests.items():
                report[job.verb][name] = test()
                print(f"{job.verb:10} {name:12} {report[job.verb][name]}", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
