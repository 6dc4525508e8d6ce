"""Denoiser: clean targets and labels, things of many sizes, files of them."""

import dataclasses
import types

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from PIL import Image

import narrows as nw
from narrows import tasks
from narrows.estimators import _denoising, _levels, streams
from narrows.estimators._pairs import clean_of
from narrows.estimators._reading import input_for
from narrows.sources import wav

RNG = np.random.default_rng(0)
ROWS, PICTURES = RNG.normal(size=(40, 8)), RNG.random((40, 28, 28))
BYTES = (255 * PICTURES).astype(np.uint8)
SOUNDS = [RNG.normal(size=n) for n in (1100, 1500)]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name in ("PICTURES", "SMALL_PICTURES", "SIGNALS"):
        backbone, budget = getattr(_denoising, name)
        backbone = dataclasses.replace(backbone, channels=8, layers=4)
        monkeypatch.setattr(_denoising, name, (backbone, dataclasses.replace(budget, steps=5, batch=8)))


# Clean targets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [(ROWS, ROWS[:39], "39 of shape (8,)"), (ROWS, ROWS[..., None], "shape (8, 1)"), (ROWS, ROWS[:, :5], "shape (5,)"),
     (PICTURES, PICTURES[..., None], "shape (28, 28, 1)"), (PICTURES, PICTURES[:, :27], "shape (27, 28)"),
     (BYTES, BYTES[:, :27], "shape (27, 28)"), (PICTURES, PICTURES.reshape(40, -1), "shape (784,)"),
     (SOUNDS, SOUNDS[:1], "1 of shape (1100,)"), (SOUNDS, [SOUNDS[0], SOUNDS[1][:-1]], "shape (1499,) at 1"),
     (pd.DataFrame(ROWS), pd.DataFrame(ROWS[:39]), "39 of shape (8,)"), (ROWS, ROWS[:39].round().astype(int), "39 of")],
)  # fmt: skip
def test_clean_targets_of_almost_the_same_shape_are_refused(X, y, said, refused):
    with refused(said):
        nw.Denoiser(max_epochs=1).fit(X, y=y)


@pytest.mark.parametrize(
    ("X", "y"),
    [(ROWS, np.arange(40)), (ROWS, RNG.normal(size=40)), (ROWS, ["a", "b"] * 20), (ROWS, RNG.normal(size=(40, 1))),
     (ROWS, np.eye(40, 3, dtype=int)), (ROWS, pd.Series(list("ab") * 20, dtype="category")), (PICTURES, np.arange(40)),
     (ROWS[:, :1], np.arange(40)[:, None]), (ROWS, pl.Series(range(40))), (SOUNDS, [0, 1]), (SOUNDS, np.zeros(2)),
     (ROWS, pd.DataFrame({"label": list("ab") * 20}))],
)  # fmt: skip
def test_labels_are_none(X, y):
    assert clean_of(X, y) is None


def test_labels_beside_a_path_are_ignored(tmp_path, refused):
    np.save(tmp_path / "x.npy", ROWS)
    np.save(tmp_path / "y.npy", ROWS[:, :3])
    mine = nw.Denoiser(noise=0.1, max_epochs=1).fit(tmp_path / "x.npy", y=np.arange(40))
    assert np.array_equal(
        mine.transform(ROWS), nw.Denoiser(noise=0.1, max_epochs=1).fit(ROWS).transform(ROWS)
    )
    with refused("shape (3,)"):
        nw.Denoiser(max_epochs=1).fit(tmp_path / "x.npy", y=tmp_path / "y.npy")


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_columns_of_clean_targets_go_by_their_names(kind, refused):
    names = list("abcdefgh")
    frame = kind({name: ROWS[:, i] for i, name in enumerate(names)})
    clean = kind({name: ROWS[:, i] / 2 for i, name in enumerate(names)})
    usual = nw.Denoiser(max_epochs=1).fit(frame, y=clean).transform(frame)
    other = nw.Denoiser(max_epochs=1).fit(frame, y=clean[names[::-1]]).transform(frame)
    assert np.array_equal(np.asarray(usual), np.asarray(other))
    with refused("'other'"):
        nw.Denoiser(max_epochs=1).fit(
            frame, y=kind({**dict.fromkeys(names[1:], ROWS[:, 0]), "other": ROWS[:, 0]})
        )


def test_numbers_as_names_of_columns():
    frame = pd.DataFrame(ROWS)
    assert clean_of(frame, frame[[7, 6, 5, 4, 3, 2, 1, 0]]).equals(frame)


# How data are read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "said"),
    [([RNG.random((100, 120))] * 5 + [RNG.random((3, 90))], "X[5] is 3 pixels"),
     ([RNG.normal(size=4000)] * 4 + [np.zeros(3)], "X[4] is 3 samples")],
)  # fmt: skip
def test_one_tiny_thing_does_not_make_all_of_them_tiny(X, said, refused):
    with refused(said, "leave it out"):
        nw.Denoiser(max_epochs=1).fit(X)
    assert input_for([x[:3] for x in X]) in (nw.inputs.Patches(3), nw.inputs.Signals(window=3)), (
        "all are small"
    )


def test_the_advice_about_a_sparse_matrix_works(refused):
    X = scipy.sparse.random_array((40, 6), density=0.5, rng=0)
    with refused("X.toarray()"):
        nw.Denoiser(max_epochs=1).fit(X)
    nw.Denoiser(max_epochs=1).fit(X.toarray())


