"""How soon does the page of `dsol serve` show something, and how much does what it draws cost?

    python benchmarks/serve_first.py [VIDEO …]

Prints seconds of this process's CPU, whatever else runs on the machine: until the first second is there to be drawn
(after the model is loaded, as a server has it), until all seconds are, and how much of that is spent for the page.
"""

import argparse
import tempfile
import time
from pathlib import Path

from dsol.data.media import probe
from dsol.localize import Localizer
from dsol.progress import track
from dsol.serve.app import SAMPLE
from dsol.serve.shown import PARTS, Shown
from dsol.serve.work import first_second


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("videos", type=Path, nargs="*", default=[SAMPLE])
    parser.add_argument("--model", default="general", help="as for dsol serve")
    args = parser.parse_args()
    localizer = Localizer.load(args.model)
    for video in args.videos:
        list(zip(range(1), localizer.stream(video), strict=False))  # what is done once a process
        seen, page_s, size = measure(localizer, video)
        per_second = size / max(probe(video).duration_s, 1) / 1000
        print(f"{video.name}: {probe(video).duration_s:.1f} s long; check of the upload and first picture after "
              f"{seen[0]:.1f} s, all after {seen[-1]:.1f} s; the page's part of it {page_s:.1f} s, "
              f"{per_second:.0f} kB a second of video")  # fmt: skip


def measure(localizer: Localizer, video: Path) -> tuple[list[float], float, int]:
    """Seconds until each part is told, those for the page alone, and bytes that are sent."""
    seen: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        first_second(video, 60)
        shown = Shown(localizer, Path(folder), track, lambda _: seen.append(time.process_time() - start))
        list(shown.stream(video))
        size = (Path(folder) / PARTS).stat().st_size
        whole_s = time.process_time() - start
        start = time.process_time()
        list(localizer.stream(video))
        return seen[1:-1], whole_s - (time.process_time() - start), size


if __name__ == "__main__":
    main()
