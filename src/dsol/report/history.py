"""What a run was: its data and options, what it took, how to run it again, and its curves.

config.yaml, model card, resume/data.json, metrics.jsonl ──▶ facts, commands, options, curves
"""

import html
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dsol.config import Config, differences, flat, load_recipe
from dsol.errors import DsolError
from dsol.model.file import ModelCard
from dsol.report.sections import section, words
from dsol.training.run import Run

COUNTED = ("step", "seconds", "time", "epoch", "round")  # numbers of a line of metrics that are no figures
STAGES = {"one": "Stage one", "two": "Stage two", "fit": "Training"}
SPOKEN = {"localize": "localisation", "classify": "classification", "cluster": "clusters", "match": "matching",
          "hearing": "cross-entropy", "localization": "localisation", "nmi": "NMI"}  # fmt: skip


def facts_of(config: Config, card: ModelCard | None, metrics: Sequence[Mapping]) -> dict[str, object]:
    """What stands at the top of the page."""
    made = card.provenance if card else {}
    seconds = sum(line.get("seconds", 0.0) for line in metrics)
    found = {
        "system": config.system.replace("_", " "),
        "recipe": config.recipe,
        "store": made.get("store"),
        "clips": made.get("clips"),
        "videos": made.get("videos"),
        "clusters": len(card.categories) if card and card.categories else None,
        "names": len(set(card.categories)) if card and card.named else None,
        "seed": config.seed,
        "initialised with": made.get("start"),
        "passes": len([line for line in metrics if "seconds" in line]) or None,
        "time in passes": _duration(seconds) if seconds else None,
        "ended (UTC)": _date(metrics[-1]["time"]) if metrics and "time" in metrics[-1] else None,
        **{name: made.get(name) for name in ("dsol", "torch", "python")},
    }
    measured = {SPOKEN.get(name, name): value for name, value in (card.metrics if card else {}).items()}
    return {name: value for name, value in {**found, **measured}.items() if value is not None}


def _duration(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{left} s"


def _date(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M")


def again(run: Path, config: Config, card: ModelCard | None, data: Mapping[str, Any], protocol: str | None) -> str:
    """The commands that repeat a run, and the options in which it differs from its recipe.

    Args:
        run: its folder.
        config, card, data: what it was trained with, its model's card if there is one, and `Run.data`.
        protocol: of the frames that the report shows, if it shows any.
    """
    lines = "\n".join(shlex.join(command) for command in _commands(run, config, card, data, protocol))
    told = f'<pre class="shell"><code>{html.escape(lines)}</code></pre>'
    if not data.get("store_path"):
        told += '<p class="note">STORE: this run did not record where its store lies.</p>'
    return section("Run it again", told + _options(config))


def _commands(
    run: Path, config: Config, card: ModelCard | None, data: Mapping[str, Any], protocol: str | None
) -> list[list[str]]:
    new, store = f"{run}-again", str(data.get("store_path") or "STORE")
    train = ["dsol", "train", store, new, "--recipe", str(run / "config.yaml")]
    train += ["--scenes", str(data["scenes"])] if data.get("scenes") else []
    train += ["--start", str(data["start"])] if data.get("start") else []
    train += [] if (run / "model.safetensors").is_file() or config.system != "dsol" else ["--stage", "one"]
    found = [train]
    found += [["dsol", "name", new, store]] if card and card.named else []
    found += [["dsol", "evaluate", new, store, "--protocol", protocol]] if protocol else []
    return [*found, ["dsol", "report", new]]


def _options(config: Config) -> str:
    """A table of the options that differ from the recipe's, and all of them to unfold."""
    everything = flat(config.to_dict())
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{_value(now)}</td><td>{_value(then)}</td></tr>"
        for name, (now, then) in differences(config, _recipe(config), ["recipe"]).items()
    )
    told = f'<p class="note">All options are those of the recipe {words(config.recipe)}.</p>'
    if rows:
        head = f"<thead><tr><th>Option</th><th>this run</th><th>recipe {words(config.recipe)}</th></tr></thead>"
        told = f'<div class="wide"><table>{head}<tbody>{rows}</tbody></table></div>'
    lines = "\n".join(f"{name}: {value}" for name, value in everything.items())
    whole = f"<details><summary>All {len(everything)} options</summary><pre>{html.escape(lines)}</pre></details>"
    return told + whole


def _recipe(config: Config) -> Config:
    """The run's recipe; `best` where it was a file that is no longer there."""
    try:
        return load_recipe(config.recipe)
    except DsolError:
        return load_recipe("best")


def _value(value: object) -> str:
    return html.escape("–" if value is None else str(value))


def curves_of(metrics: Iterable[Mapping]) -> dict[str, dict[str, list[float]]]:
    """The curves of metrics.jsonl: stage and kind of pass -> name of a figure -> its values, pass by pass.

    Example:
        >>> curves_of([{"stage": "one", "kind": "localize", "step": 0, "loss": 0.7, "seconds": 2.0}])
        {'Stage one: localisation': {'loss': [0.7]}}
    """
    found: dict[str, dict[str, list[float]]] = {}
    for line in metrics:
        stage, kind = STAGES.get(line["stage"], str(line["stage"])), str(line.get("kind", ""))
        for name, value in line.items():
            if isinstance(value, float) and name not in COUNTED:
                shown = "clusters" if name == "nmi" else SPOKEN.get(kind, kind)
                chart = f"{stage}: {shown}" if kind != line["stage"] else stage
                found.setdefault(chart, {}).setdefault(SPOKEN.get(name, name), []).append(value)
    return found


def metrics_of(run: Run) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl that are of a stage."""
    return [line for line in run.metrics() if isinstance(line, dict) and "stage" in line]
