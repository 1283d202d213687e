"""Do the models still answer the same, bit for bit? Run it before and after a change that should not matter.

    python benchmarks/same_answers.py DIR [--only small,tiny] [--expect BEFORE.json]

Everything goes through the command line, so the code behind it may move, and runs in torch (`--exact`). On a small
toyband: the answers of the shipped model, and of a model trained here by each recipe (so that training is compared,
too): maps, scores and figures as SHA-256. Prints one line a result and writes DIR/answers.json; with --expect, says
what differs and exits with 1. The data are made once and kept in DIR. The hashes hold on one machine and one version of
torch only.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

TRAINED = {  # name -> words for `dsol train`
    "tiny": ("--recipe", "tiny"),
    "quick": ("--recipe", "quick"),
    "best": ("--recipe", "best"),
    "object_that_sound": ("--recipe", "best", "--system", "object_that_sound"),
    "sound_of_pixels": ("--recipe", "best", "--system", "sound_of_pixels"),
    "attention": ("--recipe", "best", "--system", "attention"),
    "dmc": ("--recipe", "best", "--system", "dmc"),
}
NAMES = ("small", *TRAINED)


def dsol(*words: str | Path) -> None:
    """One call of the command; its output is shown where it fails."""
    done = subprocess.run([sys.executable, "-m", "dsol", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"dsol {' '.join(map(str, words))}\n{done.stdout}{done.stderr}")


def make_data(folder: Path) -> None:
    """Toyband, its stores and scenes; nothing where they are there."""
    if not (folder / "scenes" / "store.json").is_file():
        dsol("toyband", folder / "band", "--solos", "33", "--duets", "4", "--seed", "7")
        dsol("prepare", folder / "band" / "solo", folder / "solo")
        dsol("prepare", folder / "band" / "duet", folder / "duet")
        dsol("compose", folder / "solo", folder / "scenes", "--scenes", "12", "--seed", "3")


def hash_of(path: Path) -> str:
    """Of the arrays of an .npz by name; of a JSON without the times that it took."""
    digest = hashlib.sha256()
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            for name in sorted(arrays):
                digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    else:
        said = {name: value for name, value in json.loads(path.read_text()).items() if name != "video"}
        digest.update(json.dumps(said, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def answers(model: str | Path, folder: Path, out: Path, extra: tuple[str, ...]) -> dict[str, str]:
    """Hashes of maps and figures on solo clips, bands and scenes, and of a localised video."""
    out.mkdir()
    found = {}
    for data, protocol in (("solo", "solo"), ("duet", "duet"), ("scenes", "synthetic")):
        maps, figures = out / f"{data}.npz", out / f"{data}.json"
        match = () if model == "small" or extra else ("--match", folder / "solo")
        words = ("--protocol", protocol, "--json", figures, "--maps", maps, *match, *extra)
        dsol("evaluate", model, folder / data, *words)
        found |= {f"{data} maps": hash_of(maps), f"{data} figures": hash_of(figures)}
    if not extra:
        video = sorted((folder / "band" / "duet").rglob("*.mp4"))[0]
        dsol("localize", video, "--model", model, "--exact", "--out", out / "localized")
        result = next((out / "localized").rglob("result.json"))
        found["video"] = hash_of(result)
    return found


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default=",".join(NAMES), help="names, with commas between them")
    parser.add_argument("--expect", type=Path, help="answers.json of before")
    args = parser.parse_args()
    args.folder.mkdir(exist_ok=True)
    make_data(args.folder)
    work = args.folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    found = {}
    for name in args.only.split(","):
        began, model = time.perf_counter(), name
        if name in TRAINED:
            model = work / f"{name}_run"
            dsol("train", args.folder / "solo", model, *TRAINED[name])
        extra = ("--sources", "1") if name == "dmc" else ()
        found |= {f"{name}: {what}": value for what, value in answers(model, args.folder, work / name, extra).items()}
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    (args.folder / "answers.json").write_text(json.dumps(found, indent=1))
    for what, value in found.items():
        print(f"{value}  {what}")
    if args.expect:
        before = json.loads(args.expect.read_text())
        different = [what for what, value in found.items() if before.get(what) != value]
        print("\n".join(f"DIFFERENT: {what}" for what in different) or "All the same.")
        sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
