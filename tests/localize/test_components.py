"""Connected parts, their maxima and their boxes are scipy's."""

import numpy as np
import pytest
from scipy import ndimage

from dsol.localize.components import box_in, connected, largest_in

NOISE = np.random.default_rng(0)


def _masks():
    for _ in range(60):
        height, width = NOISE.integers(1, 30, 2)
        yield NOISE.random((height, width)) < NOISE.random()


@pytest.mark.parametrize("mask", [np.zeros((3, 4), bool), np.ones((3, 4), bool), np.eye(5, dtype=bool), *_masks()])
def test_they_are_those_of_scipy(mask):
    wanted, count = ndimage.label(mask)
    found = connected(mask)
    np.testing.assert_array_equal(found, wanted)
    values = NOISE.normal(size=mask.shape)
    np.testing.assert_array_equal(largest_in(values, found), ndimage.maximum(values, wanted, np.arange(1, count + 1)))
    for number, (rows, columns) in enumerate(ndimage.find_objects(wanted), 1):
        assert box_in(found, number) == (columns.start, rows.start, columns.stop, rows.stop)
