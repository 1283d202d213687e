"""How fast is toyband made? Prints one-second clips a second, drawing, playing and encoding included."""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

from dsol.demo.toyband import make_toyband


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--solos", type=int, default=132)
    parser.add_argument("--duets", type=int, default=44)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    seconds = 4
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        make_toyband(Path(folder) / "toyband", options.solos, options.duets, seconds, workers=options.workers)
        took = time.perf_counter() - start
    clips = seconds * (options.solos + options.duets)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = used.ru_utime + used.ru_stime
    print(f"{clips} clips in {took:.1f} s with {options.workers} processes: {clips / took:.1f} clips/s")
    print(f"{clips / busy:.1f} clips per second of processor time, the start of the processes included")


if __name__ == "__main__":
    main()
