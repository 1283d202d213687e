"""Does the memory of `dsol localize` grow with the length of the video?

    python benchmarks/localize_memory.py MODEL [--size 320 240] [--minutes 1 10]

Prints the peak memory (resident set) of the command for each length, and the ratio of the last to the first.
Wanted: at most 1.10 for ten minutes against one.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dsol.data.media import VideoWriter

FPS, SAMPLE_RATE = 25, 16_000


def write_video(path: Path, minutes: float, size: tuple[int, int]) -> None:
    """A bright square that wanders over noise; a tone that comes and goes."""
    width, height = size
    times_s = np.arange(round(minutes * 60 * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    waveform = 0.4 * np.sin(2 * np.pi * 440 * times_s) * (np.sin(times_s) > 0)
    noise = np.random.default_rng(0).integers(0, 80, (height, width, 3), np.uint8)
    with VideoWriter(path, width, height, FPS, waveform=waveform.astype(np.float32), sample_rate=SAMPLE_RATE) as out:
        for n in range(round(minutes * 60 * FPS)):
            frame = noise.copy()
            left = round((0.5 + 0.4 * np.sin(n / 50)) * (width - 40))
            frame[height // 3 : height // 3 + 40, left : left + 40] = 255
            out.write(frame, n / FPS)


def peak_mb(video: Path, model: Path, out: Path) -> float:
    """Peak resident memory of one `dsol localize`, in MB."""
    command = [sys.executable, "-m", "dsol", "localize", str(video), "--model", str(model), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    return usage.ru_maxrss / (1 if sys.platform == "linux" else 1024) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model file or run folder")
    parser.add_argument("--size", type=int, nargs=2, default=(320, 240), metavar=("WIDTH", "HEIGHT"), help="pixels")
    parser.add_argument("--minutes", type=float, nargs="+", default=(1, 10), help="lengths of the videos")
    args = parser.parse_args()
    peaks = []
    with TemporaryDirectory() as folder:
        for minutes in args.minutes:
            video = Path(folder, f"{minutes:g}_minutes.mp4")
            written = multiprocessing.get_context("spawn").Process(
                target=write_video, args=(video, minutes, tuple(args.size))
            )  # aside: Linux counts the memory of who starts a command into the command's peak
            written.start()
            written.join()
            start = time.perf_counter()
            peaks.append(peak_mb(video, args.model, Path(folder, "out")))
            print(f"{minutes:g} min: {peaks[-1]:.0f} MB, {time.perf_counter() - start:.0f} s", flush=True)
    print(f"ratio: {peaks[-1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
