"""Pictures show what is in the arrays, and drawing them leaves matplotlib as it was."""

import io
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread

from narrows.report import DARK, LIGHT, curves, figure_png, image_png, latent_map, mosaic


def test_a_mosaic_puts_every_pixel_in_its_place():
    images = np.arange(3 * 64 * 80).reshape(3, 64, 80) % 251
    rgba = mosaic(images, columns=2, low=0, high=255, gap=4)
    assert rgba.shape == (64 * 2 + 4, 80 * 2 + 4, 4) and rgba.dtype == np.uint8
    for i, (top, left) in enumerate([(0, 0), (0, 84), (68, 0)]):
        tile = rgba[top : top + 64, left : left + 80]
        assert (tile[..., :3] == images[i][..., None]).all()
        assert (tile[..., 3] == 255).all()
    assert (rgba[64:68, :, 3] == 0).all() and (
        rgba[68:, 84:, 3] == 0
    ).all()  # gaps and the empty place are clear


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_mosaic_keeps_colours(channels):
    images = np.random.default_rng(0).integers(0, 256, (2, 60, 70, channels), dtype=np.uint8)
    rgba = mosaic(images, low=0, high=255, gap=0)
    wanted = images[1] if channels == 4 else np.broadcast_to(images[1], (60, 70, 3))
    assert (rgba[:, 70:, : wanted.shape[-1]] == wanted).all()


def test_a_mosaic_enlarges_small_images_and_clips():
    rgba = mosaic(np.array([[[-1.0, 0.0], [0.5, 9.0]]]), low=0, high=1)
    assert rgba.shape == (56, 56, 4)
    assert [rgba[y, x, 0] for y in (0, 55) for x in (0, 55)] == [0, 0, 128, 255]


def test_a_constant_image_with_a_hole_is_shown_all_the_same():
    assert mosaic(np.full((1, 4, 4), 3.0)).shape == (56, 56, 4)
    assert mosaic(np.array([[[np.nan, 1.0], [2.0, 3.0]]]))[0, 0].tolist() == [0, 0, 0, 255]


@pytest.mark.parametrize("shape", [(5,), (5, 8), (5, 8, 8, 2), (0, 8, 8), (1, 2, 3, 4, 5)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match=r"Images of shape .* cannot be shown: pass"):
        mosaic(np.zeros(shape))


def test_an_image_survives_its_file():
    rgba = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    back = imread(io.BytesIO(image_png(rgba)), format="png")
    assert (np.round(back * 255) == rgba).all()


def test_a_map_has_every_label_in_the_legend_and_on_the_plane():
    codes = np.random.default_rng(0).normal(size=(60, 2))
    labels = np.arange(60) % 3
    ax = latent_map(codes, labels).axes[0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1", "2"]
    assert {text.get_text() for text in ax.texts} == {"0", "1", "2"}
    for points, kind in zip(ax.collections, range(3), strict=True):
        assert np.allclose(points.get_offsets(), codes[labels == kind])
    assert len({to_hex(points.get_facecolor()[0]) for points in ax.collections}) == 3


def test_a_map_of_many_values_has_a_scale_and_one_without_labels_nothing():
    codes = np.random.default_rng(0).normal(size=(60, 2))
    assert len(latent_map(codes, np.linspace(0, 1, 60)).axes) == 2
    figure = latent_map(codes)
    assert len(figure.axes) == 1 and figure.axes[0].get_legend() is None


@pytest.mark.parametrize("shape", [(5,), (5, 3)])
def test_a_map_needs_two_columns(shape):
    with pytest.raises(ValueError, match="make no map: pass two columns"):
        latent_map(np.zeros(shape))


def rows(losses, held=None):
    return [
        {"epoch": i + 1, "loss": loss, **({} if held is None else {"val_loss": held[i]})}
        for i, loss in enumerate(losses)
    ]


def test_curves_show_the_history():
    ax = curves(rows([3.0, 2.0, 1.0], [3.5, 2.5, 2.0])).axes[0]
    training, held = ax.lines
    assert training.get_ydata().tolist() == [3.0, 2.0, 1.0] and held.get_ydata().tolist() == [3.5, 2.5, 2.0]
    assert training.get_xdata().tolist() == [1, 2, 3]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "held out"]


def test_a_steep_start_does_not_flatten_the_rest():
    ax = curves(rows([1e6, *np.linspace(2, 1, 39)])).axes[0]
    assert len(ax.lines) == 1
    low, high = ax.get_ylim()
    assert low < 1 and 1.8 < high < 3


@pytest.mark.parametrize("losses", [[1.0], [np.nan] * 20, [5.0] * 20])
def test_odd_histories_are_drawn(losses):
    assert figure_png(curves(rows(losses)))[:4] == b"\x89PNG"


def test_figures_are_clear_and_in_the_ink_of_the_page():
    for ink, other in ((LIGHT, DARK), (DARK, LIGHT)):
        image = imread(io.BytesIO(figure_png(curves(rows([3.0, 2.0, 1.0]), ink=ink))), format="png")
        assert image[0, 0, 3] == 0
        colours = {to_hex(colour) for colour in np.unique(image[image[..., 3] == 1], axis=0)}
        assert {ink.text, ink.first, ink.line} <= colours
        assert not {other.text, other.first, other.line} & colours


@pytest.mark.parametrize("ink", [LIGHT, DARK])
def test_text_can_be_read_on_its_paper(ink):
    """WCAG's contrast: 4.5 for text."""

    def luminance(colour):
        c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    for colour, least in ((ink.text, 4.5), (ink.first, 3), (ink.second, 3)):
        lighter, darker = sorted([luminance(colour), luminance(ink.paper)], reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= least


def test_drawing_changes_nothing_global():
    before = mpl.rcParams.copy()
    figure_png(latent_map(np.zeros((3, 2)), np.arange(3)))
    assert mpl.rcParams.copy() == before
    # Nobody here imports it, unless another test in this process has.
    assert "pyplot" not in vars(sys.modules["narrows.report.figures"])
