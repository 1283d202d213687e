"""A filled table as text, Markdown, CSV and LaTeX."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain, groupby, islice

from dsol.evaluation.result import SPOKEN, aligned
from dsol.reproduce.filled import Block, Figure, Filled, Line

Row = list[str]
Cells = tuple[Row, *tuple[list[Row], ...]]
NONE = "–"
SUFFIXES = {".txt": "text", ".md": "markdown", ".csv": "csv", ".tex": "latex"}
TEX = {  # but \, { and }, which cells have of their own
    "$": r"\$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#",
    "–": "--", "±": r"$\pm$", "λ": r"$\lambda$",
}  # fmt: skip
COLUMNS = ("table", "data", "protocol", "kind", "row", "metric", "ours", "low", "high", "spread", "seeds", "paper")


def as_text(filled: Filled) -> str:
    """For a terminal."""
    parts = [f"Table {filled.table.number}. {filled.table.says}"]
    for block in filled.blocks:
        head, *groups = _cells(filled, block)
        lines = iter(aligned([head, *chain(*groups)], len(filled.table.heads)))
        title, first = _title(block), next(lines)
        rule = "-" * len(first)
        parts += ["", title, rule, first]
        for group in groups:
            parts += [rule, *islice(lines, len(group))]
    return "\n".join([*parts, "", *filled.notes])


def as_markdown(filled: Filled) -> str:
    """A heading and a table for each data set."""
    parts = [f"**Table {filled.table.number}.** {filled.table.says}"]
    heads = len(filled.table.heads)
    for block in filled.blocks:
        head, *groups = _cells(filled, block)
        rule = [":--"] * heads + ["--:"] * (len(head) - heads)
        parts += ["", f"*{_title(block)}*", "", *(_markdown_row(row) for row in (head, rule, *chain(*groups)))]
    return "\n".join([*parts, "", *(f"{note}  " for note in filled.notes)])


def _markdown_row(row: Row) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"


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
    """A `table*` that needs the package booktabs."""
    heads = len(filled.table.heads)
    cells = [_cells(filled, block, _small) for block in filled.blocks]
    widest = max(len(head) for head, *_ in cells)
    caption = _tex(" ".join([f"{filled.table.says}.", *filled.notes]))
    lines = [
        r"\begin{table*}",
        r"\centering\small",
        rf"\caption{{{caption}}}",
        rf"\label{{tab:{filled.table.number}}}",
        rf"\begin{{tabular}}{{{'l' * heads}{'r' * (widest - heads)}}}",
        r"\toprule",
    ]
    for block, (head, *groups) in zip(filled.blocks, cells, strict=True):
        lines += [rf"\multicolumn{{{widest}}}{{l}}{{\textbf{{{_tex(_title(block))}}}}} \\", _tex_row(head)]
        for group in groups:
            lines += [r"\midrule", *map(_tex_row, group)]
        lines.append(r"\bottomrule" if block is filled.blocks[-1] else r"\midrule")
    return "\n".join([*lines, r"\end{tabular}", r"\end{table*}"])


WRITERS: dict[str, Callable[[Filled], str]] = {
    "text": as_text, "markdown": as_markdown, "csv": as_csv, "latex": as_latex,
}  # fmt: skip


def _title(block: Block) -> str:
    scored = f"; ours on {block.scored}" if block.scored else ""
    return f"{block.data.name}, protocol {block.data.protocol}{scored}"


def _cells(filled: Filled, block: Block, show: Callable[[Figure], str] | None = None) -> Cells:
    """The head, then the rows, then the baselines."""
    with_paper = [any(line.figures[n].paper is not None for line in block.lines) for n in range(len(block.metrics))]
    head = list(filled.table.heads)
    for metric, paper in zip(block.metrics, with_paper, strict=True):
        head += [SPOKEN[metric], *["paper"] * paper]
    groups = groupby(block.lines, key=lambda line: line.kind)
    return head, *([_row(line, with_paper, show or _figure) for line in lines] for _, lines in groups)


def _row(line: Line, with_paper: Sequence[bool], show: Callable[[Figure], str]) -> Row:
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


def _tex_row(row: Row) -> str:
    return " & ".join(map(_tex, row)) + r" \\"


def _tex(text: str) -> str:
    """
    Example:
        >>> print(_tex("95 % of a_b – λ"))
        95\\,\\% of a\\_b -- $\\lambda$
    """
    return text.translate(str.maketrans(TEX)).replace(r" \%", r"\,\%")
