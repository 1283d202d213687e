"""`dsol demo`: the whole job on data that it makes itself.

    toyband ─ prepare ─▶ solo, duet stores ─ train ─▶ model ─ name ─▶ evaluate: solo, scenes, duets
                                                            └─▶ localize one duet ─▶ video, timeline ─▶ report.html

Each step is skipped when its result exists, and resumes where it was stopped.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dsol.config import Config, load_recipe
from dsol.data.prepare import prepare
from dsol.data.scenes import compose
from dsol.data.store import Store
from dsol.demo.toyband import make_toyband
from dsol.evaluation.evaluate import evaluate
from dsol.files import copy, whole, write_json
from dsol.localize import localize_videos
from dsol.naming.naming import name_model
from dsol.progress import say
from dsol.report.history import curves_of
from dsol.report.sections import write_report
from dsol.training.run import Run
from dsol.training.train import train


@dataclass(frozen=True)
class Size:
    """How much the demo does.

    Attributes:
        solos, duets: videos of four seconds.
        scenes: composed scenes to test on.
        options: changes to the recipe `quick`.
    """

    solos: int
    duets: int
    scenes: int
    options: dict


FULL = Size(solos=264, duets=44, scenes=100, options={})
QUICK = Size(solos=44, duets=8, scenes=12, options={
    "stage_one": {"epochs": 2, "classify_from": 2}, "scenes": {"count": 32}, "stage_two": {"epochs": 1},
    "mixtures": {"passes": 2},
})  # fmt: skip


def demo(out: Path, quick: bool = False) -> Path:
    """Make toyband, train both stages on it, score, localise a duet with silent instruments, and write a report.

    Args:
        out: gets evaluation.json, report.html, localized.mp4, model.safetensors, and the steps between.
        quick: little data and few passes: a check that everything runs, not of quality.

    Returns:
        The report.

    Raises:
        DsolError: `out` holds something else, or cannot be written.
    """
    start = time.monotonic()
    out, size = Path(out), QUICK if quick else FULL
    report = out / "report.html"
    out.mkdir(parents=True, exist_ok=True)
    say("1 of 5: make toyband and prepare it")
    make_toyband(out / "toyband", solos=size.solos, duets=size.duets)
    solo = prepare(out / "toyband" / "solo", out / "solo")
    duet = prepare(out / "toyband" / "duet", out / "duet")
    scenes = compose(solo, out / "scenes", scenes=size.scenes, split="test", boxed=True)
    say("2 of 5: train without labels of the clips")
    model = out / "model.safetensors"
    _train(solo, out / "run", load_recipe("quick", **size.options))
    if not _newer(model, out / "run" / "model.safetensors"):
        with whole(model) as partial:
            shutil.copyfile(out / "run" / "model.safetensors", partial)
            name_model(partial, solo.path)
    say("3 of 5: evaluate")
    tests = {"solo": solo, "synthetic": scenes, "duet": duet}
    evaluations = _made(out / "evaluation.json", model, lambda: _evaluate(model, tests, out / "figures"))
    say("4 of 5: localise a duet with silent instruments")
    video = min((out / "toyband" / "duet" / "test").glob("*.mp4"))
    if not _newer(out / "localized.mp4", model):
        localize_videos([video], model, out / "localized")
        copy(out / "localized" / video.stem / "localized.mp4", out / "localized.mp4")
    say("5 of 5: report")
    if not _newer(report, model):
        _report(report, out, video, evaluations, time.monotonic() - start)
    say(f"Open {report}; the demo took {time.monotonic() - start:.0f} s")
    return report


def _newer(file: Path, than: Path) -> bool:
    return file.exists() and file.stat().st_mtime >= than.stat().st_mtime


def _made(file: Path, source: Path, make: Callable[[], dict]) -> dict:
    """The JSON in a file, made if it is missing or older than its source."""
    if not _newer(file, source):
        write_json(file, make())
    return json.loads(file.read_text(encoding="utf-8"))


def _train(solo: Store, run: Path, config: Config) -> None:
    if (run / "model.safetensors").is_file():
        say(f"{run}: trained already")
    else:
        train(solo.path, run, config, resume=(run / "config.yaml").is_file())


def _evaluate(model: Path, tests: dict[str, Store], figures: Path) -> dict:
    results = {}
    for protocol, store in tests.items():
        result = evaluate(model, store.path, protocol=protocol, figures=figures / protocol)
        print(result.table(), end="\n\n")
        results[protocol] = result.to_json()
    return results


def _report(path: Path, out: Path, video: Path, evaluations: dict, seconds: float) -> None:
    titles = {
        "solo": "One instrument plays",
        "synthetic": "Composed scenes: two of four sound",
        "duet": "A band: two play, the others are silent",
    }
    pictures = [(titles[name], out / "figures" / name / "scenes.png") for name in evaluations]
    write_report(
        path,
        title="dsol: what sounds, where, and what is it?",
        curves=curves_of(Run(out / "run").metrics()),
        evaluations=[{**result, "title": titles[name]} for name, result in evaluations.items()],
        pictures=[*pictures, ("Who sounds when", out / "localized" / video.stem / "timeline.png")],
        video=out / "localized.mp4",
        facts={
            "data": "toyband, drawn and played by dsol",
            "labels used in training": "none",
            "recipe": "quick",
            "seconds for this report": round(seconds),
        },
    )
