"""How fast does an exported model answer, against torch, and how far are both apart?

    python benchmarks/export.py [MODEL] [--threads N --seconds N]

Exports the model (`small`), then both answer the same made-up seconds (four pictures each with its sound) in turn.
Prints the seconds that each takes for one second of video, their ratio, and the largest difference of maps and scores.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from dsol.data.clip import FRAMES_PER_SECOND, SAMPLE_RATE
from dsol.export import export
from dsol.model.maps import Maps, join_names
from dsol.model.system import System, load_system


def main() -> None:
    """Export, answer in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="small", help="model file, run folder or shipped model")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of each")
    parser.add_argument("--seconds", type=int, default=8, help="of video")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        path = export(args.model, Path(folder) / "model.onnx")
        systems = {"torch": load_system(args.model), "ONNX Runtime": load_system(path)}
    took, apart = dict.fromkeys(systems, 0.0), 0.0
    for second in range(args.seconds + 1):
        random = np.random.default_rng(second)
        answers = {name: timed(system, random.bit_generator.state) for name, system in systems.items()}
        if second:  # the first is slower
            took = {name: took[name] + answers[name][1] for name in took}
        apart = max(apart, difference(*(answer for answer, _ in answers.values())))
    for name, seconds in took.items():
        print(f"{name:14}{seconds / args.seconds:.2f} s for a second of video, {args.threads} threads")
    print(f"torch takes {took['torch'] / took['ONNX Runtime']:.2f} times as long; largest difference {apart:.1g}")


def timed(system: System, state: dict) -> tuple[Maps, float]:
    """The answer to a made-up second, and how long it took, seconds."""
    random = np.random.default_rng()
    random.bit_generator.state = state
    frames = list(random.integers(0, 256, (FRAMES_PER_SECOND, 360, 480, 3), np.uint8))
    pitch = random.uniform(200, 2000, (FRAMES_PER_SECOND, 1))
    waveforms = np.sin(2 * np.pi * pitch * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    start = time.perf_counter()
    answer = system.predict(frames, waveforms, list("abcd"))
    return answer, time.perf_counter() - start


def difference(one: Maps, exported: Maps) -> float:
    """Largest difference of any two numbers; clusters of one name answer as one."""
    joined = join_names(one)
    parts = ("area", "maps", "score")
    return max(float(np.abs(getattr(joined, part) - getattr(exported, part)).max()) for part in parts)


if __name__ == "__main__":
    main()