@pytest.mark.parametrize("noise", [0.1, (0.0, 0.2)], ids=str)
@pytest.mark.parametrize("fitted", [(4, 80, 70), (12, 28, 28)], ids=str)
@pytest.mark.parametrize(
    "shape", [(2, 40, 40), (2, 20, 20), (1, 1, 90), (2, 7, 61), (1, 1, 1), (2, 90, 47)], ids=str
)
def test_pictures_of_any_size(fitted, shape, noise):
    denoiser = nw.Denoiser(noise=noise, max_epochs=1).fit(RNG.random(fitted))
    X = RNG.random(shape)
    answer = denoiser.transform(X)
    assert (answer.shape, answer.dtype) == (X.shape, X.dtype)
    whole = tasks.denoise_whole(denoiser.ae_.fitted_, X[0][None])[0]
    assert np.allclose(answer[0], whole, atol=1e-6)
    apart = denoiser.transform([*X, RNG.random((50, 64))])
    assert np.allclose(apart[0], whole, atol=1e-6) and apart[-1].shape == (50, 64)


def test_colours_and_bytes_of_any_size():
    X = RNG.integers(0, 256, (8, 20, 24, 3)).astype(np.uint8)
    denoiser = nw.Denoiser(noise=9.0, max_epochs=1).fit(X)
    for other in (X[:, :9], X[:2].repeat(3, 1), X[:, :20, :20]):
        answer = denoiser.transform(other)
        assert (answer.shape, answer.dtype) == (other.shape, np.uint8)


@pytest.mark.parametrize("noise", [0.1, (0.0, 0.2), "0:10 dB"], ids=str)
@pytest.mark.parametrize("samples", [1, 5, 60, 1023])
def test_signals_shorter_than_the_window(samples, noise):
    denoiser = nw.Denoiser(noise=noise, max_epochs=1).fit(SOUNDS)
    short = RNG.normal(size=samples)
    one, both = denoiser.transform(short), denoiser.transform([SOUNDS[0], short])
    assert one.shape == short.shape and np.isfinite(one).all()
    assert np.allclose(both[1], one, atol=1e-6)
    assert np.allclose(both[0], denoiser.transform(SOUNDS[0]), atol=1e-6)


def test_one_short_sound_and_one_small_picture_in_a_folder(tmp_path):
    (tmp_path / "sounds").mkdir()
    (tmp_path / "photos").mkdir()
    for name, n in (("a", 3000), ("b", 200)):
        wav.write(tmp_path / "sounds" / f"{name}.wav", 0.1 * RNG.normal(size=(n, 1)).astype(np.float32), 8000)
    for i, shape in enumerate([(64, 80), (20, 66)]):
        Image.fromarray(RNG.integers(0, 256, shape).astype(np.uint8)).save(tmp_path / "photos" / f"{i}.png")
    denoiser = nw.Denoiser(noise=0.1, max_epochs=1).fit(tmp_path / "sounds" / "a.wav")
    denoiser.transform(tmp_path / "sounds", out=tmp_path / "clean")
    assert [len(x) for x in wav.read(tmp_path / "clean")] == [3000, 200]
    for shape in ((3, 70, 70), (12, 28, 28)):
        denoiser = nw.Denoiser(noise=9.0, max_epochs=1).fit(RNG.integers(0, 256, shape).astype(np.uint8))
        answer = denoiser.transform(tmp_path / "photos")
        assert [x.shape for x in answer] == [(64, 80), (20, 66)]


def test_other_axes_are_still_refused(refused):
    denoiser = nw.Denoiser(noise=0.1, max_epochs=1).fit(RNG.random((12, 28, 28)))
    with refused("(20, 20, 3)"):
        denoiser.transform(RNG.random((5, 20, 20, 3)))
    sounds = nw.Denoiser(noise=0.1, max_epochs=1).fit(SOUNDS)
    with refused("(5, 5)"):
        sounds.transform(np.zeros((5, 5)))


def test_columns_that_stay_in_their_file(tmp_path, monkeypatch):
    frame = pd.DataFrame(ROWS, columns=list("abcdefgh"))
    frame.to_parquet(tmp_path / "x.parquet")
    X = nw.sources.Parquet(tmp_path / "x.parquet")
    usual, lazy = nw.Denoiser(max_epochs=1).fit(frame), nw.Denoiser(max_epochs=1).fit(X)
    assert np.array_equal(usual.noise_level_, lazy.noise_level_)
    nw.Denoiser(max_epochs=1).fit(X, y=X)
    for name, n in (("LOOKS", 5), ("SOME", 20)):
        monkeypatch.setattr(_levels, name, n)
    assert np.isfinite(nw.Denoiser(max_epochs=1).fit(X).noise_level_).all()


# Files --------------------------------------------------------------------------------------------


def test_paths_stay_takes_keywords_along():
    def plain(self, X, out=None, *, level=None):
        return "plain", X, out, level

    def framing(self, X, out=None, *, level=None):
        return "framed", X, out, level

    framing.__wrapped__ = plain
    kind = streams.paths_stay(types.new_class("Kind", exec_body=lambda body: body.update(transform=framing)))
    assert kind().transform(1, level=2) == ("framed", 1, None, 2)
    assert kind().transform(1, "to", level=2) == ("plain", 1, "to", 2)


def test_a_range_is_still_one_after_a_save(tmp_path):
    nw.Denoiser(noise=(0.0, 0.2), max_epochs=1).fit(ROWS).save(tmp_path / "m.safetensors")
    assert nw.load(tmp_path / "m.safetensors").noise == (0.0, 0.2)
