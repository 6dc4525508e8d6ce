"""The curve of quality against latent size, of a search and of one model beside PCA."""

import math

import pytest

from narrows.report import DARK, figure_png
from narrows.report.quality import LEAST, quality

SEARCH = [
    {"latent_dim": size, "r2": 1 - own, "pca_r2": 1 - linear}
    for size, own, linear in ((8, 0.1, 0.3), (2, 0.5, 0.6), (32, 0.05, 0.02), (33, 0.04, 1e-12))
]


def lines(figure):
    return {
        line.get_label(): (list(line.get_xdata()), pytest.approx(list(line.get_ydata())))
        for line in figure.axes[0].lines
        if not line.get_label().startswith("_")
    }


def ticks(figure):
    return [text.get_text() for text in figure.axes[0].get_xticklabels()]


def test_a_search_shows_what_each_size_loses():
    assert lines(quality(SEARCH)) == {
        "autoencoder": ([2, 8, 32, 33], [0.5, 0.1, 0.05, 0.04]),
        "PCA": ([2, 8, 32, 33], [0.6, 0.3, 0.02, LEAST]),
    }


def test_sizes_are_written_where_there_is_room_the_chosen_one_first():
    assert set(ticks(quality(SEARCH))) == {"2", "8", "33"}
    figure = quality(SEARCH, chosen=32, ink=DARK)
    assert set(ticks(figure)) == {"2", "8", "32"}
    assert [text.get_text() for text in figure.axes[0].texts] == ["chosen"]
    assert not quality(SEARCH, chosen=5).axes[0].texts, "no size of the curve"


def test_one_model_stands_beside_the_curve_of_pca():
    points = [{"latent_dim": 4, "r2": 0.8}]
    points += [{"latent_dim": size, "pca_r2": 1 - lost} for size, lost in ((2, 0.6), (4, 0.5), (16, 1e-5))]
    figure = quality(points)
    assert lines(figure) == {"this model": ([4], [0.2]), "PCA": ([2, 4, 16], [0.6, 0.5, 1e-5])}
    low, high = figure.axes[0].get_ylim()
    assert 0.02 < low < 0.2 and 0.6 < high < 1, "what PCA loses with nearly all does not flatten the rest"
    assert 4 < figure.axes[0].get_xlim()[1] < 16


@pytest.mark.parametrize(
    "curve",
    [
        [],
        [{"latent_dim": 3, "r2": math.nan, "pca_r2": math.nan}],
        [{"latent_dim": 3, "r2": -4.0, "pca_r2": 0.0}],
        [{"latent_dim": 3, "r2": 1.0, "pca_r2": 1.0}],
        [{"latent_dim": 3, "pca_r2": 0.5}, {"latent_dim": 4, "r2": math.nan, "pca_r2": 1.0}],
    ],
    ids=repr,
)
def test_odd_curves_are_drawn(curve):
    assert figure_png(quality(curve)).startswith(b"\x89PNG")
