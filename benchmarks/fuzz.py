"""Does any file end in a traceback, a hang or a full memory?

    python benchmarks/fuzz.py [--files 2000] [--texts 400] [--seed 0] [--limit 60] [--keep DIR] [--only TEXT]

Makes files that nobody should have, and does with each what a person would: a video is prepared and inspected (one in
three also localized), a list read, a model loaded, a store checked. Videos are real ones (of DSOL_DATA, if that is set)
and small ones of every container, with bits flipped, parts cut, lost, doubled or moved, numbers in their headers
replaced by extreme ones; and odd ones of 1×1 to 16,384 pixels, 0.01 to a million frames a second, 8 to 192 kHz, one to
eight channels. Texts (CSV, JSON, XML, YAML) and archives (npz, safetensors, Parquet, tar) are changed byte by byte and,
where they have a structure, in that.

Prints counts by kind and outcome. Wanted: `read` (all of it), `refused` (one clear line) and `in part` (good seconds,
then one clear line) only. Anything else is a fault: it is named with its last line, kept in --keep, and the exit status
is 1.
"""

import argparse
import io
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import traceback
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests make small videos of every kind

from spoil import BYTES, JSON, TEXT, Mutation, cut, flip, flip_head, junk_npz, junk_safetensors, lie, lose

from tests.videos import CODECS, FURTHER_CODECS, corners, noise, restamped, with_tracks, write_video

GOOD = ("read", "refused", "in part")
LONGEST_LINE = 600  # characters of an error
MOST_MB = 2500  # resident memory of the process that reads


# What is done with a file.


def watch(path: Path, scratch: Path) -> str:
    """Prepare and inspect a video, and localize one in three; "read", or "in part" where its first seconds are good."""
    from dsol.data.corpora import VideoEntry
    from dsol.data.prepare import Job, prepare_video
    from dsol.data.store.shards import TarBody
    from dsol.errors import DsolError
    from dsol.inspection import inspect
    from dsol.localize import Localizer, localize_videos
    from tests.localize.test_localize import TwoTones

    rows, report = prepare_video(Job(VideoEntry(path, path.name), 64, frozenset(), None), TarBody(io.BytesIO()))
    if report["problem"] and not report["problem"].isprintable():
        raise AssertionError(f"a reason of more than a line: {report['problem']!r}")
    if report["problem"] and report["problem"].startswith("cannot be read: "):
        raise AssertionError(report["problem"])
    outcome = "read" if not report["problem"] else "in part" if rows else "refused"
    works = [inspect, lambda video: localize_videos([video], Localizer(TwoTones()), scratch / "out")]
    for work in works if zlib.crc32(path.read_bytes()) % 3 == 0 else works[:1]:
        try:
            work(path)
        except DsolError as error:
            clear(error)
            outcome = "in part" if rows else "refused"
    return outcome


def boxes(path: Path, scratch: Path) -> str:
    """Read annotations of any format."""
    from dsol.data.corpora.annotations import read_boxes

    read_boxes(path)
    return "read"


def corpus(layout: str, path: Path, scratch: Path) -> str:
    """Look at a data set whose list is the file."""
    from dsol.data.corpora import read_corpus

    read_corpus(path.parent, layout)
    return "read"


def recipe(path: Path, scratch: Path) -> str:
    """Read options."""
    from dsol.config import load_recipe

    load_recipe(str(path))
    return "read"


def run_folder(path: Path, scratch: Path) -> str:
    """Go on with a run of these options."""
    from dsol.training.run import Run

    Run.resume(path.parent)
    return "read"


def maps(path: Path, scratch: Path) -> str:
    """Score maps."""
    from dsol.evaluation import score_files

    score_files(path, path.parent / "boxes.json", "solo")
    return "read"


def model(path: Path, scratch: Path) -> str:
    """Inspect and load a model."""
    from dsol.inspection import inspect
    from dsol.model.system import load_system

    inspect(path)
    load_system(path)
    return "read"


def store(path: Path, scratch: Path) -> str:
    """Check the store that the file is of, to its last byte."""
    from dsol.inspection import inspect

    inspect(path.parent)
    return "read"


