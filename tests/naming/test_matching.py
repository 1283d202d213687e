"""Clusters are matched at least as well as by trying everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsol.errors import DsolError
from dsol.evaluation import cluster_table, match_clusters, merge_clusters
from dsol.model.maps import Maps
from tests.oracles.evaluation import best_assignment


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_no_assignment_that_serves_every_category_has_a_larger_sum(categories, clusters, seed):
    table = np.random.default_rng(seed).integers(0, 6, (categories, clusters))
    found = match_clusters(table)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12)
    assert share[found, np.arange(clusters)].sum() == pytest.approx(best_assignment(table))
    assert len(set(found.tolist())) == min(categories, clusters)


@pytest.mark.parametrize(("categories", "clusters"), [(11, 11), (11, 15), (11, 30), (11, 7)])
def test_no_random_assignment_of_many_beats_the_match(categories, clusters):
    rng = np.random.default_rng(clusters)
    table = rng.poisson(3, (categories, clusters)) + 30 * np.eye(categories, clusters, dtype=int)
    share, columns = table / table.sum(axis=1, keepdims=True), np.arange(clusters)
    found = match_clusters(table)
    assert len(set(found.tolist())) == min(categories, clusters)
    many, served = 20_000, min(categories, clusters)
    order = rng.permuted(np.tile(np.arange(max(categories, clusters)), (many, 1)), axis=1)
    if clusters < categories:
        tried = order[:, :clusters]
    else:  # one cluster each for a start, the rest anywhere
        tried = rng.integers(0, categories, (many, clusters))
        np.put_along_axis(tried, order[:, :served], np.arange(served)[None], axis=1)
    assert share[found, columns].sum() >= share[tried, columns].sum(axis=1).max()


def test_fewer_clusters_than_categories_have_a_category_each_and_leave_the_weakest_out():
    table = np.array([[9, 1], [5, 5], [1, 9]])
    assert match_clusters(table).tolist() == [0, 2]


def test_rows_are_normalised_so_that_frequent_categories_do_not_take_all_clusters():
    assert match_clusters(np.array([[900, 100], [9, 1], [0, 0]])).tolist() != [0, 0]
    assert match_clusters(np.array([[60, 40], [9, 1]])).tolist() == [1, 0]


def test_the_table_counts_categories_in_clusters():
    assert cluster_table(np.array([0, 0, 1]), np.array([2, 2, 0]), 2, 3).tolist() == [[0, 0, 2], [1, 0, 0]]


def test_maps_of_one_categorys_clusters_are_added():
    maps = np.arange(6, dtype=np.float32).reshape(1, 3, 1, 2)
    before = Maps(
        ("a",), np.ones((1, 1, 2)), maps, np.array([[0.1, 0.7, 0.3]]), ("cluster 0", "cluster 1", "cluster 2")
    )
    after = merge_clusters(before, np.array([1, 0, 1]), ("cello", "tuba", "flute"))
    assert after.maps[0, :, 0].tolist() == [[2, 3], [4, 6], [0, 0]]
    assert after.score.tolist() == [[0.7, 0.3, 0.0]]
    assert after.categories == ("cello", "tuba", "flute")
    assert after.area is before.area


def test_maps_of_another_number_of_clusters_are_refused():
    with pytest.raises(DsolError, match="hold 2 clusters, 3 are matched"):
        merge_clusters(Maps(("a",), np.ones((1, 1, 1)), np.ones((1, 2, 1, 1))), np.array([0, 1, 0]), ("a", "b"))
