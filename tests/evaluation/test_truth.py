"""Boxes become the pixels that the released scripts give them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dsol.data.boxes import Box, Boxes, Frame
from dsol.evaluation.truth import areas, disjoint, overlaps, pixels, truth_of, voted
from tests.evaluation.scenes import boxes_of
from tests.oracles.evaluation import painted

EDGES = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted)


def test_a_box_covers_the_pixels_that_integers_cut_off():
    assert pixels(np.array([[0.1, 0.2, 0.5, 0.25]]), 224).tolist() == [[44, 100, 22, 134]]


def test_a_box_that_leaves_the_frame_is_cut_to_it():
    assert pixels(np.array([[0.9, 0.0, 0.2, 1.0]]), 10).tolist() == [[0, 10, 9, 10]]


@given(st.lists(st.tuples(EDGES, EDGES), min_size=1, max_size=5))
def test_disjoint_rectangles_cover_the_union_once(edges):
    rects = [(*rows, *columns) for rows, columns in edges]
    once, union = np.zeros((12, 12), dtype=int), np.zeros((12, 12), dtype=bool)
    for top, bottom, left, right in disjoint(rects):
        once[top:bottom, left:right] += 1
    for top, bottom, left, right in rects:
        union[top:bottom, left:right] = True
    assert (once == union).all()


@given(st.lists(st.tuples(EDGES, EDGES), min_size=1, max_size=4))
def test_pieces_count_the_rectangles_that_cover_them(edges):
    rects = [(*rows, *columns) for rows, columns in edges]
    found, expected = np.zeros((2, 12, 12), dtype=int)
    for top, bottom, left, right, votes in voted(rects):
        found[top:bottom, left:right] += votes
    for top, bottom, left, right in rects:
        expected[top:bottom, left:right] += 1
    assert (found == expected).all()


def test_a_pixel_that_one_annotator_saw_counts_half_and_at_most_one_is_counted():
    whole, left = Box("a", (0, 0, 1, 1)), Box("a", (0, 0, 0.5, 1))
    frames = (Frame("a", 0.0, (whole,)), Frame("b", 0.0, (whole, left)), Frame("c", 0.0, (whole,) * 3))
    for votes, areas_expected in ((True, [50, 75, 100]), (False, [100, 100, 100])):
        truth = truth_of(Boxes(("a",), frames, votes), size=10, united=True, consensus=True)
        assert truth.object_area.tolist() == areas_expected
    assert truth_of(Boxes(("a",), frames, True), size=10, united=True).object_area.tolist() == [100, 100, 100]


@given(EDGES, EDGES, EDGES, EDGES)
def test_overlaps_are_those_of_painted_rectangles(a, b, c, d):
    first, second = np.zeros((12, 12), dtype=bool), np.zeros((12, 12), dtype=bool)
    first[slice(*a), slice(*b)] = second[slice(*c), slice(*d)] = True
    one, other = np.array([[*a, *b]]), np.array([*c, *d])
    assert overlaps(one, other)[0] == (first & second).sum()
    assert areas(one)[0] == first.sum()


def test_the_boxes_of_one_category_are_one_object():
    for seed in range(5):
        boxes = boxes_of(np.random.default_rng(seed))
        truth = truth_of(boxes, size=30)
        frames = [f for f in boxes if f.boxes]
        expected = [
            painted([b.xywh for b in f.boxes if b.sounding and b.category == c], 30)
            for f in frames for c in boxes.categories
            if any(b.sounding and b.category == c for b in f.boxes)
        ]  # fmt: skip
        assert [truth.mask(n).tolist() for n in range(len(truth.object_frame))] == [m.tolist() for m in expected]
        assert truth.object_area.tolist() == [m.sum() for m in expected]


def test_in_single_source_frames_everything_that_sounds_is_one_object():
    frame = Frame("a", 0.0, (Box("b", (0, 0, 0.5, 1)), Box("a", (0.5, 0, 0.5, 1)), Box("a", (0, 0, 1, 1), False)))
    truth = truth_of(Boxes(("a", "b"), (frame,)), size=10, united=True)
    assert truth.object_area.tolist() == [100]
    assert truth.box_sounding.tolist() == [True, True, False]


def test_a_box_smaller_than_a_pixel_still_has_a_place_to_look_at():
    truth = truth_of(Boxes(("a",), (Frame("a", 0.0, (Box("a", (0.99, 0.5, 0.001, 0.001)),)),)), size=10)
    assert truth.object_area.tolist() == [0]
    assert truth.box_rect.tolist() == [[5, 6, 9, 10]]
