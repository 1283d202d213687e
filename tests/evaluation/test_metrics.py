"""Figures and intervals are what their definitions say."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dsol.evaluation.bootstrap import difference_of, draws_of, draws_of_groups, interval, mean_of, ranking_of, value
from dsol.evaluation.metrics import area_under_success, frame_means, iou, nmi, success
from tests.oracles import evaluation as oracle


def test_iou_of_nothing_predicted_and_nothing_there_is_zero():
    none = np.zeros(1)
    assert iou(none, np.zeros(1, dtype=int), np.ones(1), none, none).tolist() == [0.0]


def test_the_mean_of_areas_under_success_is_the_area_under_the_mean():
    values = np.random.default_rng(0).random(50)
    assert area_under_success(values).mean() == pytest.approx(oracle.success_area(values.tolist()), abs=1e-12)


def test_a_value_on_a_threshold_reaches_it():
    assert success(np.array([0.3, 0.29999, np.nan]), 0.3).tolist()[:2] == [1.0, 0.0]
    assert area_under_success(np.array([0.0]))[0] == pytest.approx(0.025)
    assert area_under_success(np.array([1.0]))[0] == pytest.approx(1.0)


def test_frames_without_objects_have_no_mean():
    found = frame_means(np.array([0.2, 0.4, 0.9]), np.array([0, 0, 2]), 3)
    assert found[0] == pytest.approx(0.3)
    assert np.isnan(found[1])


@pytest.mark.parametrize("at_once", [1, 7, 4096])  # a score that many have, or all, goes on from piece to piece
def test_a_ranking_is_scikit_learns_auroc_with_ties(monkeypatch, at_once):
    monkeypatch.setattr("dsol.evaluation.bootstrap.AT_ONCE", at_once)
    rng = np.random.default_rng(1)
    scores, labels, group = rng.integers(0, 6, 60) / 5, rng.random(60) < 0.6, rng.integers(0, 9, 60)
    assert value(ranking_of(scores, labels, group, 9), 9) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert value(ranking_of(0 * scores, labels, group, 9), 9) == 0.5


def test_many_draws_are_kept_small_and_give_the_same_interval(monkeypatch):
    video, values = np.arange(200) % 7, np.random.default_rng(5).random(200)
    whole = draws_of_groups(draws_of(7, 300, 0), np.arange(7)[:, None])
    monkeypatch.setattr("dsol.evaluation.bootstrap.MOST", 0)
    small = draws_of_groups(draws_of(7, 300, 0), np.arange(7)[:, None])
    assert small.dtype == np.uint16
    assert np.array_equal(small, whole)
    assert interval(mean_of(values, video, 7), small) == pytest.approx(interval(mean_of(values, video, 7), whole))


def test_nmi_does_not_care_for_the_names_of_clusters():
    assert nmi([0, 0, 1, 1], [5, 5, 2, 2]) == pytest.approx(1.0)
    assert nmi([0, 1, 0, 1], [0, 0, 1, 1]) == pytest.approx(0.0, abs=1e-12)


def test_a_draw_of_videos_gives_the_figures_of_their_frames_put_together():
    rng = np.random.default_rng(2)
    video, scores = rng.integers(0, 5, 40), rng.integers(0, 9, 40) / 8
    labels, values = rng.random(40) < 0.5, np.where(rng.random(40) < 0.2, np.nan, rng.random(40))
    mean, ranking = mean_of(values, video, 5), ranking_of(scores, labels, video, 5)
    for draw in draws_of(5, 20, seed=3):
        rows = np.concatenate([np.tile(np.flatnonzero(video == v), int(n)) for v, n in enumerate(draw)])
        assert mean(draw[None])[0] == pytest.approx(np.nanmean(values[rows]))
        assert ranking(draw[None])[0] == pytest.approx(roc_auc_score(labels[rows], scores[rows]))


def test_intervals_enclose_the_figure_and_widen_when_videos_differ():
    rng = np.random.default_rng(4)
    video = np.repeat(np.arange(20), 10)
    alike = mean_of(rng.random(200), video, 20)
    apart = mean_of((video % 2).astype(float), video, 20)
    draws = draws_of(20, 500, seed=0)
    for figure in (alike, apart):
        low, high = interval(figure, draws)
        assert low <= value(figure, 20) <= high
    assert np.ptp(interval(apart, draws)) > 3 * np.ptp(interval(alike, draws))


def test_a_difference_is_that_of_the_same_videos_drawn_one_by_one():
    rng = np.random.default_rng(7)
    video, one = np.repeat(np.arange(12), 3), rng.random(36)
    other = one - 0.1 + 0.02 * rng.random(36)
    draws = draws_of(12, 200, seed=1)
    found = difference_of(mean_of(one, video, 12), mean_of(other, video, 12))(draws)
    for draw, difference in zip(draws, found, strict=True):
        frames = np.concatenate([np.flatnonzero(video == v) for v in np.repeat(np.arange(12), draw.astype(int))])
        assert difference == pytest.approx(one[frames].mean() - other[frames].mean())
    apart = interval(difference_of(mean_of(one, video, 12), mean_of(other, video, 12)), draws)
    assert apart[0] > 0.07
    assert np.ptp(apart) < np.ptp(interval(mean_of(one, video, 12), draws)) / 5


def test_one_video_or_no_draws_give_no_interval():
    one = mean_of(np.array([0.5, 0.7]), np.array([0, 0]), 1)
    assert interval(one, draws_of(1, 100, 0)) is None
    two = mean_of(np.array([0.5, 0.7]), np.array([0, 1]), 2)
    assert interval(two, draws_of(2, 0, 0)) is None


def test_a_group_counts_as_often_as_the_product_of_its_videos():
    draws = draws_of(5, 30, seed=6)
    members = np.array([[0, 1], [1, 4], [3, -1]])
    expected = [[d[0] * d[1], d[1] * d[4], d[3]] for d in draws]
    assert draws_of_groups(draws, members).tolist() == expected


def test_where_groups_share_videos_the_interval_is_as_wide_as_other_videos_would_make_the_figure():
    """Scenes of two of twelve videos, each as easy as its videos are: the figure of new videos varies so much."""
    pairs = np.array([(a, b) for a in range(12) for b in range(a)])
    rng, truth, widths = np.random.default_rng(8), [], []
    for world in range(200):
        ease = rng.normal(size=12)
        figure = mean_of(ease[pairs].mean(axis=1), np.arange(len(pairs)), len(pairs))
        truth.append(value(figure, len(pairs)))
        widths.append(np.ptp(interval(figure, draws_of_groups(draws_of(12, 300, world), pairs))))
    needed = np.ptp(np.quantile(truth, [0.025, 0.975]))
    assert 0.8 < np.mean(widths) / needed < 1.2
    of_scenes = mean_of(ease[pairs].mean(axis=1), np.arange(len(pairs)), len(pairs))
    assert np.ptp(interval(of_scenes, draws_of(len(pairs), 300, 0))) < 0.6 * needed
