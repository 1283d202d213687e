"""What does `dsol prepare` take beyond decoding?

    [DSOL_DATA=...] OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/prepare.py [CORPUS] [--runs 3]

Seconds of processor time in one process and one thread: for decoding every picture and every sound of the videos and
throwing them away, and for making a store of them; and the ratio. Wanted: at most 1.3. Without a folder of videos,
those of $DSOL_DATA/videos are taken, or of toyband where that is not set.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

from dsol.data.media import find_videos
from dsol.data.prepare import prepare
from dsol.demo.toyband import make_toyband


def decode(videos: Sequence[Path]) -> None:
    """Every picture and every sound, each track by itself, in one thread."""
    for video in videos:
        for kind in ("video", "audio"):
            with av.open(str(video)) as container:
                stream = (container.streams.video if kind == "video" else container.streams.audio)[0]
                stream.codec_context.thread_count = 1
                for _ in container.decode(stream):
                    pass


def cpu_s(work: Callable[[], object]) -> float:
    """Seconds of processor time in this process, all its threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?", help="folder of videos")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turn")
    args = parser.parse_args()
    data = os.environ.get("DSOL_DATA")
    with TemporaryDirectory() as folder:
        corpus = args.corpus or (Path(data, "videos") if data else Path(folder, "band"))
        if not data and not args.corpus:
            make_toyband(corpus, solos=22, duets=0)
        videos = find_videos(corpus)
        ratios = []
        for run in range(args.runs):
            bare_s = cpu_s(lambda: decode(videos))
            whole_s = cpu_s(lambda run=run: prepare(corpus, Path(folder, f"store-{run}"), workers=1))
            ratios.append(whole_s / bare_s)
            print(f"{len(videos)} videos: decoding {bare_s:.2f} s, dsol prepare {whole_s:.2f} s", flush=True)
    print(f"ratio: {np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
