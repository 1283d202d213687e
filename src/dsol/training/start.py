"""A run that begins with the weights of another model: `dsol train STORE RUN --start MODEL`.

    stage one, both, a compared system    MODEL ─▶ the weights that the run begins with
    stage two                             MODEL ─▶ the weights that stage two begins with
                                          stage one of MODEL's run, or MODEL itself ─▶ teacher p_a and pseudo-labels

So one more pass over real duets follows stage two on composed scenes, as released. What a run begins with is copied
into its folder, so that it goes on without the other.
"""

from dataclasses import dataclass
from pathlib import Path

from dsol.config import Config, differences
from dsol.errors import DsolError
from dsol.files import copy
from dsol.model.file import fill, find_model, load_card
from dsol.model.onnx_file import is_onnx
from dsol.model.system import system_type
from dsol.training.run import Run

SHAPE = ("encoders.", "clustering.clusters", "stage_two.similarity")  # options that the weights depend on
NOT_SHAPE = ("encoders.vision_weights", "encoders.freeze_vision", "encoders.frozen_frames", "encoders.size")


@dataclass(frozen=True)
class Start:
    """What a run begins with.

    Attributes:
        model: the model file.
        first: the stage one of its run; the model itself where there is no such run.
        labels: pseudo-labels of its run's clips; empty where there are none.
    """

    model: Path
    first: Path
    labels: dict[str, int]


def find_start(path: str | Path, config: Config) -> Start:
    """A model that a run of these options can begin with.

    Args:
        path: model file, run folder or a shipped model's name.
        config: of the run.

    Raises:
        DsolError: there is none, it is exported, of another system, or its network is another one.
    """
    model = find_model(path)
    if is_onnx(model):
        raise DsolError(model, "is exported and cannot be trained", "give the original model")
    card = load_card(model)
    if card.system != config.system:
        raise DsolError(model, f"is of the system {card.system}, not {config.system}", f"add --system {card.system}")
    for name, (now, then) in differences(config, Config.from_dict(card.config), NOT_SHAPE).items():
        if name.startswith(SHAPE):
            what = f"was trained with {name} {then}, not {now}"
            raise DsolError(model, what, "leave that option and --recipe out: the model's own are taken")
    fill(system_type(config.system).network_type(config, load_weights=False), model)
    first = model.with_name("stage_one.safetensors")
    known = (model.parent / "resume" / "labels.json").is_file()
    return Start(model, first if first.is_file() else model, Run(model.parent).labels() if known else {})


def begin(run: Run, start: Start, stage: str) -> None:
    """Copy into the folder of a run what it begins with; stage one, where that is done, comes last."""
    if not run.writes:
        return
    copy(start.model, weights_of(run, "two" if stage == "two" else "one"))
    if stage == "two":
        run.save_labels(start.labels)
        copy(start.first, run.path / "stage_one.safetensors")


def weights_of(run: Run, stage: str) -> Path:
    """Where a run keeps the weights that a stage, "one" or "two", begins with; no file where it begins afresh."""
    return run.path / "resume" / f"start_{stage}.safetensors"
