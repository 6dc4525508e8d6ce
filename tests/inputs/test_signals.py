"""Signals: whole ones and windows of long series, there and back in the user's shape."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import narrows as nw
from narrows.inputs import Signals
from narrows.inputs.schemas import schema_from_json
from narrows.inputs.windows import Windows

N = 50


def numbers(*shape, dtype=np.float64):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def frame(n=N):
    """Two channels with the times of their rows between them, and an index that is not 0, 1, 2 …"""
    x = numbers(n, 2)
    when = pd.date_range("2024-01-01", periods=n, freq="h", tz="UTC")
    return pd.DataFrame({"b": x[:, 0], "when": when, "a": x[:, 1]}, index=np.arange(n) * 3)


FRAMES = {
    "pandas": frame,
    "polars": lambda n=N: pl.from_pandas(frame(n)),
    "pyarrow": lambda n=N: pa.Table.from_pandas(frame(n), preserve_index=False),
}
everywhere = pytest.mark.parametrize("library", FRAMES)


# Whole signals


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize(("shape", "row"), [((5, 8, 3), (3, 8)), ((5, 8, 1), (1, 8)), ((5, 8), (1, 8))])
def test_whole_signals_go_in_and_come_back(shape, row, dtype):
    X = numbers(*shape, dtype=dtype)
    schema = Signals().learn(X)
    rows = schema.rows(X)
    assert schema.row == row and rows.shape == (5, *row) and schema.features == np.prod(row)
    assert not schema.windowed and schema.shape == shape[1:]
    back = schema.restore(rows)
    assert np.array_equal(back, X) and back.dtype == dtype
    assert np.array_equal(schema.restore(rows, like=X), X)
    assert schema.split(rows, 0.1) is None
    assert schema.window_index(X).tolist() == [[i, 0] for i in range(5)]


def test_time_is_the_last_axis_of_a_row():
    X = numbers(5, 8, 3)
    assert np.array_equal(Signals().learn(X).rows(X)[2, 1], X[2, :, 1])


def test_flat_rows_are_accepted_and_answered_flat():
    X = numbers(5, 8, 3)
    schema, flat = Signals().learn(X), X.reshape(5, -1)
    assert np.array_equal(schema.rows(flat), schema.rows(X))
    assert np.array_equal(schema.restore(schema.rows(X), like=flat), flat)


def test_a_list_of_signals_of_one_length_is_an_array_of_them():
    X = numbers(5, 8, 3)
    schema = Signals().learn(list(X))
    assert np.array_equal(schema.rows(list(X)), schema.rows(X))


@everywhere
def test_a_frame_may_hold_a_signal_in_each_row(library):
    x = pd.DataFrame(numbers(5, 8), columns=[f"t{i}" for i in range(8)], index=list("abcde"))
    X = {"pandas": lambda f: f, "polars": pl.from_pandas, "pyarrow": lambda f: pa.table(dict(f))}[library](x)
    schema = Signals().learn(X)
    assert schema.row == (1, 8) and np.array_equal(schema.rows(X)[:, 0], x.to_numpy())
    for back in (schema.restore(schema.rows(X)), schema.restore(schema.rows(X), like=X)):
        assert type(back) is type(X)
    if library == "pandas":
        pd.testing.assert_frame_equal(schema.restore(schema.rows(X), like=X), X)


# Long series


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 3)])
def test_a_series_is_cut_and_comes_back(shape, dtype):
    X = (100 * numbers(*shape)).astype(dtype)
    schema = Signals(window=12).learn(X)
    rows = schema.rows(X)
    assert isinstance(rows, Windows) and (schema.step, rows.dtype) == (3, dtype)
    assert schema.row == rows.shape[1:] == (1 if len(shape) == 1 else shape[1], 12)
    back = schema.restore(rows[:].astype(np.float32), like=X)
    assert back.shape == X.shape and back.dtype == np.float32
    np.testing.assert_allclose(back, X, atol=1e-4)
    assert schema.restore(rows[:]).shape == (len(rows), *schema.shape)


def test_windows_can_be_given_back_as_rows():
    X = numbers(N, 3)
    schema = Signals(window=12).learn(X)
    rows = schema.rows(X)[:]
    windows = schema.restore(rows)
    assert np.array_equal(schema.rows(windows)[:], rows)
    assert np.array_equal(schema.rows(windows.reshape(len(rows), -1))[:], rows)
    assert np.array_equal(schema.restore(rows, like=windows), windows)
    flat = windows.reshape(len(rows), -1)
    assert np.array_equal(schema.restore(rows, like=flat), flat)


def test_one_flat_window_of_one_channel_is_a_row():
    schema = Signals(window=12).learn(numbers(N))
    assert schema.rows(numbers(1, 12)).shape == (1, 1, 12)
    assert schema.rows(numbers(N, 1)).shape == schema.rows(numbers(N)).shape


def test_several_series_stay_apart():
    X = [numbers(30, 2), numbers(12, 2), numbers(21, 2)]
    schema = Signals(window=10, step=5).learn(X)
    rows = schema.rows(X)
    index = schema.window_index(X)
    assert index.tolist() == [[0, 0], [0, 5], [0, 10], [0, 15], [0, 20], [1, 0], [1, 2], [2, 0], [2, 5], [2, 10], [2, 11]]  # fmt: skip  # noqa: E501
    assert np.array_equal(rows[6:7][0].T, X[1][2:12])
    back = schema.restore(rows[:], like=X)
    assert isinstance(back, list)
    for mine, x in zip(back, X, strict=True):
        np.testing.assert_allclose(mine, x, atol=1e-12)


def test_an_array_of_three_axes_is_several_series():
    X = numbers(4, 20, 3)
    schema = Signals(window=8).learn(X)
    back = schema.restore(schema.rows(X)[:], like=X)
    assert back.shape == X.shape
    np.testing.assert_allclose(back, X, atol=1e-12)


@everywhere
def test_frames_come_back_with_their_times(library):
    X = FRAMES[library]()
    schema = Signals(window=12, time="when").learn(X)
    rows = schema.rows(X)
    assert (schema.names, schema.frame) == (("b", "a"), library) and rows.shape[1:] == (2, 12)
    assert np.array_equal(rows[:1][0], frame()[["b", "a"]].to_numpy()[:12].T)
    back = schema.restore(rows[:], like=X)
    assert type(back) is type(X)
    if library == "pandas":
        pd.testing.assert_frame_equal(back, X)
    elif library == "polars":
        assert back.columns == X.columns and back["when"].equals(X["when"])
        np.testing.assert_allclose(back["a"], X["a"], atol=1e-12)
    else:
        assert back.schema.names == X.schema.names and back["when"].equals(X["when"])
        np.testing.assert_allclose(back["a"], X["a"], atol=1e-12)
    assert schema.restore(rows[:]).shape == (len(rows), 12, 2)


@everywhere
def test_columns_are_found_by_name(library):
    X = FRAMES[library]()
    schema = Signals(window=12, time="when").learn(X)
    other = frame()[["a", "b", "when"]].assign(label=1)
    assert np.array_equal(schema.rows(other)[:], schema.rows(X)[:])
    back = schema.restore(schema.rows(other)[:], like=other)
    pd.testing.assert_frame_equal(back, other.drop(columns="label"))
    assert np.array_equal(schema.rows(frame()[["b", "a"]].to_numpy())[:], schema.rows(X)[:])
    assert schema.rows(frame()[["b", "a"]]).shape == schema.rows(X).shape, "times are not needed"


def test_frames_need_no_times_and_any_names():
    X = frame().drop(columns="when").rename(columns={"a": 7, "b": 3})
    schema = Signals(window=12).learn(X)
    pd.testing.assert_frame_equal(schema.restore(schema.rows(X)[:], like=X), X)
    assert schema_from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_a_model_of_arrays_takes_frames():
    X = frame()
    schema = Signals(window=12).learn(X[["b", "a"]].to_numpy())
    assert np.array_equal(schema.rows(X[["b", "a"]])[:], schema.rows(X[["b", "a"]].to_numpy())[:])


def test_several_frames_are_several_series():
    X = [frame(30), frame(20)]
    schema = Signals(window=12, time="when").learn(X)
    for back, x in zip(schema.restore(schema.rows(X)[:], like=X), X, strict=True):
        pd.testing.assert_frame_equal(back, x)


def test_answers_per_sample_have_the_shape_of_the_series():
    X = numbers(N, 3)
    schema = Signals(window=12).learn(X)
    assert schema.per_sample(schema.rows(X)[:].sum(1), like=X).shape == (N,)
    np.testing.assert_allclose(schema.per_sample(schema.rows(X)[:].sum(1), like=X), X.sum(1))
    assert schema.per_sample(schema.rows(X)[:], like=X).shape == (N, 3)
    assert [x.shape for x in schema.per_sample(schema.rows([X, X[:20]])[:], like=[X, X[:20]])] == [
        (N, 3),
        (20, 3),
    ]
    assert schema.per_sample(schema.rows(X[None])[:].sum(1), like=X[None]).shape == (1, N)


def test_held_out_windows_share_no_samples():
    X = numbers(400, 3)
    schema = Signals(window=12).learn(X)
    train, valid = schema.split(schema.rows(X), 0.1)
    begins = schema.window_index(X)[:, 1]
    assert abs(begins[train][:, None] - begins[valid]).min() >= 12


# What is refused


@pytest.mark.parametrize("arguments", [{"window": 0}, {"window": 2.5}, {"window": True}, {"step": -1}])
def test_what_is_no_number_of_samples_is_refused(arguments, refused):
    with refused(repr(next(iter(arguments.values()))), "whole number"):
        Signals(**arguments)


@pytest.mark.parametrize(
    ("part", "X", "given"),
    [
        (Signals(), np.zeros(50), "(50,)"),
        (Signals(), np.zeros((2, 3, 4, 5)), "(2, 3, 4, 5)"),
        (Signals(), [np.zeros(5), np.zeros(7)], "5 to 7 samples"),
        (Signals(), np.zeros((0, 8, 3)), "0 rows"),
        (Signals(), np.array([["a", "b"]]), "'a'"),
        (Signals(step=3), np.zeros((5, 8)), "step=3"),
        (Signals(time="t"), np.zeros((5, 8)), "time='t'"),
        (Signals(window=4, step=5), np.zeros(50), "step=5"),
        (Signals(window=60), np.zeros((50, 2)), "50 samples"),
        (Signals(window=60), [], "0 samples"),
        (Signals(window=4), np.zeros((50, 0)), "0 feature(s)"),
        (Signals(window=4), np.zeros((2, 3, 4, 5)), "(2, 3, 4, 5)"),
        (Signals(window=4), [np.zeros((2, 5, 3))], "(2, 5, 3)"),
        (Signals(window=4), [np.zeros((5, 2)), np.zeros((5, 3))], "X[1]"),
        (Signals(window=4), [np.zeros((5, 2)), np.zeros((3, 2))], "X[1]"),
        (Signals(window=4), [np.zeros((5, 2)), 3.0], "X[1]"),
        (Signals(window=4), np.full((5, 2), np.nan), "NaN at row 0"),
        (Signals(window=4, time="t"), np.zeros((5, 2)), "not a frame"),
        (Signals(window=4, time="t"), frame(), "'t'"),
        (Signals(window=4), frame(), "'when'"),
        (Signals(window=4, time="when"), frame()[["when"]], "0 feature(s)"),
        (Signals(window=4, time="when"), frame().sample(frac=1, random_state=0), "in order"),
        (Signals(window=4, time="when"), frame().assign(when=pd.NaT), "in order"),
        (Signals(window=4, time="when"), frame().assign(a="x"), "'a'"),
    ],
    ids=lambda value: repr(value)[:40].replace("\n", " "),
)
def test_what_is_not_signals_is_refused(part, X, given, refused):
    with refused(given):
        part.learn(X)


@pytest.mark.parametrize(
    ("X", "given"),
    [
        (np.zeros((2, 8, 4)), "(8, 4)"),
        (np.zeros((2, 9, 3)), "(9, 3)"),
        (np.zeros((2, 23)), "23 features"),
        (np.full((2, 8, 3), np.inf), "infinity"),
    ],
)
def test_other_signals_than_fitted_are_refused(X, given, refused):
    with refused(given):
        Signals().learn(np.zeros((2, 8, 3))).rows(X)


@pytest.mark.parametrize(
    ("X", "given"),
    [
        (np.zeros((50, 3)), "(50, 3)"),
        (np.zeros(50), "(50, 1)"),
        (np.zeros((5, 2)), "5 samples"),
        (frame().rename(columns={"a": "c"}), "'a'"),
    ],
    ids=["wide", "narrow", "short", "renamed"],
)
def test_other_series_than_fitted_are_refused(X, given, refused):
    with refused(given):
        Signals(window=8, time="when").learn(frame()).rows(X)


def test_a_value_that_is_missing_is_named(refused):
    X = frame()
    X.iloc[17, 2] = np.nan
    with refused("NaN at row 17", "'a'"):
        Signals(window=8, time="when").learn(X)


@pytest.mark.parametrize(
    ("part", "X"),
    [(Signals(), np.zeros((5, 8))), (Signals(window=4), np.zeros((9, 2))), (Signals(4, 2, "when"), frame())],
)
def test_schemas_survive_json(part, X):
    schema = part.learn(X)
    assert schema_from_json(json.loads(json.dumps(schema.to_json()))) == schema


# In a model


def waves(n=120, time=24):
    """Sines of any phase and frequency in two channels, in units of very different size."""
    rng = np.random.default_rng(0)
    phase, speed = rng.uniform(0, 6, (n, 1)), rng.uniform(0.2, 0.5, (n, 1))
    t = np.arange(time)
    return np.stack([np.sin(speed * t + phase), 1000 + 50 * np.cos(speed * t + phase)], 2)


@pytest.mark.parametrize(
    "backbone", [nw.backbones.Conv1d((8,)), nw.backbones.Recurrent(8), nw.backbones.Recurrent(8, cell="lstm"), None]
)  # fmt: skip
def test_a_model_learns_signals(backbone, tmp_path):
    X = waves()
    ae = nw.Autoencoder(4, input=Signals(), backbone=backbone, max_epochs=8).fit(X)
    losses = [row["loss"] for row in ae.history_]
    assert losses[-1] < losses[0]
    assert ae.reconstruct(X).shape == X.shape and ae.sample(3).shape == (3, 24, 2)
    assert ae.transform(X).shape == (120, 4) and np.isfinite(ae.score(X))
    assert np.array_equal(ae.transform(X)[:7], ae.transform(X[:7]))
    ae.save(tmp_path / "m.safetensors")
    again = nw.load(tmp_path / "m.safetensors")
    assert np.array_equal(again.reconstruct(X), ae.reconstruct(X))
    twin = nw.Autoencoder(4, input="signals", backbone=backbone, max_epochs=8).fit(X)
    assert np.array_equal(twin.transform(X), ae.transform(X))


@pytest.mark.parametrize("window", [None, 8])
def test_names_of_sounds_are_no_series(window, refused):
    with refused("2 names", "'a.wav'", "a pattern"):
        nw.Autoencoder(2, input=Signals(window=window)).fit(["a.wav", "b.wav"])
