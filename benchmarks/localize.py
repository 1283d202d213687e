"""How fast is `dsol localize`, and what does each part of it take? And what does the fast way cost in accuracy?

    [DSOL_DATA=...] python benchmarks/localize.py [MODEL ...] [--seconds 60] [--video FILE] [--figures]

Times the whole command, started anew, on a film of so many seconds, 640×360 at 30 frames a second: with its film,
without one, and the slow way (--exact). Then each part of the work by itself in this process, beside the bare cost of
what it must do at least. The film is made of the videos of $DSOL_DATA/music_mini, of toyband where that is not set.
--figures: IoU@0.5 and AUC on the annotated frames of $DSOL_DATA/wild and of $DSOL_DATA/music_mini where the network
looks at every picture; where a frame that hardly differs from the one a quarter of a second before is answered by that,
as `dsol localize` does it at worst; and where all are. Sounds are those of the frame.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

from dsol.data.boxes import Boxes
from dsol.data.clip import SAMPLE_RATE
from dsol.data.media import VideoWriter, find_videos, read_seconds
from dsol.data.media.planes import Pictures, planes_of
from dsol.data.prepare import prepare
from dsol.data.store import Store
from dsol.demo.toyband import make_toyband
from dsol.evaluation.evaluate import annotated_frames
from dsol.evaluation.score import score
from dsol.localize.film import film
from dsol.localize.localization import Timeline, joined
from dsol.localize.localizer import UNCHANGED, Localizer, looks, thumbnails
from dsol.model.maps import Maps
from dsol.model.system import System, load_system

WIDTH, HEIGHT, FPS = 640, 360, 30
BATCH = 16
COMMANDS = {"with film": (), "without": ("--no-video",), "without, exact": ("--no-video", "--exact")}
SETS = ("wild", "music_mini")


def write_film(path: Path, seconds: int, videos: Sequence[Path]) -> None:
    """So many seconds of these videos, one after the other, again and again."""
    parts = _seconds(videos)
    taken = [next(parts) for _ in range(seconds)]
    waveform = np.concatenate([second.waveform for second in taken])
    with VideoWriter(path, WIDTH, HEIGHT, FPS, waveform=waveform, sample_rate=SAMPLE_RATE) as out:
        for n, second in enumerate(taken):
            for k, frame in enumerate(second.frames):
                out.write(frame, n + k / FPS)


def _seconds(videos: Sequence[Path]) -> Iterator:
    while True:
        for video in videos:
            yield from read_seconds(video, frames_per_second=FPS, size=(WIDTH, HEIGHT))


def command_s(video: Path, model: str, out: Path, *words: str) -> float:
    """Seconds of one `dsol localize`, from its start to its end."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "dsol", "localize", str(video), "--model", model, "--out", str(out), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"failed: {' '.join(command)}\n{done.stderr}")
    return time.perf_counter() - start


