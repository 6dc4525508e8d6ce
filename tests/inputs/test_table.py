"""Tables: the same numbers from every frame library, and the way back to its own types."""

import json
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

import narrows as nw
from narrows.contracts import Shapes
from narrows.inputs import Table, Text, Vectors
from narrows.inputs.schemas import infer, schema_from_json

N = 300


def frame(seed=0, n=N):
    """5 numeric columns, 3 of categories, 1 boolean, 1 of times, a tenth of the values missing."""
    rng = np.random.default_rng(seed)
    t = rng.normal(size=n)

    def holed(values):
        values = list(values)
        for i in rng.choice(n, n // 10, replace=False):
            values[i] = None
        return values

    start = pd.Timestamp("2024-01-01", tz="UTC")
    return pd.DataFrame(
        {
            "float": pd.Series(holed(t), dtype="float64"),
            "single": pd.Series(holed(2 * t + rng.normal(size=n)), dtype="float32"),
            "whole": pd.Series(holed((t * 10).astype(int)), dtype="Int64"),
            "tiny": rng.integers(0, 100, n).astype("int8"),
            "nullable": pd.Series(holed(rng.random(n)), dtype="Float64"),
            "text": pd.Series(holed(np.where(t > 0, "hi", np.where(t > -1, "mid", "lo")))),
            "coded": pd.Categorical(holed(np.where(t > 0.5, "x", "y")), categories=["y", "x"], ordered=True),
            "many": [f"v{int(v)}" for v in rng.integers(0, 60, n)],
            "flag": pd.Series(holed(t > 0), dtype="boolean"),
            "when": pd.Series(holed(start + pd.to_timedelta(rng.integers(0, 10**6, n), unit="s"))),
        },
        index=np.arange(n) * 3,
    )


def everywhere(df):
    return {
        "pandas": df,
        "polars": pl.from_pandas(df),
        "pyarrow": pa.Table.from_pandas(df, preserve_index=False),
    }


@pytest.fixture(scope="module")
def fitted():
    return {
        library: (nw.Autoencoder(4, max_epochs=3).fit(X), X) for library, X in everywhere(frame()).items()
    }


def test_every_library_gives_the_same_numbers(fitted):
    reference, X = fitted["pandas"]
    codes, scores = reference.transform(X), reference.score_samples(X)
    for ae, mine in fitted.values():
        np.testing.assert_allclose(ae.transform(mine), codes, atol=1e-6)
        np.testing.assert_allclose(ae.score_samples(mine), scores, atol=1e-6)
        assert ae.fitted_.schema.levels == (0, 0, 0, 0, 0, 3, 2, 60, 2, 0)


def test_reconstruct_returns_the_frame_that_came(fitted):
    tables = {library: ae.reconstruct(X) for library, (ae, X) in fitted.items()}
    X = fitted["pandas"][1]
    pd.testing.assert_index_equal(tables["pandas"].index, X.index)
    pd.testing.assert_series_equal(tables["pandas"].dtypes, X.dtypes)
    assert tables["polars"].schema == fitted["polars"][1].schema
    assert tables["pyarrow"].schema.names == fitted["pyarrow"][1].schema.names
    assert tables["pyarrow"].schema.types == fitted["pyarrow"][1].schema.types
    assert not tables["pandas"].isna().any().any(), "a reconstruction has no gaps"
    plain = {"pandas": tables["pandas"], "polars": tables["polars"].to_pandas()}
    plain["pyarrow"] = tables["pyarrow"].to_pandas()
    for table in plain.values():
        for name in X.columns:
            a, b = table[name].to_numpy(), tables["pandas"][name].to_numpy()
            if name in ("text", "coded", "many", "flag", "when"):
                assert (np.asarray(a).astype(str) == np.asarray(b).astype(str)).all()
            else:
                np.testing.assert_allclose(a.astype(float), b.astype(float), atol=1e-6)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_samples_have_the_fitted_types(fitted, library):
    ae, X = fitted[library]
    new, again = ae.sample(3), ae.inverse_transform(ae.transform(X)[:3])
    for table in (new, again):
        if library == "pandas":
            types = {name: str(kind) for name, kind in table.dtypes.items() if name != "coded"}
            assert types == {name: str(kind) for name, kind in X.dtypes.items() if name != "coded"}
            assert str(table.dtypes["coded"]) == "category"
        else:
            mine, theirs = (t.schema.types if library == "pyarrow" else t.dtypes for t in (table, X))
            assert list(mine) == list(theirs)


def test_saved_and_loaded(fitted, tmp_path):
    for library, (ae, X) in fitted.items():
        ae.save(tmp_path / "m.safetensors")
        loaded = nw.load(tmp_path / "m.safetensors")
        assert np.array_equal(loaded.transform(X), ae.transform(X)), library
        assert type(loaded.sample(2)) is type(ae.sample(2))


def test_evaluation_speaks_of_numbers_and_categories(fitted):
    figures = fitted["pandas"][0].evaluate(fitted["pandas"][1])
    assert {"mse", "r2", "accuracy", "pca_mse", "pca_r2", "pca_accuracy"} <= set(figures)
    assert 0 < figures["accuracy"] <= 1 and np.isnan(figures["pca_nll"])


def test_structure_is_learned():
    X = frame(n=1500).drop(columns=["many", "when", "tiny", "nullable"])
    ae = nw.Autoencoder(2, max_epochs=40).fit(X)
    figures = ae.evaluate(X)
    assert figures["accuracy"] > 0.9
    filled = ae.reconstruct(X)
    gaps = X["flag"].isna() & X["float"].notna()
    assert ((X["float"] > 0) == filled["flag"])[gaps].mean() > 0.9, "a gap is filled from the other columns"


def test_schema_round_trips_as_json():
    schema = Table(categories="tiny").learn(frame())
    assert schema_from_json(json.loads(json.dumps(schema.to_json()))) == schema
    assert schema.levels[3] == frame()["tiny"].nunique()


def test_rows_are_numbers_codes_seconds_and_gaps():
    X = pd.DataFrame(
        {
            "a": [1.5, None],
            "b": ["y", "x"],
            "c": [True, None],
            "d": pd.to_datetime(["1970-01-02", None]),
            "e": pd.to_timedelta([None, "1min"]),
        }
    )
    rows = Table().learn(X).rows(X)
    gap = np.nan
    np.testing.assert_array_equal(rows, [[1.5, 1, 1, 86400, gap], [gap, 0, gap, gap, 60]])


def test_the_way_back_is_exact():
    X = frame().dropna()
    schema = Table().learn(X)
    back = schema.restore(schema.rows(X), like=X)
    pd.testing.assert_frame_equal(back, X)


def test_integers_stay_within_their_type():
    X = pd.DataFrame({"a": np.array([0, 100], "int8"), "b": np.array([0, 2**63 - 1], "int64")})
    schema = Table().learn(X)
    back = schema.restore(np.array([[1e9, 1e30], [-1e9, -1e30]]), like=X)
    assert back["a"].tolist() == [127, -128]
    assert back["b"].tolist()[1] == -(2**63) and back["b"].tolist()[0] > 2**62


def test_categories_of_later_are_missing_and_said_so():
    X = pd.DataFrame({"a": ["x", "y", "x"]})
    schema = Table().learn(X)
    with pytest.warns(UserWarning, match=r"'a' holds categories in 2 rows .* \('z', 'w'\): .* missing"):
        rows = schema.rows(pd.DataFrame({"a": ["z", "w", "y"]}))
    np.testing.assert_array_equal(rows, [[np.nan], [np.nan], [1]])
    with pytest.warns(UserWarning, match="not seen"):
        schema.rows(pd.DataFrame({"a": [1, 2]}))  # of another type altogether
    with pytest.raises(ValueError, match=r"'a' is of type timestamp.* now, but categories were fitted"):
        schema.rows(pd.DataFrame({"a": pd.to_datetime(["2020"])}))


def test_too_many_categories():
    X = pd.DataFrame({"a": ["x"] * 5 + ["y"] * 3 + ["z"]})
    with pytest.warns(UserWarning, match=r"3 categories, of which the 2 most frequent .* \(1 rows\)"):
        schema = Table(max_levels=2).learn(X)
    assert schema.columns[0].levels == ("x", "y") and schema.columns[0].cut


def test_arrays_are_tables_too():
    X = np.array([[1.0, "x"], [2.0, "y"], [None, "x"], [3.0, None]] * 10, dtype=object)
    ae = nw.Autoencoder(1, input="table", max_epochs=2).fit(X)
    back = ae.reconstruct(X)
    assert back.dtype == object and set(back[:, 1]) <= {"x", "y"}
    numbers = np.where(np.random.default_rng(0).random((50, 3)) < 0.1, np.nan, 1.0)
    back = nw.Autoencoder(1, input="table", max_epochs=2).fit(numbers).reconstruct(numbers)
    assert back.dtype == np.float64 and np.isfinite(back).all()


INFERRED = {
    "floats": (pd.DataFrame({"a": [1.0, 2.0]}), Vectors),
    "numbers": (pl.DataFrame({"a": [1.0, 2.0], "b": [1, 2]}), Vectors),
    "a gap": (pd.DataFrame({"a": [1.0, None]}), Table),
    "a null": (pl.DataFrame({"a": [1, None]}), Table),
    "NaN": (pl.DataFrame({"a": [1.0, np.nan]}), Table),
    "text": (pa.table({"a": ["x", "y"]}), Table),
    "booleans": (pl.DataFrame({"a": [True, False]}), Table),
    "times": (pd.DataFrame({"a": pd.to_datetime(["2020", "2021"])}), Table),
    "an array": (np.array([[1.0, np.nan]]), Vectors),
    "a list of texts": (["a text", "another"], Text),
    "an array of texts": (np.array(["a text", "another"]), Text),
    "objects that are texts": (np.array(["a text", "another"], dtype=object), Text),
    "a series of texts": (pd.Series(["a text", None]), Text),
    "texts of polars": (pl.Series(["a text", "another"]), Text),
    "texts of pyarrow": (pa.chunked_array([["a text", "another"]]), Text),
    "more texts of pyarrow": (pa.array(["a text", "another"]), Text),
    "a frame of one text": (pd.DataFrame({"a": ["a text", "another"]}), Table),
    "a square of texts": (np.array([["a", "b"]]), Vectors),
    "a list of numbers": ([1, 2], Vectors),
    "numbers beyond 64 bits": (pd.DataFrame({"a": [2**70, 1]}), Vectors),
}


@pytest.mark.parametrize(("X", "expected"), INFERRED.values(), ids=INFERRED)
def test_what_is_a_table(X, expected):
    assert type(infer(X)) is expected


def test_names_of_files_are_no_texts(tmp_path, refused):
    names = [str(tmp_path / name) for name in "ab"]
    assert type(infer(names)) is Text
    (tmp_path / "a").touch()
    with refused("2 texts", "a"):
        infer(names)


def test_texts_are_fitted_as_such():
    ae = nw.Autoencoder(1, max_epochs=2).fit(["the cat sat", "the dog ran"] * 10)
    assert ae.transform(pd.Series(["a cat"])).shape == (1, 1) and ae.fitted_.schema.names[0] == "cat"


WRONG = {
    "all missing": (
        lambda: pd.DataFrame({"a": [1.0, 2.0], "b": [None, None]}),
        "'b' is missing in every row",
    ),
    "all NaN": (lambda: pl.DataFrame({"b": [np.nan, np.nan]}), "'b' is missing in every row"),
    "lists": (lambda: pl.DataFrame({"a": [[1], [2]]}), "'a' is of type .*list.* convert or drop it"),
    "a mixture": (lambda: pd.DataFrame({"a": ["x", 1]}), "'a' holds values that do not go together"),
    "no rows": (lambda: pd.DataFrame({"a": pd.Series([], dtype=str)}), "0 rows"),
    "3-D": (lambda: np.zeros((2, 3, 4)), "2-D array"),
    "infinity": (lambda: pd.DataFrame({"a": [1.0, np.inf]}), "infinity .* row 1, column 'a'"),
}


@pytest.mark.parametrize(("X", "message"), WRONG.values(), ids=WRONG)
def test_wrong_tables(X, message):
    with pytest.raises(ValueError, match=message):
        schema = Table().learn(X())
        schema.rows(X())


def test_columns_that_are_not_there():
    schema = Table().learn(pd.DataFrame({"a": [1.0, None], "b": ["x", "y"]}))
    with pytest.raises(ValueError, match="no column 'b', but Autoencoder is expecting 'a', 'b'"):
        schema.rows(pd.DataFrame({"a": [1.0]}))
    with pytest.raises(ValueError, match=r"'a' holds 'x' at row 0, .*but numbers were fitted"):
        schema.rows(pd.DataFrame({"a": ["x"], "b": ["x"]}))
    with pytest.raises(ValueError, match="there is no column 'c'"):
        Table(categories=("c",)).learn(pd.DataFrame({"a": [1]}))
    with pytest.raises(ValueError, match="cannot be categories"):
        Table(categories=("a",)).learn(pd.DataFrame({"a": [1.5, 2.5]}))
    with pytest.raises(ValueError, match="must keep some"):
        Table(max_levels=0)


def test_a_column_missing_in_all_rows_that_are_trained_on():
    X = pd.DataFrame({"a": [None] * 9 + [1.0], "b": np.arange(10.0)})
    with pytest.raises(ValueError, match="'a' is missing in every row that is trained on"):
        for seed in range(40):  # some split holds the one value out
            nw.Autoencoder(1, max_epochs=1, random_state=seed).fit(X)


def test_embedding_marks_gaps_and_writes_categories_out():
    embed = Table().build(Shapes((3,), 1, levels=(0, 3, 40), missing=True))
    x = torch.tensor([[0.5, 2.0, 39.0], [torch.nan, torch.nan, torch.nan]])
    y = embed(x)
    assert y.shape == (2, *embed.shape)
    assert y[0, :5].tolist() == [0.5, 0.0, 0.0, 0.0, 1.0]
    assert torch.equal(y[0, 5:], embed.embeddings[0].weight[39])
    assert y[1].tolist() == [0.0, 1.0] + [0.0] * (embed.shape[0] - 2)


def test_no_warning_without_a_cause():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X = frame()
        nw.Autoencoder(2, max_epochs=1).fit(X).reconstruct(X)


SMALL = nw.backbones.MLP(hidden=(8,))


@pytest.fixture(scope="module")
def flags():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.random(200), "b": rng.random(200) > 0.5})
    return nw.Autoencoder(2, backbone=SMALL, max_epochs=1).fit(frame), frame


