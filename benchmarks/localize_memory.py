"""Does the memory of `dsol localize` grow with the length of the video?

    python benchmarks/localize_memory.py [MODEL] [--size 1920 1080] [--fps 25] [--minutes 1 60] [--stand-in]

Prints the peak memory (resident set) of the command for each length, and the ratio of the last to the first.
Wanted: at most 600 MB, and at most 1.10 for the longest against the shortest. With --stand-in, answers of as many
categories come without a network, which holds the same whatever the length: all else is as in the command.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dsol.data.media import VideoWriter
from dsol.localize import Localizer, localize_videos
from dsol.model.file import find_model, load_card
from dsol.model.maps import Maps

SAMPLE_RATE = 16_000
CELLS = 20  # rows and columns of a map of `general`


def write_video(path: Path, minutes: float, size: tuple[int, int], fps: int) -> None:
    """A bright square that wanders over noise; a tone that comes and goes."""
    width, height = size
    times_s = np.arange(round(minutes * 60 * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    waveform = 0.4 * np.sin(2 * np.pi * 440 * times_s) * (np.sin(times_s) > 0)
    noise = np.random.default_rng(0).integers(0, 80, (height, width, 3), np.uint8)
    with VideoWriter(path, width, height, fps, waveform=waveform.astype(np.float32), sample_rate=SAMPLE_RATE) as out:
        for n in range(round(minutes * 60 * fps)):
            frame = noise.copy()
            left = round((0.5 + 0.4 * np.sin(n / fps / 2)) * (width - 40))
            frame[height // 3 : height // 3 + 40, left : left + 40] = 255
            out.write(frame, n / fps)


class StandIn:
    """Answers like `general` at once: two of its categories sound in turn, at one place each."""

    threshold = 0.2

    def __init__(self):
        self.categories = load_card(find_model("general")).categories

    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.model.system.System.predict`."""
        score = np.full((len(frames), len(self.categories)), 0.01, np.float32)
        which = 5 * (np.abs(waveforms[:, :400]).max(axis=1) > 0.1)
        score[np.arange(len(frames)), which] = 0.9
        maps = np.zeros((*score.shape, CELLS, CELLS), np.float32)
        maps[:, [0, 5], 4:9, 4:9] = 0.9
        return Maps(tuple(keys), maps.max(axis=1), maps, score, self.categories, score, score)


def stand_in(video: Path, out: Path) -> None:
    """The command with a stand-in for the model."""
    localize_videos([video], Localizer(StandIn()), out)


def peak_mb(video: Path, model: Path | None, out: Path) -> float:
    """Peak resident memory of one `dsol localize`, in MB."""
    command = [sys.executable, "-m", "dsol", "localize", str(video), "--model", str(model), "--out", str(out)]
    if model is None:
        here = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from pathlib import Path; "
        command = [sys.executable, "-c", f"{here}import localize_memory as m; m.stand_in(*map(Path, sys.argv[1:]))"]
        command += [str(video), str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    return usage.ru_maxrss / (1 if sys.platform == "linux" else 1024) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="general", help="model file, run folder or shipped model")
    parser.add_argument("--size", type=int, nargs=2, default=(1920, 1080), metavar=("WIDTH", "HEIGHT"), help="pixels")
    parser.add_argument("--fps", type=int, default=25, help="frames a second")
    parser.add_argument("--minutes", type=float, nargs="+", default=(1, 60), help="lengths of the videos")
    parser.add_argument("--stand-in", action="store_true", help="answers without a network")
    args = parser.parse_args()
    peaks = []
    with TemporaryDirectory() as folder:
        for minutes in args.minutes:
            video = Path(folder, f"{minutes:g}_minutes.mp4")
            written = multiprocessing.get_context("spawn").Process(
                target=write_video, args=(video, minutes, tuple(args.size), args.fps)
            )  # aside: Linux counts the memory of who starts a command into the command's peak
            written.start()
            written.join()
            start = time.perf_counter()
            peaks.append(peak_mb(video, None if args.stand_in else args.model, Path(folder, "out")))
            print(f"{minutes:g} min: {peaks[-1]:.0f} MB, {time.perf_counter() - start:.0f} s", flush=True)
            video.unlink()
    print(f"ratio: {peaks[-1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
