"""The parts of a report: facts, tables of figures, curves and pictures, as HTML that needs no network.

`write_report` puts them together for the demo, `dsol.report.run` for any run.
"""

import base64
import html
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from dsol.errors import DsolError, explained
from dsol.evaluation.result import SPOKEN
from dsol.page import write_page

MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
CHART = (520, 220)  # width and height in the units of the drawing
MARGIN = (66, 14, 14, 28)  # left, top, right, bottom


def write_report(
    path: str | Path,
    *,
    title: str,
    curves: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
    evaluations: Sequence[Mapping] = (),
    pictures: Iterable[tuple[str, str | Path | bytes]] = (),
    video: str | Path | None = None,
    facts: Mapping[str, object] | None = None,
) -> Path:
    """Write one HTML file that holds everything it shows.

    Args:
        path: the .html to write, whole or not at all.
        title: its heading.
        curves: stage -> name of a loss -> its value an epoch; a chart a stage.
        evaluations: what `dsol evaluate --json` wrote, each a table: figures with intervals and baselines.
        pictures: (caption, PNG or JPEG as a path or bytes).
        video: an .mp4 to play in the page.
        facts: name -> value, shown on top: data, model, time taken.

    Raises:
        DsolError: a picture or the video cannot be read.

    Example:
        >>> write_report("report.html", title="Demo", facts={"clips": 240})     # doctest: +SKIP
        PosixPath('report.html')
    """
    parts = [
        facts_table(facts or {}),
        film(video) if video else "",
        "".join(evaluation_table(e) for e in evaluations),
        charts(curves or {}),
        section("Pictures", "".join(picture(caption, source) for caption, source in pictures), "pictures"),
    ]
    return write_page(path, title, "\n".join(parts))


def section(title: str, content: str, kind: str = "") -> str:
    """A card with a heading; nothing where there is no content. `kind` is a class of the style."""
    if not content:
        return ""
    return f'<section><h2>{html.escape(title)}</h2><div class="{kind}">{content}</div></section>'


def note(told: str) -> str:
    """A line in quiet letters."""
    return f'<p class="note">{html.escape(told)}</p>'


def facts_table(facts: Mapping[str, object]) -> str:
    """Names and values side by side."""
    rows = (f"<div><dt>{words(name)}</dt><dd>{_value(value)}</dd></div>" for name, value in facts.items())
    return f'<dl class="facts">{"".join(rows)}</dl>' if facts else ""


def words(name: object) -> str:
    """A name as HTML text, without underscores."""
    return html.escape(str(name).replace("_", " "))


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else html.escape(str(value))


def film(video: str | Path) -> str:
    """A player with an .mp4 in it."""
    player = f'<video controls loop preload="auto" src="{inside("video/mp4", _read(video))}"></video>'
    return section("What sounds, and where", player, "film")


def picture(caption: str, source: str | Path | bytes) -> str:
    """A PNG or JPEG, as a path or bytes, with its caption."""
    content = source if isinstance(source, bytes) else _read(source)
    kind = next((kind for start, kind in MAGIC.items() if content.startswith(start)), None)
    if kind is None:
        raise DsolError(caption, "is neither PNG nor JPEG", "give one of these")
    caption = html.escape(caption)
    image = f'<img src="{inside(kind, content)}" alt="{caption}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _read(path: str | Path) -> bytes:
    with explained(path, "cannot be read: {.strerror}", "leave it out of the report", OSError):
        return Path(path).read_bytes()


def inside(kind: str, content: bytes) -> str:
    """The address of something that lies within the page, of a kind like "image/jpeg"."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def jpeg(image: Image.Image) -> bytes:
    """A picture as JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


def evaluation_table(evaluation: Mapping) -> str:
    """One table: a row a metric; its figure, its interval as a number and as a bar, and every baseline."""
    metrics, intervals = evaluation["metrics"], evaluation.get("ci95", {})
    floors = {name: baseline for name, baseline in evaluation.get("floors", {}).items() if baseline}
    ahead = {name: edges or {} for name, edges in evaluation.get("ahead", {}).items()}
    head = "".join(f'<th class="number">{words(SPOKEN.get(name, name))}</th>' for name in floors)
    known = {name: value for name, value in metrics.items() if _known(value)}
    rows = "".join(_row(name, value, intervals.get(name), floors, ahead) for name, value in known.items())
    table = (
        '<table><thead><tr><th>Percent</th><th class="number">Result</th><th class="number">95 % interval</th>'
        f"{head}<th></th></tr></thead><tbody>{rows}</tbody></table>"
    )
    note = f"{evaluation['frames']:,} frames of {evaluation['videos']:,} videos. "
    note += "Intervals: bootstrap over videos. " if intervals else ""
    note += "Baselines: maps without a model, and mismatched sound; the tick marks the best. " if floors else ""
    note += "Baselines in bold are not clearly beaten (95 % over the same videos)." if "baseline close" in rows else ""
    title = str(evaluation.get("title") or f"Result, protocol “{evaluation['protocol']}”")
    return section(title, f'<div class="wide">{table}</div><p class="note">{note}</p>')