@pytest.mark.parametrize("value", [8, -1, 0.5])
def test_a_boolean_has_no_third_value(flags, value, refused):
    ae, frame = flags
    odd = frame["b"].astype(float)
    odd[7] = value
    for X in (frame.assign(b=odd), frame.assign(b=odd).to_numpy()):
        with refused("'b'", f"{value} at row 7", "booleans"):
            ae.score(X)


def test_a_boolean_may_be_written_as_a_number_or_be_missing(flags):
    ae, frame = flags
    wanted = ae.score_samples(frame)
    for kind in (int, float, "boolean"):
        assert np.array_equal(ae.score_samples(frame.assign(b=frame["b"].astype(kind))), wanted)
    gaps = frame["b"].astype(float)
    gaps[0] = np.nan
    assert np.array_equal(ae.score_samples(frame.assign(b=gaps))[1:], wanted[1:])


def test_times_of_a_zone_and_of_none_are_not_mixed(refused):
    when = pd.date_range("2024-01-01", periods=40, freq="h")
    naive = pd.DataFrame({"t": when, "x": np.arange(40.0)})
    aware = naive.assign(t=naive["t"].dt.tz_localize("Europe/Berlin"))
    dates = pa.table({"t": pa.array(when.date), "x": np.arange(40.0)})
    settings = {"backbone": SMALL, "max_epochs": 1}
    for fitted, others in ((naive, [aware]), (aware, [naive, dates])):
        ae = nw.Autoencoder(2, **settings).fit(fitted)
        for X in others:
            with refused("'t'", "without a zone", "Europe/Berlin"):
                ae.transform(X)
    elsewhere = aware.assign(t=aware["t"].dt.tz_convert("UTC"))
    assert np.array_equal(ae.transform(elsewhere), ae.transform(aware))
    assert nw.Autoencoder(2, **settings).fit(naive).transform(dates).shape == (40, 2)


SPARSE, ODD = pd.array([1, 0, 2], dtype="Sparse[int]"), pd.Categorical([0.5, 1.5, 0.5])


@pytest.mark.parametrize(("frame", "given"), [
    (pd.DataFrame({"a": [2**70, 1, 2], "b": ["x", None, "y"]}), ("'a'", "64 bits")),
    (pd.DataFrame({"a": SPARSE, "b": [1.0, 2.0, 3.0]}), ("'a'", "Sparse[int", "to_dense()")),
    (pd.DataFrame({"a": ODD, "b": [1.0, 2.0, 3.0]}), ("'a'", "0.5", "convert it to floats")),
])  # fmt: skip
def test_the_column_that_is_wrong_is_the_one_that_is_named(frame, given, refused):
    with refused(*given):
        nw.Autoencoder(2).fit(frame)
    with refused("'a'", "take it out of Table(categories=…)"):
        Table(categories=("a",)).learn(pd.DataFrame({"a": [0.5, 1.5]}))
