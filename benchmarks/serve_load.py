"""Does `dsol serve` stay up under load, and is every video that it accepts told of? On this machine only, for minutes.

    python benchmarks/serve_load.py [--model small] [--uploads 50] [--queue 4]

Many uploads at once against a short queue, slow clients, uploads that break off, lengths that lie, path tricks,
picture bombs, and the process that localises killed at work. Then the server is stopped and started again on the same
folder. Prints what was counted, and ends with 1 where a promise is not kept.
"""

import argparse
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np

from dsol.demo.toyband.videos import Plan, make_video

PATIENCE_S = 1200.0  # for all work together
SLOW_S = 15.0  # how long a slow client dribbles before it goes away
TRICKS = (
    "/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/app.py", "/api/videos/..%2f..%2fx/result.json",
    "/api/videos/%00/result.json", "/api/videos/x/../../../etc/passwd", "/api/videos/x/still-0.jpg%2f..%2fjob.json",
    "//etc/passwd", "/api/videos/" + "a" * 5000,
)  # fmt: skip
SIZES = {"grows by": 60e6}  # bytes of memory that the server may gain


class Server:
    """`dsol serve` as a program, on a folder of its own."""

    def __init__(self, data: Path, *words: str):
        command = [sys.executable, "-m", "dsol", "serve", "--port", "0", "--data", str(data), *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        found = re.search(r"http://(127\.0\.0\.1):(\d+)", line)
        if found is None:
            raise SystemExit(f"it did not start: {line}{self.process.communicate()[1]}")
        self.address = found[1], int(found[2])

    def ask(self, method: str, path: str, body: bytes | None = None, timeout: float = 300) -> tuple[int, bytes]:
        """Status and body of one request; 0 where the line broke."""
        line = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            line.request(method, path, body=body)
            answer = line.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            line.close()

    def figure(self, name: str) -> float:
        """One figure of /metrics."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.ask("GET", "/metrics")[1].decode(), re.M)
        return float(found[1]) if found else 0.0

    def state(self, id: str) -> dict:
        return json.loads(self.ask("GET", f"/api/videos/{id}")[1])

    def stop(self) -> int:
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(300)
        print(f"stopped after {time.monotonic() - start:.1f} s")
        return code


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="small", help="as for dsol serve")
    parser.add_argument("--uploads", type=int, default=50, help="at once")
    parser.add_argument("--queue", type=int, default=4, help="videos that may wait")
    args = parser.parse_args()
    limits = ["--queue", str(args.queue), "--limit", "5", "--minutes", "0.2", "--disk", "100", "--visitor", "10000",
              "--memory", "1500"]  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        videos = make_videos(folder)
        server = Server(folder / "data", "--model", args.model, *limits)
        try:
            kept = load(server, videos, args.uploads)
            kept += [("the server stops when told", server.stop() == 143)]
            server = Server(folder / "data", "--model", args.model, *limits)
            kept += after_restart(server, folder / "data" / "videos")
        finally:
            server.process.kill()
            server.process.communicate()
    for told, held in kept:
        print(f"{'yes' if held else 'NO ':4} {told}")
    sys.exit(not all(held for _, held in kept))


def make_videos(folder: Path) -> dict[str, bytes]:
    """A good short video, one that is too long, too large, no video, and two with vast pictures."""
    make_video(Plan("good.mp4", ("acoustic_guitar",), 1, 2, (0,)), folder / "good.mp4")
    make_video(Plan("long.mp4", ("flute",), 1, 14, (0,)), folder / "long.mp4")
    return {
        "good": (folder / "good.mp4").read_bytes(),
        "long": (folder / "long.mp4").read_bytes(),
        "large": bytes(6_000_000),
        "text": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        "bomb": bomb(folder / "bomb.mp4", 8000),
        "vast": bomb(folder / "vast.mp4", 12000),
    }


def bomb(path: Path, side: int) -> bytes:
    """Few bytes that are large pictures."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", 4)
        stream.width = stream.height = side
        stream.pix_fmt = "yuvj420p"
        sound = out.add_stream("aac", 16_000, layout="mono")
        frame = av.VideoFrame(side, side, "yuvj420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for n in range(2):
            frame.pts = n
            out.mux(stream.encode(frame))
        for n in range(8):
            part = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            part.sample_rate, part.pts = 16_000, 1024 * n
            out.mux(sound.encode(part))
        out.mux(stream.encode())
        out.mux(sound.encode())
    return path.read_bytes()


def load(server: Server, videos: dict[str, bytes], uploads: int) -> list[tuple[str, bool]]:
    """Everything at once; what was promised, and whether it held."""
    memory = [server.figure("process_resident_memory_bytes")]
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(server, memory, over))
    watcher.start()
    with ThreadPoolExecutor(uploads + 40) as pool:
        good = [pool.submit(server.ask, "POST", "/api/videos?name=good.mp4", videos["good"]) for _ in range(uploads)]
        bad = {kind: pool.submit(until_admitted, server, videos[kind]) for kind in videos if kind != "good"}
        rude = [pool.submit(slow, server, videos["good"]) for _ in range(3)]
        rude += [pool.submit(broken, server, videos["good"]) for _ in range(5)]
        rude += [pool.submit(lying, server, videos["good"], more) for more in (1000, -1000)]
        tricks = [pool.submit(server.ask, "GET", path) for path in TRICKS]
        killed = pool.submit(kill_worker, server)
        answers = Counter(each.result()[0] for each in good)
        ids = [json.loads(each.result()[1])["id"] for each in good if each.result()[0] == 201]
        refused = {kind: each.result() for kind, each in bad.items()}
        ids += [json.loads(text)["id"] for status, text in refused.values() if status == 201]
        tricked = {each.result()[0] for each in tricks}
        for each in rude:
            each.result()
    finished = wait_for_all(server, ids)
    over.set()
    watcher.join()
    print(f"uploads by status: {dict(answers)}; videos: {dict(Counter(s['state'] for s in finished))}")
    print(f"refused: { ({kind: status for kind, (status, _) in refused.items()}) }; tricks: {tricked}")
    print(f"memory of the server, MB: {memory[0] / 1e6:.0f} at first, {max(memory) / 1e6:.0f} at most")
    lines = [json.loads(text).get("error", "") for _, text in refused.values()]
    return [
        ("every upload is accepted or refused with a status", set(answers) <= {201, 503}),
        ("some are accepted, the rest finds the queue full", answers[201] > 0 and answers[503] > 0),
        ("every accepted video ends in a result or a line",
         all(s["files"] or s["error"] for s in finished) and len(finished) == len(ids)),
        ("the killed process cost one video, with a line",
         killed.result() and len([s for s in finished if "was killed by" in s["error"]]) <= 1),
        ("too long and too large are 413, no videos and vast pictures 422",
         {kind: refused[kind][0] for kind in ("long", "large", "text", "vast")}
         == {"long": 413, "large": 413, "text": 422, "vast": 422}),
        ("a picture bomb is refused, or localised in the memory that there is", refused["bomb"][0] in (201, 422)),
        ("each refusal is one line", all("\n" not in line for line in lines)),
        ("path tricks find nothing", tricked <= {400, 404, 405}),
        ("memory of the server stays", max(memory) - memory[0] < SIZES["grows by"]),
        ("it still answers", server.ask("GET", "/api")[0] == 200),
        ("no upload is left over", server.figure('dsol_serve_videos_now{state="uploading"}') == 0),
    ]  # fmt: skip


