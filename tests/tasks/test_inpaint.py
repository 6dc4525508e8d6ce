"""Holes in images."""

import numpy as np
import pytest

import narrows as nw

RNG = np.random.default_rng(0)
STRIPES = RNG.random((80, 1, 8)).repeat(8, 1)  # every row of pixels is the same: a hole can be known


@pytest.fixture(scope="module")
def linear():
    return nw.recipes.linear(8, input="images", max_epochs=80).fit(STRIPES)


def hole(shape):
    mask = np.zeros(shape, bool)
    mask[..., 2:5, 3:6] = True
    return mask


def test_a_hole_is_filled_with_what_its_row_says(linear):
    mask = hole((8, 8))
    damaged = np.where(mask, 9.0, STRIPES[:20])
    filled = nw.tasks.inpaint(linear, damaged, mask)
    assert np.abs(filled - STRIPES[:20])[:, mask].max() < 0.2
    assert np.array_equal(filled[:, ~mask], STRIPES[:20][:, ~mask])
    assert np.array_equal(filled, nw.tasks.inpaint(linear.fitted_, damaged, hole((20, 8, 8))))


def test_what_stands_in_the_hole_does_not_matter(linear):
    mask = hole((8, 8))
    answers = [nw.tasks.inpaint(linear, np.where(mask, v, STRIPES[:3]), mask) for v in (np.nan, 0.0, 100.0)]
    assert np.array_equal(answers[0], answers[1]) and np.array_equal(answers[0], answers[2])


def test_a_model_trained_on_holes_fills_them_better_than_the_mean():
    ae = nw.Autoencoder(
        32,
        corruption=nw.corruptions.Holes(0.5),
        backbone=nw.backbones.MLP((64,)),
        input="images",
        max_epochs=60,
    ).fit(STRIPES)
    mask = hole((8, 8))
    filled = nw.tasks.inpaint(ae, STRIPES[:40], mask)
    mean = np.broadcast_to(STRIPES.mean(0), filled.shape)
    error, plain = (np.square(f - STRIPES[:40])[:, mask].mean() for f in (filled, mean))
    assert error < 0.5 * plain


@pytest.mark.parametrize("layout", ["last", "first"])
def test_whole_pixels_and_channels(layout):
    shape = (40, 8, 8, 3) if layout == "last" else (40, 3, 8, 8)
    images = RNG.integers(0, 256, shape).astype(np.uint8)
    ae = nw.recipes.linear(4, max_epochs=3).fit(images)
    mask = hole((40, 8, 8))
    filled = nw.tasks.inpaint(ae, images, mask)
    assert filled.dtype == np.uint8 and filled.shape == shape
    full = mask[..., None] if layout == "last" else mask[:, None]
    full = np.broadcast_to(full, shape)
    assert np.array_equal(filled[~full], images[~full])
    assert not np.array_equal(filled[full], images[full])
    assert np.array_equal(filled, nw.tasks.inpaint(ae, images, hole((8, 8))))
    assert np.array_equal(filled, nw.tasks.inpaint(ae, images, full))


def test_no_hole_is_no_change(linear):
    assert np.array_equal(nw.tasks.inpaint(linear, STRIPES[:2], np.zeros((8, 8), bool)), STRIPES[:2])


def test_flat_rows(linear):
    mask = hole((8, 8)).reshape(1, -1).repeat(3, 0)
    flat = STRIPES[:3].reshape(3, -1)
    filled = nw.tasks.inpaint(linear, flat, mask)
    assert filled.shape == flat.shape and np.array_equal(filled[~mask], flat[~mask])


def test_wrong_things_are_refused(linear):
    with pytest.raises(ValueError, match=r"mask has shape \(3, 3\)"):
        nw.tasks.inpaint(linear, STRIPES, np.zeros((3, 3), bool))
    with pytest.raises(ValueError, match="more than 0 and 1"):
        nw.tasks.inpaint(linear, STRIPES, np.full((8, 8), 0.5))
    with pytest.raises(TypeError, match="call fit first"):
        nw.tasks.inpaint(nw.Autoencoder(), STRIPES, hole((8, 8)))
    table = nw.Autoencoder(2, max_epochs=1).fit(RNG.random((30, 4)))
    with pytest.raises(ValueError, match=r"nw\.Imputer for tables"):
        nw.tasks.inpaint(table, RNG.random((3, 4)), np.ones((3, 4), bool))
