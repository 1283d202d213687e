"""The verb: starting, stopping, what cannot be served."""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from dsol.cli import main
from dsol.errors import DsolError
from dsol.localize import Localizer
from dsol.serve import Limits
from dsol.serve.guard import LOOPBACK
from dsol.serve.server import _folder, serve
from tests.serve.systems import PATIENCE_S, until
from tests.two_tones import TwoTones


class Loaded:
    """In the place of `Localizer`: no model is read."""

    @staticmethod
    def load(_: str) -> Localizer:
        return Localizer(TwoTones())


@contextmanager
def program(cwd: Path):
    """`dsol serve` as a program, once it is up: the process and its address."""
    command = [sys.executable, "-m", "dsol", "serve", "--port", "0"]
    environment = {**os.environ, "TMPDIR": str(cwd)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        found = re.fullmatch(r"dsol: open http://(127\.0\.0\.1:\d+) in a browser; Ctrl-C stops\n", line)
        assert found, line + process.stderr.read()
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def test_small_serves_until_it_is_stopped_and_leaves_nothing(party, tmp_path):
    with program(tmp_path) as (process, address):
        connection = HTTPConnection(address)
        connection.request("POST", "/api/videos?name=party.mp4", body=party.read_bytes())
        assert json.load(connection.getresponse())["state"] in ("waiting", "running")
        connection.request("GET", "/api", headers={"Host": "evil.example"})
        assert connection.getresponse().status == 403
        assert sum(p.name.startswith("dsol-serve-") for p in tmp_path.iterdir()) == 1
        half = send_half(address, party)
        until(lambda: len(list(tmp_path.glob("*/*/video"))) == 2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
        half.close()
        assert (process.returncode, said) == (130, "dsol: stopped\n"), "in the midst of work and of an upload"
        assert not list(tmp_path.iterdir())


def send_half(address: str, video: Path) -> HTTPConnection:
    """An upload that stays open."""
    connection = HTTPConnection(address)
    data = video.read_bytes()
    connection.putrequest("POST", "/api/videos?name=half.mp4")
    connection.putheader("Content-Length", str(len(data)))
    connection.endheaders(data[: len(data) // 2])
    return connection


@pytest.fixture
def terminable():
    """Being told to end, as the system does, is for the test alone."""
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("it did not listen"))
    yield
    signal.signal(signal.SIGTERM, before)


def test_being_terminated_leaves_nothing_either(terminable, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("dsol.serve.server.Localizer", Loaded)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folders = []

    def terminate():
        until(lambda: list(tmp_path.iterdir()))
        connection = HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/api")
        assert connection.getresponse().status == 200
        folders.extend(tmp_path.glob("dsol-serve-*"))
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=terminate).start()
    with pytest.raises(SystemExit, match="143"):
        serve(port=port)
    assert len(folders) == 1
    assert not list(tmp_path.glob("dsol-serve-*"))


def refusal(capfd, *words) -> str:
    """The one line with which the verb is refused before anything is served."""
    with pytest.raises(SystemExit, match="2"):
        main(["serve", *map(str, words)])
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1), err
    assert re.fullmatch(r"dsol: .+: .+ \(.+\)\n", err)
    return err


def test_a_port_in_use_is_refused(capfd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}: cannot be listened at: address already in use" in refusal(capfd, "--port", port)


@pytest.mark.parametrize(("words", "says"), [
    (["--port", 70000], "port must be 0-65535"),
    (["--host", "no.such.host.invalid"], "no.such.host.invalid:8000: cannot be listened at"),
    (["--model", "huge", "--port", 0], "huge"),
    (["--limit", "x"], "--limit"),
    (["--queue", "0"], "--queue: is 0 (give more)"), (["--minutes", "-1"], "--minutes: is -1 (give more)"),
    (["--host", ""], "--host: is empty"), (["--host", "é" * 70], "it is no name of a machine"),
])  # fmt: skip
def test_what_cannot_be_served_is_refused_before_the_server_starts(capfd, words, says):
    assert says in refusal(capfd, *words)


@pytest.mark.parametrize(("host", "opens", "names"), [
    ("127.0.0.1", "127.0.0.1", LOOPBACK), ("127.0.0.2", "127.0.0.2", LOOPBACK | {"127.0.0.2"}),
    ("0.0.0.0", "127.0.0.1", None), ("0", "127.0.0.1", None), ("::", "[::1]", None), ("::1", "[::1]", LOOPBACK),
])  # fmt: skip
def test_the_address_that_is_printed_opens_in_a_browser(monkeypatch, host, opens, names):
    if ":" in host and not has_ipv6():
        pytest.skip("no IPv6 here")
    given = []
    monkeypatch.setattr("dsol.serve.server._run", lambda *words: given.extend(words))
    monkeypatch.setattr("dsol.serve.server.signal.signal", lambda *_: None)
    serve(host=host, port=0)
    assert re.fullmatch(rf"http://{re.escape(opens)}:\d+", given[-2])
    assert given[-1] == names


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "prometheus_client"])
def test_without_the_extra_it_says_what_to_install(monkeypatch, missing):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("dsol.errors.find_spec", lambda name: None if name == missing else find_spec(name))
    with pytest.raises(DsolError, match=rf"needs {missing}, not installed \(pip install 'dsol\[serve\]'\)"):
        serve()


def test_a_folder_of_data_is_used_by_one_server_and_for_nothing_else(tmp_path):
    data = tmp_path / "new" / "data"
    with _folder(data) as folder:
        (folder / "kept").mkdir()
        with pytest.raises(DsolError, match="is used by another dsol serve"), _folder(data):
            pass
    with _folder(data) as folder:
        assert [each.name for each in folder.iterdir()] == ["kept"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").touch()
    with pytest.raises(DsolError, match="holds something else"), _folder(tmp_path / "other"):
        pass
    with pytest.raises(DsolError, match="cannot be used: "), _folder(tmp_path / "other" / "thesis.txt" / "x"):
        pass


def test_the_options_of_the_verb_are_its_limits(monkeypatch):
    given = {}
    monkeypatch.setattr("dsol.serve.serve", lambda *words, **options: given.update(options))
    words = {"limit": "1", "minutes": "2.5", "queue": "3", "disk": "4", "keep": "0", "visitor": "6", "memory": "7"}
    main(["serve", "--data", "x", *(word for name, value in words.items() for word in (f"--{name}", value))])
    assert given == {"data": Path("x"), "limits": Limits(1, 2.5, 3, 4, 0, 6, 7)}
    main(["serve"])
    assert given == {"data": None, "limits": Limits()}