def names(path: Path, scratch: Path) -> str:
    """Read the names of clusters."""
    from dsol.naming.gallery import name

    name(path.parent / "model.safetensors", None, None, path, False)
    return "read"


def clear(error: Exception) -> None:
    """Raises where an error is no clear line."""
    line = str(error)
    if "\n" in line or len(line) > LONGEST_LINE:
        raise AssertionError(f"no clear line, {len(line)} characters: {line[:200]!r}…")


# What is spoilt.


def videos(folder: Path) -> list[Path]:
    """Good ones of every container, small, and real ones where there are any."""
    folder.mkdir()
    made = []
    for suffix in (*CODECS, *FURTHER_CODECS):
        options = {"seconds": 1.3, "picture": noise if suffix == ".mp4" else corners}
        made.append(write_video(folder / f"a{suffix}", **options))
    made.append(write_video(folder / "fast.mp4", seconds=1.3, faststart=True, rotation=90))
    made.append(with_tracks(folder / "tracks.mkv", [np.zeros_like, np.sin], 1.3))
    made.append(restamped(made[0], folder / "wild.mkv", lambda kind, n, s: s + 300 * (n == 15)))
    data = Path(os.environ.get("DSOL_DATA", "/nowhere"))
    real = sorted(p for p in [*data.glob("wild/videos/*.mp4"), *data.glob("cases/*")] if p.stat().st_size < 200_000)
    return made + real[:: max(1, len(real) // 12)]


def odd_videos(folder: Path, rng: random.Random) -> Iterator[Path]:
    """Extreme sizes, rates and channels; what an encoder refuses is left out."""
    folder.mkdir()
    sizes = [(1, 1), (2, 2), (3, 1), (1, 500), (16_384, 2), (2, 16_384), (4096, 4096), (8192, 4320), (16_384, 8192)]
    layouts = ["mono", "stereo", "2.1", "quad", "5.0", "5.1", "6.1", "7.1"]
    cases = [{"size": size, "times_s": [0.0, 0.5, 1.0]} for size in sizes]
    cases += [{"fps": fps, "times_s": np.arange(5) / fps} for fps in (0.01, 0.1, 1, 240, 1000, 1e4, 1e5, 1e6)]
    cases += [{"rate": rate} for rate in (8000, 11_025, 22_050, 96_000, 176_400, 192_000)]
    cases += [{"layout": layout} for layout in layouts]
    cases += [
        {"times_s": [0.0]},
        {"times_s": [5.0]},
        {"sound_seconds": 0.01},
        {"sound_start_s": 100.0},
        {"sound": None},
    ]
    for n, case in enumerate(cases):
        lossless = ("ffv1", "flac") if "size" in case else ("libx264", "flac")
        try:
            yield write_video(
                folder / f"odd-{n}.mkv", **{"seconds": 1.3, "picture": blank_picture, "codecs": lossless, **case}
            )
        except Exception as error:  # the encoder's
            print(f"not made: {case}: {error}", file=sys.stderr)


def blank_picture(time_s: float, width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 99, np.uint8)


def texts(folder: Path) -> Iterator[tuple[str, Path, tuple[Mutation, ...], Callable[[Path, Path], str]]]:
    """(kind, a good file among those that it belongs to, how it is spoilt, what is done with it)."""
    from dsol.config import load_recipe
    from dsol.data.boxes import Box, Boxes, Frame
    from dsol.data.corpora.annotation_writers import write_boxes
    from dsol.data.prepare import prepare
    from dsol.model.maps import Maps, MapsWriter
    from dsol.training.run import Run

    folder.mkdir()
    one = "1Ju4S0qeDqw"
    frames = tuple(Frame(one, t, (Box("cello", (0.25, 0.25, 0.5, 0.5)),), "") for t in (1.0, 2.0))
    good = Boxes(("cello",), frames)
    middle = Boxes(("cello",), (Frame(one, 5.0, frames[0].boxes, one),))
    for format in ("native", "coco", "dsol", "audioset", "avgn", "vggss"):
        path = folder / f"{format}-boxes" / "boxes.json"
        path.parent.mkdir()
        write_boxes(middle if format == "vggss" else good, path, format)
        yield f"boxes {format}", path, JSON, boxes
    write_boxes(
        Boxes(("sound source",), (Frame(one, 0.0, (Box("sound source", (0.25, 0.25, 0.5, 0.5)),)),)),
        folder / "xml",
        "flickr",
    )
    yield "XML", next((folder / "xml").iterdir()), TEXT, boxes
    lists = {
        "vggsound.csv": ("vggsound", f"{one},30,cello,test\n{one[::-1]},3,flute,train\n", TEXT),
        "eval_segments.csv": ("audioset", f'# a\n{one}, 30.0, 40.0, "/m/01xqw,/m/0l14j_"\n', TEXT),
        "MUSIC_solo_videos.json": ("music", json.dumps({"videos": {"cello": [one, one[::-1]]}}), JSON),
    }
    for name, (layout, text, ways) in lists.items():
        place = folder / layout
        place.mkdir()
        write_video(place / f"{one}_000030.mp4")
        (place / name).write_text(text, "utf-8")
        yield f"list {layout}", place / name, ways, partial(corpus, layout)
    stills = folder / "stills"
    (stills / "photos" / "train" / "cello").mkdir(parents=True)
    (stills / "photos" / "train" / "cello" / "a.jpg").write_bytes(b"")
    (stills / "sounds" / "cello").mkdir(parents=True)
    (stills / "sounds" / "cello" / "a.wav").write_bytes(b"")
    (stills / "boxes.json").write_text(json.dumps({"boxes": {"train/cello/a.jpg": [0.1, 0.1, 0.5, 0.5]}}), "utf-8")
    yield "boxes stills", stills / "boxes.json", JSON, partial(corpus, "stills")
    Run.start(folder / "run", load_recipe("tiny"))
    (folder / "recipe").mkdir()
    shutil.copyfile(folder / "run" / "config.yaml", folder / "recipe" / "mine.yaml")
    yield "YAML recipe", folder / "recipe" / "mine.yaml", TEXT, recipe
    yield "YAML run", folder / "run" / "config.yaml", TEXT, run_folder
    (folder / "maps").mkdir()
    good.save(folder / "maps" / "boxes.json")
    with MapsWriter(folder / "maps" / "maps.npz") as writer:
        writer.add(Maps(tuple(f.key for f in frames), np.random.default_rng(0).random((2, 7, 7), np.float32)))
    yield "npz", folder / "maps" / "maps.npz", (*BYTES, junk_npz, junk_npz, junk_npz, junk_npz), maps
    (folder / "model").mkdir()
    shipped = Path(__file__).parents[1] / "src" / "dsol" / "models" / "small.safetensors"
    shutil.copyfile(shipped, folder / "model" / "model.safetensors")
    heads = (flip_head, cut, lose, *[junk_safetensors] * 5)
    yield "safetensors", folder / "model" / "model.safetensors", heads, model
    (folder / "names").mkdir()
    shutil.copyfile(shipped, folder / "names" / "model.safetensors")
    (folder / "names" / "names.json").write_text(json.dumps({f"cluster {k}": f"name {k}" for k in range(11)}), "utf-8")
    yield "names", folder / "names" / "names.json", JSON, names
    (folder / "corpus").mkdir()
    write_video(folder / "corpus" / "a.mp4")
    Boxes(("cello",), (Frame("a.mp4", 1.0, (Box("cello", (0.1, 0.1, 0.5, 0.5)),)),)).save(
        folder / "corpus" / "boxes.json"
    )
    prepare(folder / "corpus", folder / "store", workers=1)
    yield "Parquet", folder / "store" / "index.parquet", BYTES, store
    yield "store.json", folder / "store" / "store.json", JSON, store
    yield "shard", folder / "store" / "shard-00000.tar", BYTES, store
    yield "store boxes", folder / "store" / "boxes.json", JSON, store


# One process reads, one watches it.


def work(pipe) -> None:
    """Does what is asked of it, one file after another."""
    from dsol.errors import DsolError

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while True:
        job, path, scratch = pipe.recv()
        try:
            outcome = (job(path, scratch), "")
        except DsolError as error:
            try:
                clear(error)
                outcome = ("refused", str(error))
            except AssertionError as unclear:
                outcome = ("unclear", str(unclear))
        except BaseException as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            outcome = (
                "traceback",
                f"{type(error).__name__}: {str(error)[:200]} ({Path(at.filename).name}:{at.lineno})",
            )
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        pipe.send(("memory", f"{peak_mb:.0f} MB") if peak_mb > MOST_MB else outcome)


class Reader:
    """A process that may be killed at any time."""

    def __init__(self):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(target=work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def read(self, job, path: Path, scratch: Path, limit_s: float) -> tuple[str, str]:
        self.pipe.send((job, path, scratch))
        try:
            outcome = self.pipe.recv() if self.pipe.poll(limit_s) else ("hang", f"more than {limit_s:.0f} s")
        except EOFError:
            outcome = ("crash", "the process died")
        if outcome[0] in ("hang", "crash", "memory"):
            self.process.kill()
            self.__init__()
        return outcome


def spoilt(folder: Path, source: Path, ways, rng: random.Random) -> Path:
    """A changed copy of a file, among copies of those that it belongs to."""
    data = bytearray(source.read_bytes())
    for way in rng.choices(ways, k=rng.choice((1, 1, 1, 2))):
        try:
            data = way(data, rng) if data else data
        except Exception:  # it is spoilt too much already for that way
            data = flip(data, rng) if data else data
    (folder / source.name).unlink(missing_ok=True)
    (folder / source.name).write_bytes(data)
    return folder / source.name


def files(place: Path, args, rng: random.Random) -> Iterator[tuple[str, str, Path, Callable[[Path, Path], str]]]:
    """(kind, what it was made of, path, what is done with it), one after the other, each file in the other's place."""
    if args.files and args.only in "video":
        for path in odd_videos(place / "odd", rng):
            yield "video, odd", path.name, path, watch
            path.unlink()
        sources = videos(place / "good")
        (place / "video").mkdir()
        for source in (rng.choice(sources) for _ in range(args.files)):
            path = spoilt(place / "video", source, (*BYTES, lie, lie, lie), rng)
            yield f"video {source.suffix}", source.name, path, watch
            path.unlink()
    for kind, source, ways, job in texts(place / "texts"):
        if args.only and args.only not in kind:
            continue
        copy = place / "spoilt" / kind.replace(" ", "-")
        shutil.copytree(source.parent, copy)
        for _ in range(args.texts):
            yield kind, source.name, spoilt(copy, source, ways, rng), job


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="spoilt videos")
    parser.add_argument("--texts", type=int, default=400, help="spoilt files of each other format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=60, help="seconds a file")
    parser.add_argument("--only", default="", help="kinds whose name has this in it")
    parser.add_argument("--keep", type=Path, default=None, help="folder for the files that are faults")
    args = parser.parse_args()
    with TemporaryDirectory(prefix="fuzz-") as place:
        sys.exit(fuzz(Path(place), args))


def fuzz(place: Path, args: argparse.Namespace) -> int:
    """Spoil, read, count and print; returns the exit status."""
    rng, reader = random.Random(args.seed), Reader()
    counts: dict[str, Counter] = defaultdict(Counter)
    faults: dict[str, list[str]] = defaultdict(list)
    for n, (kind, source, path, job) in enumerate(files(place, args, rng)):
        scratch = place / "scratch"
        outcome, told = reader.read(job, path, scratch, args.limit)
        shutil.rmtree(scratch, ignore_errors=True)
        counts[kind][outcome] += 1
        if outcome not in GOOD:
            kept = ""
            if args.keep:
                kept = str(
                    shutil.copyfile(
                        path, (args.keep.mkdir(parents=True, exist_ok=True), args.keep / f"{n}-{source}")[1]
                    )
                )
            faults[f"{outcome}: {told}"].append(f"{kind} {kept}")
            print(f"{n} {kind} {source} {kept}: {outcome}: {told}", file=sys.stderr, flush=True)
    outcomes = [*GOOD, *sorted({o for each in counts.values() for o in each} - set(GOOD))]
    print(f"{'kind':16}" + "".join(f"{o:>10}" for o in outcomes))
    for kind, each in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        print(f"{kind:16}" + "".join(f"{each[o]:10}" for o in outcomes))
    for fault, where in sorted(faults.items(), key=lambda item: -len(item[1])):
        print(f"{len(where)} × {fault} ({where[0]})")
    return 1 if faults else 0


if __name__ == "__main__":
    main()
