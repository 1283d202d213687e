"""Does the web page answer every request as its own OpenAPI says? On this machine only.

    python benchmarks/fuzz_http.py [--minutes 5] [--model small] [--seed 0]

`dsol serve` runs as a program, with a short queue and one video that is done. schemathesis sends what the description
allows and what it does not, in three rounds: to any video, to that one without deleting it, and in sequences. Prints
what schemathesis finds, and ends with 1 where a response is none of those described, breaks its schema, or is a 500.
Two of its rules do not hold here: bytes that are no video are refused though the description allows all bytes, and a
full queue or disk is a 503 or 507.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from serve_load import Server

SERVER = ["--limit", "5", "--minutes", "0.2", "--queue", "4", "--disk", "100", "--visitor", "50", "--memory", "1500"]
EXPECTED = '[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx", 503, 507]\n'
ROUNDS = {  # name -> words of schemathesis
    "any video": ["--phases", "coverage,fuzzing"],
    "one that is done": ["--phases", "coverage,fuzzing", "--exclude-method", "DELETE"],
    "sequences": ["--phases", "stateful"],
}


def done_video(server: Server) -> str:
    """The ID of the sample once it is done."""
    id = json.loads(server.ask("POST", "/api/sample", b"")[1])["id"]
    while (state := server.state(id)["state"]) != "done":
        if state == "failed":
            raise SystemExit(f"the sample failed: {server.state(id)['error']}")
        time.sleep(1)
    return id


def fuzz(server: Server, folder: Path, name: str, id: str, seconds: float, seed: int) -> bool:
    """One round; whether all was as described."""
    config = folder / "schemathesis.toml"
    file = "".join(f'"path.{key}" = "{value}"\n' for key, value in {"id": id}.items() if name == "one that is done")
    config.write_text(f"[parameters]\n{file}{EXPECTED}", "utf-8")
    address = f"http://{server.address[0]}:{server.address[1]}"
    program = str(Path(sys.executable).with_name("schemathesis"))
    words = ["--config-file", str(config), "run", f"{address}/api/openapi.json", *ROUNDS[name], "--max-time",
             str(round(seconds)), "--seed", str(seed), "--exclude-checks", "positive_data_acceptance", "--no-color",
             "--continue-on-failure", "--generation-database", "none", "--request-timeout", "100"]  # fmt: skip
    print(f"--- {name}", flush=True)
    return subprocess.run([program, *words], cwd=folder).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5, help="in all")
    parser.add_argument("--model", default="small", help="as for dsol serve")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        server = Server(Path(place) / "data", "--model", args.model, *SERVER)
        try:
            id, each_s = done_video(server), 60 * args.minutes / len(ROUNDS)
            good = [fuzz(server, Path(place), name, id, each_s, args.seed) for name in ROUNDS]
            good.append(server.ask("GET", "/api")[0] == 200)
        finally:
            server.process.kill()
            server.process.communicate()
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
