"""Systems that answer, wait, die or fail as a test wants, in a process of their own: hence little is imported here."""

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from tests.two_tones import TwoTones

PATIENCE_S = 240


class Gated(TwoTones):
    """`TwoTones` that answers when a file is there, and leaves one when it is asked."""

    def __init__(self, folder: Path):
        super().__init__()
        self.gate, self.asked = folder / "gate", folder / "asked"

    def predict(self, frames, waveforms, keys):
        self.asked.touch()
        until(self.gate.exists)
        return super().predict(frames, waveforms, keys)


class Mistaken(TwoTones):
    """A system with a bug."""

    def predict(self, frames, waveforms, keys):
        raise ZeroDivisionError


class Mortal(TwoTones):
    """A system whose process is killed by a video that whistles."""

    def predict(self, frames, waveforms, keys):
        answer = super().predict(frames, waveforms, keys)
        if answer.score[:, 1].max() > self.threshold:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


class Full(TwoTones):
    """A disk that is full when results are written."""

    def predict(self, frames, waveforms, keys):
        raise OSError(28, "No space left on device")


class Caller(TwoTones):
    """A system that has been taken over: it calls home, and fills the disk."""

    def __init__(self, address: str):
        super().__init__()
        self.host, _, self.port = address.partition(":")

    def predict(self, frames, waveforms, keys):
        with suppress(PermissionError):
            socket.create_connection((self.host, int(self.port)), 1)
        with TemporaryFile() as file:
            file.write(bytes(4_000_000))
        return super().predict(frames, waveforms, keys)


class Greedy(TwoTones):
    """A system that wants all memory there is."""

    def predict(self, frames, waveforms, keys):
        return bytearray(1 << 42)


def until(condition) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
