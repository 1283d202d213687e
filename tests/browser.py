"""A headless Chromium, driven through the pipe that it offers: no driver, no port, no package.

Example:
    >>> with Browser(tmp_path) as browser:                                              # doctest: +SKIP
    ...     browser.open("http://127.0.0.1:8000")
    ...     browser.wait("document.title")
"""

import json
import os
import shutil
import subprocess
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

PATIENCE_S = 240.0  # a busy machine may take its time
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
           "--disable-background-networking", "--remote-debugging-pipe")  # fmt: skip


class Browser:
    """One page.

    Args:
        profile: an empty folder for what the browser keeps.
        size: width and height of the window in pixels.
        dark: whether it asks for dark pages.

    Attributes:
        mistakes: errors of scripts and lines on the console, so far.
    """

    def __init__(self, profile: Path, size: tuple[int, int] = (1280, 900), dark: bool = False):
        ours, theirs = os.pipe(), os.pipe()  # (their input: 3), (their output: 4)
        self._input, self._output = ours[1], theirs[0]
        command = f"exec {CHROMIUM} {' '.join(OPTIONS)} --user-data-dir={profile} 3<&{ours[0]} 4>&{theirs[1]}"
        self._process = subprocess.Popen(["bash", "-c", command], pass_fds=(ours[0], theirs[1]),
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        os.close(ours[0])
        os.close(theirs[1])
        self._count, self._rest, self._session, self.mistakes = 0, b"", None, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "DOM"):
            self.ask(f"{domain}.enable")
        self.ask("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._input)
        os.close(self._output)

    def ask(self, method: str, **params: Any) -> dict:
        """One command of the DevTools protocol, and its answer."""
        self._count += 1
        words = {"id": self._count, "method": method, "params": params}
        words |= {"sessionId": self._session} if self._session else {}
        os.write(self._input, json.dumps(words).encode() + b"\0")
        while (answer := self._read()).get("id") != self._count:
            self._note(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, address: str) -> None:
        """Go to a page; `wait` for what it shows."""
        self.ask("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> Any:
        """Until a JavaScript expression is true; its value."""
        end = time.monotonic() + PATIENCE_S
        script = f"(() => {{ try {{ return {condition} }} catch {{ return null }} }})()"
        while (value := self.run(script)) in (None, False, 0, ""):  # an element is {}: it is there
            assert time.monotonic() < end, f"never true: {condition}; the page: {self.run('document.body.innerText')}"
            time.sleep(0.05)
        return value

    def choose_file(self, selector: str, *files: Path) -> None:
        """Do what a visitor does with the dialogue of a file input."""
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.ask("DOM.setFileInputFiles", files=[str(file) for file in files], nodeId=node)

    def press(self, key: str) -> None:
        """A key, to what has the focus."""
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def screenshot(self, path: Path) -> None:
        """The whole page as PNG."""
        path.write_bytes(b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def _read(self) -> dict:
        while b"\0" not in self._rest:
            part = os.read(self._output, 1 << 16)
            assert part, "the browser is gone"
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        return json.loads(line)

    def _note(self, event: dict) -> None:
        if event.get("method") == "Runtime.exceptionThrown":
            self.mistakes.append(event["params"]["exceptionDetails"]["text"])
        elif event.get("method") == "Runtime.consoleAPICalled":
            self.mistakes.append(str(event["params"]["args"]))
