"""`dsol report`: one page of a run, with everything that it shows inside.

config.yaml, model card, metrics.jsonl ─▶ what was run, how to run it again, curves
evaluation/*.json                      ─▶ figures beside their baselines
model, store ─▶ dictionary with sounds, confusion of clusters, best and worst frames
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dsol.config import saved_config
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.files import read_json
from dsol.model.file import load_card
from dsol.model.system import ClusteringSystem, load_system
from dsol.naming.naming import assign_clips
from dsol.page import write_page
from dsol.progress import say
from dsol.report.clusters import confusion, dictionary, some_clips
from dsol.report.frames import best_and_worst, usual_protocol
from dsol.report.history import again, curves_of, facts_of, metrics_of
from dsol.report.sections import charts, evaluation_table, facts_table, note, section
from dsol.training.run import Run

MODELS = ("model.safetensors", "stage_one.safetensors")  # of a run, the better first
PAGE = "report.html"


def report(
    run: str | Path,
    store: str | Path | None = None,
    test: str | Path | None = None,
    out: str | Path | None = None,
    evaluations: Sequence[str | Path] = (),
    protocol: str | None = None,
) -> Path:
    """Write a page of a run: `dsol report`.

    Args:
        run: a run folder, finished or not.
        store: the clips that it was trained on; where None, those that the run recorded. Without them there are
            neither clusters nor frames on the page.
        test: store with boxes for the best and worst frames; `store` where None.
        out: the .html to write, whole or not at all; RUN/report.html where None.
        evaluations: what `dsol evaluate --json` wrote; beside them those in RUN/evaluation are shown.
        protocol: by which frames are scored; the one that fits the annotations where None.

    Raises:
        DsolError: no run there, or what was given cannot be read.

    Example:
        >>> report("runs/music", test="music_test")                             # doctest: +SKIP
        PosixPath('runs/music/report.html')
    """
    run = Path(run)
    config = saved_config(run)
    if config is None:
        raise DsolError(run, "holds no run", "give the folder that dsol train wrote")
    file = next((run / name for name in MODELS if (run / name).is_file()), None)
    folder, card = Run(run), load_card(file) if file else None
    figures = [*_evaluations(evaluations), *_evaluations(sorted((run / "evaluation").glob("*.json")), ours=True)]
    clips = _store(store, folder.data()) if file else None
    tested = Store.open(test) if test and file else clips
    protocol = protocol or (usual_protocol(tested) if tested is not None else None)
    parts = [
        facts_table(facts_of(config, card, metrics_of(folder))),
        *(evaluation_table(each) for each in figures),
        _frames(file, tested, protocol),
        _clusters(file, clips),
        charts(curves_of(metrics_of(folder))),
        again(run, config, card, folder.data() | ({"store_path": clips.path.resolve()} if clips else {}), protocol),
    ]
    out = Path(out) if out else run / PAGE
    write_page(out, f"Run {run.resolve().name}", "\n".join(parts), STYLE)
    say(f"Wrote {out}, {out.stat().st_size / 1e6:.1f} MB")
    return out


def _evaluations(files: Iterable[str | Path], ours: bool = False) -> list[Mapping[str, Any]]:
    """What `dsol evaluate --json` wrote; `ours`: others are passed over."""
    found = []
    for file in files:
        read = read_json(file, "give what dsol evaluate --json wrote")
        if isinstance(read, dict) and isinstance(read.get("metrics"), dict) and "protocol" in read:
            found.append({"title": f"Result, protocol “{read['protocol']}”, {Path(file).stem}", **read})
        elif not ours:
            raise DsolError(file, "holds no figures", "give what dsol evaluate --json wrote")
    return found


def _store(given: str | Path | None, data: Mapping[str, Any]) -> Store | None:
    """The store that is given, or else that of the run, where it still lies there."""
    if given is not None:
        return Store.open(given)
    recorded = data.get("store_path")
    try:
        return Store.open(recorded) if recorded else None
    except DsolError as error:
        say(f"{error}; give it with --store")
        return None


def _frames(file: Path | None, tested: Store | None, protocol: str | None) -> str:
    title = "Best and worst frames"
    if file is None or tested is None:
        return ""
    if protocol is None:
        return section(title, note("No frame of the store is annotated. Give one that has boxes with --test."))
    try:
        return best_and_worst(file, tested, protocol)
    except DsolError as error:
        return section(title, note(f"Not shown: {error}"))


def _clusters(file: Path | None, clips: Store | None) -> str:
    if file is None or clips is None:
        why = "the run has no model yet" if file is None else "its store is not at hand: give it with --store"
        return section("Dictionary", note(f"Not shown: {why}."))
    system = load_system(file, sources=1)
    if not isinstance(system, ClusteringSystem) or not system.card.categories:
        return section("Dictionary", note("The system is class-agnostic: it has no clusters."))
    some = some_clips(clips.training())
    assigned = assign_clips(system, some)
    return dictionary(system, some, assigned) + confusion(system, some, assigned)


STYLE = """
h3{display:flex;align-items:baseline;gap:8px;font-size:1rem;margin:18px 0 10px}
h3 i{width:12px;height:12px;border-radius:50%;flex:none}
h3 small{color:var(--quiet);font-weight:400;margin-left:auto}
.cluster{border-top:1px solid var(--line);padding-bottom:16px}
.cluster img{display:block;max-width:100%;border-radius:10px}
.cluster audio{display:block;width:100%;margin-top:12px}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,280px),1fr));gap:16px}
.tiles img{display:block;width:100%;height:auto;border-radius:8px}
.tiles figcaption{color:var(--quiet);font-size:.85rem;margin-top:6px;overflow-wrap:anywhere}
table.confusion{width:auto}
.confusion td{text-align:center;padding:4px;min-width:34px;border:1px solid var(--line);
background:color-mix(in srgb,var(--accent) calc(var(--share)*70%),transparent)}
.confusion tbody th,.confusion tr>th:first-child{padding:4px 12px 4px 0}
.confusion td:last-child{padding:4px}
.turned{vertical-align:bottom;padding:4px}
.turned span{writing-mode:vertical-rl;transform:rotate(180deg)}
pre{overflow-x:auto;font-size:.85rem;margin:0 0 14px}
.shell{background:var(--page);border:1px solid var(--line);border-radius:8px;padding:12px 14px}
details summary{cursor:pointer;margin:14px 0 8px}
"""
