"""A run folder: config.yaml, metrics.jsonl, TensorBoard events, resume/, model.safetensors."""

import json
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import yaml

from dsol.config import Config, saved_config
from dsol.errors import DsolError, explained
from dsol.files import read_json, whole, write_text

STATE_VERSION = 1


class Run:
    """The folder of one training run; only the first process writes.

    Args:
        path: the folder.
        writes: whether this process writes.
    """

    def __init__(self, path: Path, writes: bool = True):
        self.path, self.writes = Path(path), writes

    @classmethod
    def start(cls, path: Path, config: Config) -> "Run":
        """A new run.

        Raises:
            DsolError: the folder holds something already, or cannot be written.
        """
        run = cls(path)
        if run.path.exists() and (not run.path.is_dir() or any(map(_is_content, run.path.iterdir()))):
            raise DsolError(path, "exists already", "add --resume to go on with it, or give another folder")
        with explained(path, "cannot be written: {.strerror}", "check its folder and free space", OSError):
            (run.path / "resume").mkdir(parents=True, exist_ok=True)
            run.save_config(config)
        return run

    @staticmethod
    def exists(path: str | Path) -> bool:
        """Whether a run was started in a folder."""
        return (Path(path) / "config.yaml").is_file()

    @classmethod
    def resume(cls, path: Path, writes: bool = True) -> tuple["Run", Config]:
        """A run that was started before, with its configuration.

        Raises:
            DsolError: no run there, or its options are damaged.
        """
        saved = saved_config(path)
        if saved is None:
            raise DsolError(path, "holds no run to resume", "leave --resume out to start one")
        return cls(path, writes), saved

    def save_config(self, config: Config) -> None:
        """Save the options: `config.yaml`."""
        self._write("config.yaml", yaml.safe_dump(config.to_dict(), sort_keys=False))

    def save_data(self, data: dict[str, Any]) -> None:
        """Save what the run is trained on: `resume/data.json`."""
        self._write("resume/data.json", json.dumps(data))

    def _write(self, name: str, text: str) -> None:
        if self.writes:
            write_text(self.path / name, text)

    def data(self) -> dict[str, Any]:
        """What `save_data` saved; empty where nothing was. Raises DsolError where it is damaged."""
        file = self.path / "resume" / "data.json"
        return _read_object(file, "start a new run") if file.is_file() else {}

    def began(self, stage: str) -> bool:
        """Whether there is a checkpoint of a stage to resume from."""
        return (self.path / "resume" / f"{stage}.pt").is_file()

    def log(self, **values: Any) -> None:
        """One line of metrics.jsonl, and TensorBoard scalars by stage and name."""
        if not self.writes:
            return
        with open(self.path / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({**values, "time": round(time.time(), 1)}) + "\n")
        for name, value in values.items():
            if isinstance(value, float):
                self.events.add_scalar(f"{values['stage']}/{name}", value, values["step"])

    @cached_property
    def events(self) -> Any:
        """The TensorBoard writer, opened at the first use."""
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(str(self.path))

    def metrics(self) -> list[dict[str, Any]]:
        """All whole lines of metrics.jsonl; the last one is not whole where a run was stopped while it wrote."""
        file = self.path / "metrics.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True) if file.is_file() else []
        with explained(file, "is damaged: {}", "delete the line, or the file", ValueError, RecursionError):
            return [json.loads(line) for line in lines if line.endswith("\n")]

    def save_state(self, stage: str, state: dict[str, Any]) -> None:
        """Save what is needed to resume from here, whole or not at all."""
        if not self.writes:
            return
        lines = len(self.metrics())
        file = self.path / "resume" / f"{stage}.pt"
        remedy = "free some space, then add --resume"
        with explained(file, "cannot be written: {}", remedy, OSError, RuntimeError), whole(file) as partial:
            torch.save({"version": STATE_VERSION, "lines": lines, **state}, partial)

    def load_state(self, stage: str) -> dict[str, Any] | None:
        """The newest state of a stage, None at its start; metrics that the stage wrote after it are dropped.

        Raises:
            DsolError: the state is damaged or of another version.
        """
        file = self.path / "resume" / f"{stage}.pt"
        if not file.is_file():
            self._keep([line for line in self.metrics() if line["stage"] != stage.removeprefix("stage_")])
            return None
        remedy = "delete it to start the stage again"
        with explained(file, "is damaged: {}", remedy, Exception):  # a damaged file fails in many ways
            state = torch.load(file, map_location="cpu", weights_only=True)
        if state["version"] != STATE_VERSION:
            raise DsolError(file, f"is of version {state['version']}", remedy)
        self._keep(self.metrics()[: state["lines"]])
        return state

    def _keep(self, lines: list[dict[str, Any]]) -> None:
        """Drop all other lines of metrics.jsonl, and what was left of one."""
        if (self.path / "metrics.jsonl").is_file():
            self._write("metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    def save_checkpoint(self, stage: str, done: int, **parts: Any) -> None:
        """Save how many passes are done, and the state of networks and optimizers by name; tensors as they are."""
        state = {n: part if isinstance(part, torch.Tensor) else part.state_dict() for n, part in parts.items()}
        self.save_state(stage, {"done": done, **state})

    def load_checkpoint(self, stage: str, **parts: Any) -> dict[str, Any]:
        """Load the saved state into networks and optimizers; returns all that was saved, `done` 0 at the start."""
        state = self.load_state(stage) or {"done": 0}
        for name, part in parts.items():
            if name in state:
                part.load_state_dict(state[name])
        return state

    def save_labels(self, labels: dict[str, int]) -> None:
        """Save the pseudo-label of each clip: `resume/labels.json`."""
        self._write("resume/labels.json", json.dumps(labels))

    def labels(self) -> dict[str, int]:
        """The pseudo-label of each clip, by `Clip.key`. Raises DsolError where there are none, or they are damaged."""
        file = self.path / "resume" / "labels.json"
        if not file.is_file():
            raise DsolError(self.path, "holds no pseudo-labels", "train stage one there first")
        return _read_object(file, "train stage one there again")

    def clusters(self) -> dict[str, str]:
        """The pseudo-label of each clip by its name, "cluster 3"."""
        return {clip: f"cluster {k}" for clip, k in self.labels().items()}

    def close(self) -> None:
        """Flush TensorBoard's file."""
        if "events" in vars(self):
            self.events.close()


def _read_object(file: Path, remedy: str) -> dict[str, Any]:
    """What a run saved as a JSON object. Raises DsolError where it is missing or damaged."""
    found = read_json(file, remedy)
    if not isinstance(found, dict):
        raise DsolError(file, "is damaged: it is no object", remedy)
    return found


def _is_content(path: Path) -> bool:
    """Whether a file or folder is more than what a run leaves that is stopped before its first step."""
    return path.suffix != ".partial" and not (path.name == "resume" and path.is_dir() and not any(path.iterdir()))
