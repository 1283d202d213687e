"""How much does `pip install dsol` put on a disk, and how soon does it answer?

    python benchmarks/install_size.py [--extra serve] [--video FILE] [--keep DIR]

Installs this clone and what it needs into a fresh virtual environment, with the versions of `constraints.txt`. Prints
the size of each package there, in millions of bytes, and of all together without pip; fails above 420. Then, each the
best of three: `dsol localize --help`, and with a video the time from the command to its first localised second.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_MB = 420
NOT_COUNTED = ("pip", "setuptools")  # what a new environment has before anything is installed
FIRST = """
import sys, time
import dsol
next(dsol.Localizer.load().stream(sys.argv[1]))
print(time.time())
"""


def installed(folder: Path, extra: str) -> Path:
    """A new environment with dsol in it: its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    what = f"{ROOT}[{extra}]" if extra else str(ROOT)
    words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / "constraints.txt", what]
    subprocess.run([python, *words], check=True)
    return python


def sizes(site: Path) -> Counter[str]:
    """Bytes of each package below site-packages; a package's metadata and its libraries count as its own."""
    found: Counter[str] = Counter()
    for path in site.iterdir():
        name = path.name.split("-")[0].removesuffix(".libs").lower()
        files = path.rglob("*") if path.is_dir() else [path]
        found[name] += sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())
    return found


def best_of_three(measure) -> float:
    """The smallest of three times, seconds."""
    return min(measure() for _ in range(3))


def help_s(python: Path) -> float:
    """How long `dsol localize --help` takes."""
    start = time.perf_counter()
    subprocess.run([python.with_name("dsol"), "localize", "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def first_second_s(python: Path, video: Path) -> float:
    """From the start of Python to the first localised second of a video."""
    start = time.time()
    done = subprocess.run([python, "-c", FIRST, video], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1]) - start


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extra", default="", help="an extra to install, too")
    parser.add_argument("--video", type=Path, help="to localise the first second of")
    parser.add_argument("--keep", type=Path, help="make the environment here, and leave it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        python = installed(args.keep or Path(temporary) / "env", args.extra)
        site = next((python.parents[1] / "lib").glob("python*")) / "site-packages"
        found = sizes(site)
        for name, size in found.most_common():
            if size >= 1e6:
                print(f"{name:24}{size / 1e6:7.1f} MB{'  (not counted)' if name in NOT_COUNTED else ''}")
        total = sum(size for name, size in found.items() if name not in NOT_COUNTED) / 1e6
        print(f"{'all':24}{total:7.1f} MB of at most {MOST_MB}")
        print(f"dsol localize --help    {best_of_three(lambda: help_s(python)):7.2f} s")
        if args.video:
            print(f"first localised second  {best_of_three(lambda: first_second_s(python, args.video)):7.2f} s")
    sys.exit(total > MOST_MB)


if __name__ == "__main__":
    main()
