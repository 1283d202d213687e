"""The best assignment is scipy's."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from dsol.assignment import best_assignment

NOISE = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (1, 1), (2, 5), (5, 2), (7, 7)])
@pytest.mark.parametrize("tied", [False, True])
def test_it_gains_as_much_as_that_of_scipy(shape, tied):
    for _ in range(20):
        gain = NOISE.integers(0, 3, shape).astype(float) if tied else NOISE.normal(size=shape)
        rows, columns = best_assignment(gain)
        wanted = linear_sum_assignment(gain, maximize=True)
        assert rows.tolist() == sorted(set(rows.tolist()))
        assert len(set(columns.tolist())) == len(columns) == min(shape)
        assert gain[rows, columns].sum() == pytest.approx(gain[wanted].sum())
        if not tied:
            assert columns.tolist() == wanted[1].tolist()
