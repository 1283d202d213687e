"""`dsol table N`: runs what is missing from a table of the paper, and prints ours beside the paper's figures.

paper.py        the paper's figures, and what each row changes
experiment.py   a folder of runs: which recipe, which stores, which runs
grid.py         trains and scores what is missing
filled.py       figures of runs ─▶ rows with intervals and baselines
writing.py      rows ─▶ text, Markdown, CSV, LaTeX
drawing.py      figures 3 and 4 for the runs of a table
"""

from collections.abc import Sequence
from pathlib import Path

from dsol.errors import DsolError
from dsol.files import write_text
from dsol.reproduce.experiment import Cell, Experiment, trainings
from dsol.reproduce.filled import Filled, external_groups, fill
from dsol.reproduce.grid import Grid
from dsol.reproduce.paper import DATA, TABLES, Table
from dsol.reproduce.writing import WRITERS

MATCHING = {"stage_two.localization_weight", "stage_two.use_matching"}  # options of passes of distribution matching

__all__ = ["TABLES", "Experiment", "Filled", "fill", "make_table", "write_table"]


def make_table(
    number: int,
    experiment: Experiment,
    rows: Sequence[int] | None = None,
    show: bool = False,
    figures: Path | None = None,
) -> tuple[Filled, list[DsolError]]:
    """Run what is missing from a table, and fill it.

    Args:
        number: 1 to 5, the paper's.
        experiment: the folder of runs.
        rows: run these rows only, counted from 1; all where None. All are filled with what is there.
        show: run nothing.
        figures: also draw figure 4 for the rows (and figure 3 for table 1) into this folder.

    Returns:
        The table, and the errors of runs that could not be finished.

    Raises:
        DsolError: no such table or row, files that cannot be read, or a recipe for which the rows have no meaning.

    Example:
        >>> experiment = Experiment.open(Path("runs"), stores={"store": Path("music")})     # doctest: +SKIP
        >>> filled, failed = make_table(3, experiment)                                      # doctest: +SKIP
    """
    if number not in TABLES:
        raise DsolError(f"table {number}", "is not in the paper", f"choose one of {', '.join(map(str, TABLES))}")
    table, grid = TABLES[number], Grid(experiment)
    _check_meaning(table, experiment)
    if not show:
        grid.run(_cells(table, experiment, _chosen(table, rows)))
        if table.compares and rows is None:
            grid.score_external(_external(table, experiment))
    filled = fill(table, experiment)
    if figures is not None:
        from dsol.reproduce.drawing import draw_table

        draw_table(table, experiment, grid, figures, show)
    return filled, grid.failed


def write_table(filled: Filled, file: Path, format: str) -> None:
    """Write a table, whole or not at all.

    Args:
        filled: from `make_table` or `fill`.
        file: where.
        format: "text", "markdown", "csv" or "latex".

    Raises:
        OSError: the file cannot be written; nothing is left beside it.
    """
    write_text(file, WRITERS[format](filled) + "\n")


def _check_meaning(table: Table, experiment: Experiment) -> None:
    """Refuse rows that could only be equal: λ, L1 and Lc belong to passes that a recipe may not have."""
    changed = {name for row in table.rows for name in row.changes}
    if changed & MATCHING and not experiment.recipe.stage_two.epochs:
        what = f"changes {', '.join(sorted(changed))}, which have no effect in recipe {experiment.recipe.recipe!r}"
        raise DsolError(f"table {table.number}", f"{what}: its stage two has no such passes (stage_two.epochs 0)",
                        "give another --runs folder and --recipe paper")  # fmt: skip


def _chosen(table: Table, rows: Sequence[int] | None) -> list[int]:
    """Indices of rows, from numbers that count from 1."""
    for row in rows or ():
        if not 1 <= row <= len(table.rows):
            raise DsolError("--rows", f"table {table.number} has no row {row}", f"choose 1 to {len(table.rows)}")
    return list(range(len(table.rows))) if rows is None else [row - 1 for row in rows]


def _cells(table: Table, experiment: Experiment, rows: Sequence[int]) -> list[tuple[Cell, list[str]]]:
    """The runs that rows need, each once, the first seed of all rows first; and the data sets to score each on."""
    found = [
        (cell, _sets(table, training), n)
        for row in rows
        for training in trainings(table)
        for n, cell in enumerate(experiment.row_cells(table.rows[row], training))
    ]
    unique = {cell.name: (cell, sets) for cell, sets, _ in sorted(found, key=lambda one: one[2])}
    return list(unique.values())


def _sets(table: Table, training: str) -> list[str]:
    return [key for key in table.metrics if DATA[key].training == training]


def _external(table: Table, experiment: Experiment) -> dict[Path, tuple[str, list[str]]]:
    """External runs with a model, and what to score them on."""
    return {
        run: (training, _sets(table, training))
        for (_, training), groups in external_groups(experiment).items()
        for group in groups
        for run in group
        if training in trainings(table)
    }
