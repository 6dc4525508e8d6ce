"""Columns that a table leaves out, and what scikit-learn names of the rest."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn import config_context

import narrows as nw
from narrows.backbones import MLP
from narrows.inputs import Table


def quick(**choices):
    return nw.Autoencoder(2, backbone=MLP((8,)), max_epochs=1, random_state=0, **choices)


def people(n=80):
    rng = np.random.default_rng(0)
    z = rng.normal(size=n)
    return pd.DataFrame(
        {"id": [f"p{i}" for i in range(n)], "a": z, "b": 2 * z, "c": z**2, "kind": np.where(z > 0, "x", "y")},
        index=np.arange(n) + 7,
    )


WHOLE = people()
HOLED = WHOLE.assign(a=WHOLE["a"].mask(np.arange(80) % 5 == 0))
KEPT = ["a", "b", "c", "kind"]


# Lists and frames of a model that was fitted on an array


@pytest.fixture(scope="module")
def of_array():
    X = np.random.default_rng(1).normal(size=(40, 4))
    return X, quick(input=Table(drop=["x1"])).fit(X)


def test_lists_are_rows_too(of_array):
    X, ae = of_array
    rows = X[:6].tolist()
    assert np.array_equal(ae.transform(rows), ae.transform(X[:6]))
    assert np.array_equal(ae.score_samples(rows), ae.score_samples(X[:6]))
    assert np.array_equal(np.asarray(ae.reconstruct(rows), float), ae.reconstruct(X[:6]))
    assert ae.transform(np.delete(X[:6], 1, 1).tolist()).shape == (6, 2)
    fitted = quick(input=Table(drop=["x1"])).fit(X.tolist())
    assert fitted.n_features_in_ == 3


def test_of_an_array_columns_are_left_out_of_frames_by_their_place(of_array):
    X, ae = of_array
    for make in (pd.DataFrame, pl.DataFrame, pa.table):
        frame = make({name: X[:, i] for i, name in enumerate("abcd")})
        short = make({name: X[:, i] for i, name in enumerate("abcd") if i != 1})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # scikit-learn's, of names that were not fitted
            assert np.array_equal(ae.transform(frame), ae.transform(X))
            assert np.array_equal(ae.transform(short), ae.transform(X))
            back, less = ae.reconstruct(frame), ae.reconstruct(short)
        found = back.to_pandas() if make is pa.table else back
        assert list(found.columns) == list("abcd") and np.array_equal(found["b"], X[:, 1])
        np.testing.assert_allclose(found.to_numpy(), ae.reconstruct(X))
        assert list(getattr(less, "column_names", None) or less.columns) == list("acd")
    with pytest.raises(ValueError, match="X has 2 features"):
        ae.transform(pd.DataFrame(X[:, :2]))


# set_output


@pytest.mark.parametrize("task", [nw.Denoiser, nw.Imputer])
@pytest.mark.parametrize("wanted", ["pandas", "polars"])
def test_scikit_learn_names_what_is_left(task, wanted):
    fitted = task(quick(), input=Table(drop=["id"])).fit(WHOLE)
    plain = fitted.transform(WHOLE)
    assert list(plain.columns) == list(WHOLE.columns)
    with config_context(transform_output=wanted):
        assert list(fitted.transform(WHOLE).columns) == KEPT
    fitted.set_output(transform=wanted)
    for X in (WHOLE, pl.from_pandas(WHOLE), pa.Table.from_pandas(WHOLE, preserve_index=False)):
        answer = fitted.transform(X)
        assert type(answer).__module__.startswith(wanted) and list(answer.columns) == KEPT
        np.testing.assert_allclose(answer["b"].to_numpy(), plain["b"].to_numpy())
    if wanted == "pandas":
        pd.testing.assert_frame_equal(fitted.transform(WHOLE), plain[KEPT])


@pytest.mark.parametrize("task", [nw.Denoiser, nw.Imputer])
@pytest.mark.parametrize("drop", [(), ("id",)])
def test_rows_in_files_get_names_too(task, drop, tmp_path):
    frame = HOLED.reset_index(drop=True) if drop else HOLED.reset_index(drop=True)[KEPT]
    frame.to_parquet(tmp_path / "x.parquet")
    fitted = task(quick(), input=Table(drop=drop)).fit(frame)
    expected = fitted.transform(frame)[KEPT]
    fitted.set_output(transform="pandas")
    answer = fitted.transform(nw.sources.Parquet(tmp_path / "x.parquet"))
    pd.testing.assert_frame_equal(answer, expected, check_dtype=False, rtol=1e-5)
    out = fitted.transform(frame, out=tmp_path / "y.parquet")
    assert list(pd.read_parquet(out).columns) == list(frame.columns), "a file keeps all columns"


# Intervals


def test_intervals_of_arrays_have_what_is_left_and_leave_new_categories_alone():
    X = HOLED.to_numpy(object)
    imputer = nw.Imputer(quick(), input=Table(drop=["x0"])).fit(X)
    odd = X.copy()
    odd[:3, 4], odd[3, 4] = "z", None
    with pytest.warns(UserWarning, match="not seen"):
        rows, filled, low, _ = imputer.intervals(odd)
    assert filled.shape == low.shape == (80, 4) and imputer.transform(X).shape == (80, 5)
    assert np.isnan(filled[:3, 3]).all() and np.array_equal(rows[:3, 3], filled[:3, 3], equal_nan=True)
    assert filled[3, 3] in (0.0, 1.0) and not np.isnan(filled[:, :3].astype(float)).any()