def timed(work: Callable[[], object]) -> float:
    """Seconds of wall clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def parts_s(video: Path, model: str, folder: Path) -> dict[str, float]:
    """Seconds of each part of the work, by itself."""
    localizer = Localizer.load(model)
    seconds = list(read_seconds(video, whole_only=False))
    looked = [len(set(looks(thumbnails(second.frames), localizer.unchanged))) for second in seconds]
    print(f"  pictures looked at: {np.mean(looked):.2f} a second")
    found: list[Timeline] = []
    maps: list[np.ndarray] = []

    def look() -> None:
        for part in localizer.stream(video):
            found.append(part.timeline())
            maps.extend(each.astype(np.float16) for each in part.maps)

    took = {
        "decoding, bare": timed(lambda: _decode(video)),
        "reading pictures and sound": timed(lambda: [None for _ in read_seconds(video, whole_only=False)]),
        "network, bare": timed(lambda: _predict(localizer, seconds)),
        "localising: reading, network, naming": timed(look),
        "encoding, bare": timed(lambda: _encode(video, folder / "bare.mp4")),
    }
    timeline = joined(found)
    took["painting and encoding"] = timed(
        lambda: film(timeline, (each.astype(np.float32) for each in maps), video, folder / "painted.mp4")
    )
    return took


def _decode(video: Path) -> None:
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass


def _predict(localizer: Localizer, seconds: Sequence) -> None:
    for second in seconds:
        every = list(second.frames)
        frames = [every[n] for n in looks(thumbnails(second.frames), localizer.unchanged)]
        localizer.system.predict(frames, np.stack([second.waveform] * len(frames)), [""] * len(frames))


def _encode(video: Path, out: Path) -> None:
    """Every picture as it was decoded."""
    pictures = Pictures(video)
    with VideoWriter(out, WIDTH, HEIGHT, FPS, sound_from=video, matrix=pictures.matrix) as writer:
        for time_s, frame in pictures:
            planes_of(frame)
            writer.write_planes(frame, time_s)


def print_times(video: Path, seconds: int, models: Sequence[str], folder: Path) -> None:
    """One table a model: the commands, then the parts."""
    for model in models:
        print(f"\n{model}: {seconds} s of {WIDTH}×{HEIGHT}, {FPS} frames a second, {os.cpu_count()} cores")
        for name, words in COMMANDS.items():
            took = command_s(video, model, folder / f"{model}-{name}", *words)
            print(f"  dsol localize, {name:38} {took:7.1f} s  {seconds / took:5.2f} × real time", flush=True)
        for name, part_s in parts_s(video, model, folder).items():
            print(f"    {name:51} {part_s:7.1f} s  {seconds / part_s:5.1f} ×", flush=True)


def figures(system: System, clips: Store, unchanged: float) -> dict[str, float]:
    """IoU@0.5 and AUC of the annotated frames, each answered by the picture a quarter of a second before where it
    differs from that by at most `unchanged`; `shared` is how many are."""
    annotated = annotated_frames(clips)
    boxes, places = annotated.boxes, annotated.places
    shown = [earlier(clips, place, unchanged) for place in places]
    batches = (slice(k, k + BATCH) for k in range(0, len(places), BATCH))
    answers = [_answered(system, clips, boxes, places, shown, part) for part in batches]
    shared = sum(one != other for one, other in zip(places, shown, strict=True))
    return score(answers, boxes, "solo", bootstrap=0).metrics | {"shared": shared}


def earlier(clips: Store, place: tuple[int, int], unchanged: float) -> tuple[int, int]:
    """The place of the picture that answers for the one at `place`, as late as it may be."""
    row, n = place
    if not n:
        return place
    pair = np.stack([clips.frame(row, n - 1), clips.frame(row, n)])
    return row, n - 1 + looks(thumbnails(pair), unchanged)[1]


def _answered(system: System, clips: Store, boxes: Boxes, places: Sequence, shown: Sequence, part: slice) -> Maps:
    frames = [clips.frame(*place) for place in shown[part]]
    sounds = np.stack([clips.waveform(row) for row, _ in places[part]])
    return system.predict(frames, sounds, [frame.key for frame in boxes.frames[part]])


def print_figures(data: Path, models: Sequence[str], cache: Path) -> None:
    """One line a set and model."""
    ways = {"every picture": -1.0, "shared where unchanged": UNCHANGED, "always shared": 255.0}
    for name in SETS:
        clips = prepare(data / name, cache / name)
        for model in models:
            system = load_system(model, exact=False)
            for way, unchanged in ways.items():
                found = figures(system, clips, unchanged)
                shown = ", ".join(f"{metric} {100 * found[metric]:.1f}" for metric in ("iou@0.5", "auc"))
                print(f"{name}, {model}, {way}, {found['shared']} frames: {shown}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["general", "small"], help="shipped models")
    parser.add_argument("--seconds", type=int, default=60, help="length of the film")
    parser.add_argument("--video", type=Path, default=None, help="a film of one's own")
    parser.add_argument("--figures", action="store_true", help="accuracy, not speed")
    parser.add_argument("--cache", type=Path, default=Path("localize"), help="folder for prepared data")
    args = parser.parse_args()
    data = os.environ.get("DSOL_DATA")
    if args.figures:
        if not data:
            sys.exit("set DSOL_DATA to the folder that holds wild and music_mini")
        return print_figures(Path(data), args.models, args.cache)
    with TemporaryDirectory() as folder:
        video = args.video or Path(folder, "film.mp4")
        if not args.video:
            if not data:
                make_toyband(Path(folder, "band"), solos=22, duets=0)
            write_film(video, args.seconds, find_videos(Path(data, "music_mini") if data else Path(folder, "band")))
        with av.open(str(video)) as container:
            seconds = round(container.duration / av.time_base)
        print_times(video, seconds, args.models, Path(folder))


if __name__ == "__main__":
    main()
