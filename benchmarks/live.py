"""How late is `dsol localize` on a stream, and does it keep up?

    OMP_NUM_THREADS=2 python benchmarks/live.py [--video VIDEO --seconds 60 --every 1]

Another process sends the video as MPEG-TS over TCP at the speed at which it plays, again and again, with time stamps
that begin anew each time. Prints a line an answer: its second, how late it was (`delay_s`: from the arrival of its last
sound to the line), what was left out; then the median, the 95th percentile and the largest of the delays, this
process's CPU seconds a second of stream, and the same without the first answers, until FFmpeg's look at the stream
(`OPENING_S`) has passed.
"""

import argparse
import multiprocessing
import socket
import sys
import time
from pathlib import Path

import numpy as np

from dsol.localize import Live, Localizer
from dsol.localize.live import answers
from dsol.serve.app import SAMPLE

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, it sees its own folder alone
from tests.streams import after, play, transport

OPENING_S = 5.0


def send(listener: socket.socket, video: Path, seconds: float) -> None:
    """Serve one visitor."""
    once = transport(video)
    chunks = once
    while chunks[-1][0] < seconds:
        chunks = after(chunks, once)
    visitor, _ = listener.accept()
    with visitor:
        play([chunk for chunk in chunks if chunk[0] < seconds], visitor.sendall)


def measure(localizer: Localizer, video: Path, seconds: float, how: Live) -> list[dict]:
    """The answers to a stream; each is printed as it comes."""
    lines = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = multiprocessing.get_context("fork").Process(target=send, args=(listener, video, seconds), daemon=True)
        sender.start()
        start, cpu = time.monotonic(), time.process_time()
        for line in answers(f"tcp://127.0.0.1:{listener.getsockname()[1]}", localizer, how):
            print(f"{line['end_s']:8.2f} s  delay {line['delay_s']:.2f} s  dropped {line['dropped']}", flush=True)
            lines.append(line)
        took, spent = time.monotonic() - start, time.process_time() - cpu
        sender.join()
    print(f"{len(lines)} answers in {took:.1f} s; CPU {spent / took:.2f} s a second")
    return lines


def summary(lines: list[dict]) -> str:
    """Of the delays, and of what was left out."""
    delays = np.array([line["delay_s"] for line in lines])
    median, high, most = np.median(delays), np.percentile(delays, 95), delays.max()
    left_out = sum(line["dropped"] for line in lines)
    told = f"delay: median {median:.2f} s, 95 % {high:.2f} s, largest {most:.2f} s"
    return f"{told}; {left_out} of {len(lines) + left_out} answers left out"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--video", type=Path, default=SAMPLE, help="of H.264 and AAC")
    parser.add_argument("--model", default="general", help="as for dsol localize")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the stream")
    parser.add_argument("--every", type=float, default=1.0, help="seconds from one answer to the next")
    args = parser.parse_args()
    localizer = Localizer.load(args.model)
    list(zip(range(1), localizer.stream(args.video), strict=False))  # what is done once a process
    lines = measure(localizer, args.video, args.seconds, Live(every_s=args.every))
    print("all:            ", summary(lines))
    print("once it is open:", summary([line for line in lines if line["end_s"] > OPENING_S]))


if __name__ == "__main__":
    main()
