"""A filled table as text, Markdown, CSV and LaTeX."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace

from dsol.evaluation.result import SPOKEN
from dsol.tables.filled import Block, Figure, Filled, Line

NONE = "–"
SUFFIXES = {".txt": "text", ".md": "markdown", ".csv": "csv", ".tex": "latex"}
TEX = {"%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#", "–": "--", "±": r"$\pm$", "λ": r"$\lambda$"}
COLUMNS = ("table", "data", "protocol", "kind", "row", "metric", "ours", "low", "high", "spread", "seeds", "paper")


def as_text(filled: Filled) -> str:
    """For a terminal."""
    parts = [f"Table {filled.table.number}. {filled.table.says}"]
    for block in filled.blocks:
        head, *rows = _cells(filled, block)
        marks = ["", *("" if row is None else "-" for row in rows)]
        body = _aligned([head, *(row or [""] * len(head) for row in rows)], len(filled.table.heads))
        rule = "-" * max(map(len, body))
        lines = [line if mark or n == 0 else rule for n, (line, mark) in enumerate(zip(body, marks, strict=True))]
        parts += ["", _title(block), rule, lines[0], rule, *lines[1:]]
    return "\n".join([*parts, "", *filled.notes])


def as_markdown(filled: Filled) -> str:
    """A heading and a table for each data set."""
    parts = [f"**Table {filled.table.number}.** {filled.table.says}"]
    heads = len(filled.table.heads)
    for block in filled.blocks:
        head, *rows = _cells(filled, block)
        rule = [":--"] * heads + ["--:"] * (len(head) - heads)
        found = [head, rule, *(row for row in rows if row is not None)]
        parts += ["", f"*{_title(block)}*", "", *(f"| {' | '.join(row)} |" for row in found)]
    return "\n".join([*parts, "", *(f"{note}  " for note in filled.notes)])


def as_csv(filled: Filled) -> str:
    """One line a figure, in percent; empty where there is none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for block in filled.blocks:
        for line in block.lines:
            row = ", ".join(filter(None, line.head))
            for metric, figure in zip(block.metrics, line.figures, strict=True):
                numbers = [figure.ours, figure.low, figure.high, figure.spread]
                texts = ["" if number is None else f"{number:.4f}" for number in numbers]
                paper = "" if figure.paper is None else f"{figure.paper:g}"
                writer.writerow([filled.table.number, block.data.name, block.data.protocol, line.kind, row, metric,
                                 *texts, line.seeds, paper])  # fmt: skip
    return out.getvalue().rstrip("\n")


def as_latex(filled: Filled) -> str:
    """A `table*` that wants the package booktabs."""
    heads = len(filled.table.heads)
    widest = max(len(_cells(filled, block)[0] or ()) for block in filled.blocks)
    columns = "l" * heads + "r" * (widest - heads)
    caption = _tex(" ".join([f"{filled.table.says}.", *filled.notes]))
    lines = [r"\begin{table*}", r"\centering\small", rf"\caption{{{caption}}}", rf"\label{{tab:{filled.table.number}}}",
             rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]  # fmt: skip
    for n, block in enumerate(filled.blocks):
        head, *rows = _cells(filled, block, _small)
        title = rf"\multicolumn{{{widest}}}{{l}}{{\textbf{{{_tex(_title(block))}}}}} \\"
        lines += [r"\midrule"] * (n > 0) + [title, _tex_row(head), r"\midrule", *map(_tex_row, rows)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table*}"])


WRITERS: dict[str, Callable[[Filled], str]] = {
    "text": as_text, "markdown": as_markdown, "csv": as_csv, "latex": as_latex,
}  # fmt: skip


def _title(block: Block) -> str:
    scored = f"; ours on {block.scored}" if block.scored else ""
    return f"{block.data.name}, protocol {block.data.protocol}{scored}"


def _cells(filled: Filled, block: Block, show: Callable[[Figure], str] | None = None) -> list[list[str] | None]:
    """Head and rows as texts; None where a rule parts rows from floors."""
    with_paper = [any(line.figures[n].paper is not None for line in block.lines) for n in range(len(block.metrics))]
    head = list(filled.table.heads)
    for metric, paper in zip(block.metrics, with_paper, strict=True):
        head += [SPOKEN[metric], *["paper"] * paper]
    rows: list[list[str] | None] = [head]
    for n, line in enumerate(block.lines):
        if n and line.kind != block.lines[n - 1].kind:
            rows.append(None)
        rows.append(_row(line, with_paper, show or _figure))
    return rows


def _row(line: Line, with_paper: Sequence[bool], show: Callable[[Figure], str]) -> list[str]:
    row = list(line.head)
    for figure, paper in zip(line.figures, with_paper, strict=True):
        row.append(show(figure))
        if paper:
            row.append("" if line.kind == "floor" else NONE if figure.paper is None else f"{figure.paper:.1f}")
    return row


def _figure(figure: Figure) -> str:
    """
    Example:
        >>> _figure(Figure(41.26, 35.1, 47.0, 0.82))
        '41.3 ± 0.8 [35.1, 47.0]'
    """
    if figure.ours is None:
        return NONE
    spread = "" if figure.spread is None else f" ± {figure.spread:.1f}"
    interval = "" if figure.low is None else f" [{figure.low:.1f}, {figure.high:.1f}]"
    return f"{figure.ours:.1f}{spread}{interval}"


def _small(figure: Figure) -> str:
    """The same with a small interval, in LaTeX."""
    text = _figure(replace(figure, low=None, high=None))
    return text if figure.low is None else rf"{text} {{\scriptsize[{figure.low:.1f}, {figure.high:.1f}]}}"


def _tex_row(row: list[str] | None) -> str:
    return r"\midrule" if row is None else " & ".join(map(_tex, row)) + r" \\"


def _tex(text: str) -> str:
    """
    Example:
        >>> print(_tex("95 % of a_b – λ"))
        95\\,\\% of a\\_b -- $\\lambda$
    """
    return text.translate(str.maketrans(TEX)).replace(r" \%", r"\,\%")


def _aligned(rows: list[list[str]], heads: int) -> list[str]:
    """Columns of equal width: texts to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(c.ljust(w) if n < heads else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