def watch(server: Server, memory: list[float], over: threading.Event) -> None:
    while not over.wait(1):
        memory.append(server.figure("process_resident_memory_bytes"))


def until_admitted(server: Server, data: bytes) -> tuple[int, bytes]:
    """Ask again while the queue is full."""
    end = time.monotonic() + PATIENCE_S
    status, text = 503, b""
    while status in (0, 503) and time.monotonic() < end:
        status, text = server.ask("POST", "/api/videos?name=bad.mp4", data)
        time.sleep(1)
    return status, text


def half_open(server: Server, size: int) -> socket.socket:
    line = socket.create_connection(server.address, timeout=60)
    line.sendall(f"POST /api/videos?name=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode())
    return line


def slow(server: Server, data: bytes) -> None:
    """A byte now and then, then nothing more."""
    with half_open(server, len(data)) as line:
        end = time.monotonic() + SLOW_S
        for byte in data:
            if time.monotonic() > end or not sent(line, bytes([byte])):
                return
            time.sleep(0.3)


def broken(server: Server, data: bytes) -> None:
    """Half of it."""
    with half_open(server, len(data)) as line:
        sent(line, data[: len(data) // 2])


def lying(server: Server, data: bytes, more: int) -> None:
    """A length that is not that of the data."""
    with half_open(server, len(data) + more) as line:
        sent(line, data)
        line.settimeout(5)
        try:
            line.recv(1000)
        except OSError:
            return


def sent(line: socket.socket, data: bytes) -> bool:
    try:
        line.sendall(data)
    except OSError:  # refused meanwhile
        return False
    return True


def kill_worker(server: Server) -> bool:
    """Kill the process that localises while it is at work."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if server.figure('dsol_serve_videos_now{state="running"}'):
            os.kill(int(server.figure("dsol_serve_worker_pid")), signal.SIGKILL)
            return True
        time.sleep(0.05)
    return False


def wait_for_all(server: Server, ids: list[str]) -> list[dict]:
    end = time.monotonic() + PATIENCE_S
    states = [server.state(id) for id in ids]
    while any(s["state"] in ("waiting", "running") for s in states) and time.monotonic() < end:
        time.sleep(1)
        states = [server.state(id) for id in ids]
    return states


def after_restart(server: Server, folder: Path) -> list[tuple[str, bool]]:
    """What a new server on the same folder knows."""
    ids = sorted(each.name for each in folder.iterdir())
    known = [server.state(id) for id in ids]
    half = [path for path in folder.rglob("*") if "partial" in path.name or path.name.startswith("made-")]
    whole = [server.ask("GET", f"/api/videos/{s['id']}/result.json")[0] for s in known if s["state"] == "done"]
    removed = [server.ask("DELETE", f"/api/videos/{id}")[0] for id in ids]
    return [
        ("results survive a restart", len(known) > 0 and set(whole) == {200}),
        ("nothing half-made lies about", not half),
        ("what is removed is gone", set(removed) == {204} and not list(folder.iterdir())),
    ]


if __name__ == "__main__":
    main()
