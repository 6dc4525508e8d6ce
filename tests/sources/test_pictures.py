"""Pictures written as files."""

import numpy as np
import pytest

import narrows as nw
from narrows.backbones import MLP
from narrows.sources import pictures


def test_one_channel_is_grey(tmp_path):
    grey = np.arange(20, dtype=np.uint8).reshape(4, 5)
    for i, picture in enumerate((grey, grey[..., None])):
        pictures.save(tmp_path / f"{i}.png", picture)
        assert np.array_equal(pictures.decode(str(tmp_path / f"{i}.png")), grey)


@pytest.mark.parametrize("axis", [1, 3])
def test_grey_pictures_with_an_axis_for_it_are_answered_as_a_file(axis, tmp_path):
    X = np.expand_dims(np.random.default_rng(0).integers(0, 256, (30, 9, 8), dtype=np.uint8), axis)
    ae = nw.Autoencoder(2, backbone=MLP((8,)), max_epochs=1).fit(X)
    ae.reconstruct(X[:1], out=tmp_path / "grey.png")
    answer = pictures.decode(str(tmp_path / "grey.png"))
    assert answer.shape == (9, 8) and np.array_equal(answer, ae.reconstruct(X[:1]).reshape(9, 8))
