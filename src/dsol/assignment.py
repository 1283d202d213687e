"""The best assignment of rows to columns, in NumPy: the package must not need scipy's hundred megabytes to localise."""

import numpy as np


def best_assignment(gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row to at most one column and the other way round, so that the sum of gains is largest.

    Args:
        gain: (R, C), finite.

    Returns:
        The rows, ascending, and the column of each: min(R, C) pairs.

    Source:
        D. F. Crouse, "On implementing 2D rectangular assignment algorithms", 2016: shortest augmenting paths.

    Example:
        >>> [part.tolist() for part in best_assignment(np.array([[4.0, 3.0], [4.0, 1.0], [0.0, 0.0]]))]
        [[0, 1], [1, 0]]
    """
    gain = np.asarray(gain, np.float64)
    if gain.shape[0] > gain.shape[1]:
        columns, rows = best_assignment(gain.T)
        order = np.argsort(rows)
        return rows[order], columns[order]
    if not gain.size:
        return np.zeros(0, int), np.zeros(0, int)
    return np.arange(len(gain)), _columns(gain.max() - gain)


def _columns(cost: np.ndarray) -> np.ndarray:
    """The column of each row in the cheapest assignment of (R, C) costs, R ≤ C."""
    count, columns = cost.shape
    of_row, of_column = np.full(count, -1), np.full(columns, -1)
    row_price, column_price = np.zeros(count), np.zeros(columns)
    for start in range(count):
        shortest, before = np.full(columns, np.inf), np.full(columns, -1)
        done, rows, row, so_far = np.zeros(columns, bool), [], start, 0.0
        while row >= 0:
            rows.append(row)
            length = so_far + cost[row] - row_price[row] - column_price
            nearer = ~done & (length < shortest)
            shortest[nearer], before[nearer] = length[nearer], row
            open_ = np.where(done, np.inf, shortest)
            so_far = open_.min()
            nearest = np.flatnonzero(open_ == so_far)
            free = nearest[of_column[nearest] < 0]
            column = free[0] if len(free) else nearest[0]
            done[column], row = True, of_column[column]
        row_price[start] += so_far
        others = np.array(rows[1:], int)
        row_price[others] += so_far - shortest[of_row[others]]
        column_price[done] -= so_far - shortest[done]
        row = -1
        while row != start:  # swap along the path, back to where it began
            row = before[column]
            of_column[column], of_row[row], column = row, column, of_row[row]
    return of_row
