"""The lock of CI's packages is of the versions that constraints.txt pins."""

import re
import tomllib
from pathlib import Path

HOME = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.M)


def pins(file: str) -> dict[str, str]:
    return {plain(name): version for name, version in PIN.findall((HOME / file).read_text("utf-8"))}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_has_the_pinned_versions_and_a_hash_for_each():
    locked, pinned = pins(".ci/requirements.lock"), pins("constraints.txt")
    assert {name for name in locked if locked[name] != pinned.get(name)} <= {"setuptools"}, "run: make lock"
    text = (HOME / ".ci/requirements.lock").read_text("utf-8")
    assert all("--hash=sha256:" in entry for entry in re.split(r"^(?=[A-Za-z])", text, flags=re.M)[1:])


def test_the_lock_has_all_that_the_tests_need_but_torch():
    extras = tomllib.loads((HOME / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    wanted = {plain(re.split(r"[^A-Za-z0-9._-]", need)[0]) for need in (*extras["dev"], *extras["train"])}
    assert wanted - pins(".ci/requirements.lock").keys() == {"dsol", "torch"}, "run: make lock"