def _row(
    name: str,
    value: float,
    interval: Sequence[float] | None,
    floors: Mapping[str, Mapping],
    ahead: Mapping[str, Mapping],
) -> str:
    low, high = interval if interval is not None and all(map(_known, interval)) else (value, value)
    best = max((f[name] for f in floors.values() if _known(f.get(name))), default=None)
    between = f"{_percent(low)} – {_percent(high)}" if high > low else "–"
    cells = "".join(_baseline(baseline.get(name), ahead.get(of, {}).get(name)) for of, baseline in floors.items())
    return (
        f"<tr><th>{html.escape(SPOKEN.get(name, name))}</th>"
        f'<td class="number result">{_percent(value)}</td><td class="number">{between}</td>'
        f"{cells}<td>{_bar(value, low, high, best)}</td></tr>"
    )


def _baseline(value: float | None, ahead: Sequence[float] | None) -> str:
    """A baseline; marked where the result is not clearly ahead of it."""
    close = ahead is not None and ahead[0] <= 0
    return f'<td class="number baseline{" close" if close else ""}">{_percent(value)}</td>'


def _known(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _percent(value: object) -> str:
    return f"{100 * value:.1f}" if _known(value) else "–"  # type: ignore[operator]


def _bar(value: float, low: float, high: float, baseline: float | None) -> str:
    """0 to 100 as a bar: the result filled, its interval as a whisker, the best baseline as a tick."""
    x = [round(160 * min(max(v, 0.0), 1.0), 1) for v in (value, low, high)]
    whisker = f'<path class="whisker" d="M{x[1]} 7H{x[2]}M{x[1]} 4v6M{x[2]} 4v6"/>' if high > low else ""
    tick = ""
    if baseline is not None:
        tick = f'<path class="tick" d="M{160 * baseline:.1f} 0v14"><title>best baseline</title></path>'
    return (
        f'<svg class="bar" viewBox="-1 0 162 14"><rect class="track" width="160" y="3" height="8" rx="4"/>'
        f'<rect class="fill" width="{x[0]}" y="3" height="8" rx="4"/>'
        f"{whisker}{tick}</svg>"
    )


def charts(curves: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Stage -> name of a figure -> its values, pass by pass: a chart a stage."""
    return section("Training", "".join(_chart(stage, lines) for stage, lines in curves.items()), "charts")


def _chart(stage: str, lines: Mapping[str, Sequence[float]]) -> str:
    """The curves of one stage as SVG, and their last values as its legend."""
    lines = {name: [float(v) for v in values] for name, values in lines.items() if len(values)}
    finite = [v for values in lines.values() for v in values if math.isfinite(v)]
    if not finite:
        return ""
    ticks = _ticks(min(finite), max(finite))
    steps = max(len(values) for values in lines.values())
    drawn = "".join(_curve(values, n, ticks, steps) for n, values in enumerate(lines.values()))
    legend = "".join(
        f'<span class="c{n % 6}">{words(name)} <b>{values[-1]:.3g}</b></span>'
        for n, (name, values) in enumerate(lines.items())
    )
    return (
        f"<figure><figcaption>{words(stage)}</figcaption>"
        f'<svg class="chart" viewBox="0 0 {CHART[0]} {CHART[1]}">{_axes(ticks, steps)}{drawn}</svg>'
        f'<p class="legend">{legend}</p></figure>'
    )


def _place(step: int, value: float, ticks: Sequence[float], steps: int) -> tuple[float, float]:
    left, top, right, bottom = MARGIN
    across = step / (steps - 1) if steps > 1 else 0.5
    up = (value - ticks[0]) / (ticks[-1] - ticks[0])
    return (
        round(left + across * (CHART[0] - left - right), 1),
        round(CHART[1] - bottom - up * (CHART[1] - top - bottom), 1),
    )


def _curve(values: Sequence[float], n: int, ticks: Sequence[float], steps: int) -> str:
    points = [_place(step, v, ticks, steps) for step, v in enumerate(values) if math.isfinite(v)]
    if not points:
        return ""
    line = " ".join(f"{x},{y}" for x, y in points)
    x, y = points[-1]
    return f'<polyline class="c{n % 6}" points="{line}"/><circle class="c{n % 6}" cx="{x}" cy="{y}" r="3.5"/>'


def _axes(ticks: Sequence[float], steps: int) -> str:
    left, _, right, bottom = MARGIN
    lines = []
    for value in ticks:
        _, y = _place(0, value, ticks, steps)
        lines.append(f'<path class="grid" d="M{left} {y}H{CHART[0] - right}"/>')
        lines.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{value:g}</text>')
    for step in sorted({0, (steps - 1) // 2, steps - 1}):
        x, _ = _place(step, ticks[0], ticks, steps)
        lines.append(f'<text x="{x}" y="{CHART[1] - bottom + 18}" text-anchor="middle">{step + 1}</text>')
    return "".join(lines)


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers from below `low` to above `high`.

    Example:
        >>> _ticks(0.13, 0.71)
        [0.0, 0.2, 0.4, 0.6, 0.8]
    """
    span = max(high - low, 1e-3 * max(abs(high), 1e-3))
    step = next(s * 10.0**p for p in range(-9, 12) for s in (1, 2, 5) if span / (s * 10.0**p) <= 4)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 2)
    return [float(f"{n * step:.6g}") for n in range(first, last + 1)]
