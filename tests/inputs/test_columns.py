"""What a table knows of its columns: categories that are new, names, columns left out, whole numbers and days."""

import json
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import narrows as nw
from narrows.inputs import Table
from narrows.inputs.columns import Column, surprise, unseen
from narrows.inputs.schemas import schema_from_json

MAKERS = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": lambda data: pa.table(dict(data))}
GAP = np.nan


def people(n=60, seed=0):
    """Names, an age with gaps as floats, a kind, a day of birth and a moment."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    return pd.DataFrame(
        {
            "name": [f"p{i}" for i in range(n)],
            "age": np.where(rng.random(n) < 0.1, np.nan, np.round(40 + 10 * z)),
            "kind": np.where(z > 0, "x", "y"),
            "born": pd.Timestamp("1980-01-01") - pd.to_timedelta(np.round(3000 * z), unit="D"),
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(z, unit="D"),
        }
    )


# Categories that are new


def test_what_is_new_is_a_gap_that_can_be_told_apart():
    schema = Table().learn(pd.DataFrame({"a": ["x", "y", "x"], "b": [1.0, GAP, 2.0]}))
    with pytest.warns(UserWarning, match="not seen in training"):
        rows = schema.rows(pd.DataFrame({"a": ["z", None, "y"], "b": [GAP, 1.0, 1.0]}))
    np.testing.assert_array_equal(rows, [[GAP, GAP], [GAP, 1], [1, 1]])
    expected = [[True, False], [False, False], [False, False]]
    for copied in (rows, rows[:], np.concatenate([rows]), rows[np.arange(3)], np.asfortranarray(rows)):
        assert unseen(copied).tolist() == expected
    # Three values, one of a category that no other has: (1 + 1) / (3 + 1).
    assert schema.news(rows).tolist() == [[np.log(2), 0], [0, 0], [0, 0]]
    assert not Table().learn(pd.DataFrame({"b": [1.0, GAP]})).news(rows[:, 1:]).any()


def test_the_share_of_what_is_new_is_that_of_categories_seen_once():
    """Good's estimate, on draws of which the share is known."""
    rng = np.random.default_rng(0)
    shares = rng.pareto(1.0, 500)
    shares /= shares.sum()
    found = []
    for _ in range(200):
        counts = rng.multinomial(300, shares)
        found.append((np.exp(-surprise(counts)), shares[counts == 0].sum()))
    said, true = np.mean(found, 0)
    assert said == pytest.approx(true, rel=0.05)
    assert surprise([50, 50]) == pytest.approx(np.log(101)) and surprise(np.ones(20)) == 0


def test_all_columns_are_told_of_at_once():
    schema = Table().learn(pd.DataFrame({"a": ["x", "y"], "b": ["x", "y"], "c": ["x", "y"]}))
    said = r"'a' holds categories in 1 row that were not seen in training \('z'\), and so do 'b': they are"
    with pytest.warns(UserWarning, match=said) as told:
        schema.rows(pd.DataFrame({"a": ["z", "x"], "b": ["z", "z"], "c": ["x", "y"]}))
    assert len(told) == 1


def test_a_schema_of_some_of_the_rows():
    X = pd.DataFrame({"a": list("xyzxy"), "b": np.arange(5.0), "c": [True, False, True, True, False]})
    schema = Table().learn(X)
    rows = schema.rows(X)
    some = schema.narrowed(rows[[0, 2, 3]])
    assert some.columns[0].levels == ("x", "z") and some.levels == (2, 0, 2)
    assert some.columns[0].news == surprise([2, 1])
    recoded = schema.recoding(some)(rows)
    np.testing.assert_array_equal(recoded[:, 0], [0, GAP, 1, 0, GAP])
    assert unseen(recoded).tolist() == [[gap, False, False] for gap in (False, True, False, False, True)]
    np.testing.assert_array_equal(recoded[:, 1:], rows[:, 1:])
    assert schema.recoding(schema.narrowed(rows))(rows) is rows
    nothing = schema.narrowed(np.full((2, 3), GAP))
    assert nothing.levels == schema.levels


# Names


def test_names_are_told_of_and_can_be_left_out():
    X = people(120)
    with pytest.warns(
        UserWarning, match=r"'name' has 120 different values in 120 rows.*drop=\['name'\].*--drop name"
    ):
        Table().learn(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Table(drop=["name"]).learn(X)
        Table(categories=["name"]).learn(X)
        Table().learn(X.assign(name=X["name"].str[:2]))
        Table().learn(X[:100])  # so few rows may have so many categories
    with pytest.warns(UserWarning, match=r"the 10 most frequent are kept.*drop=\['name'\]") as told:
        Table(max_levels=10).learn(X)
    assert len(told) == 1


@pytest.mark.parametrize("library", MAKERS)
def test_a_column_left_out_comes_back_as_it_was(library):
    make, data = MAKERS[library], {k: v.tolist() for k, v in people().drop(columns=["born", "seen"]).items()}
    X, short = make(data), make({k: v for k, v in data.items() if k != "name"})
    schema = Table(drop=["name"]).learn(X)
    assert schema.names == ("age", "kind") and schema.features == 2
    assert schema_from_json(json.loads(json.dumps(schema.to_json()))) == schema
    rows = schema.rows(X)
    assert np.array_equal(rows, schema.rows(short), equal_nan=True)
    back = schema.restore(rows, like=X)
    names = list(back.schema.names if library == "pyarrow" else back.columns)
    assert names == ["name", "age", "kind"] and list(back["name"].to_numpy()) == data["name"]
    answer = schema.restore(rows, like=short)
    assert list(answer.schema.names if library == "pyarrow" else answer.columns) == ["age", "kind"]


def test_what_is_left_out_may_be_anything():
    X = pd.DataFrame({"a": [1.0, GAP, 3.0], "b": [[1], {}, None]})
    assert Table(drop="b").learn(X).rows(X).shape == (3, 1)
    numbered = pd.DataFrame({0: [1.0, GAP], 1: ["p", "q"]})
    schema = Table(drop=[1]).learn(numbered)
    assert list(schema.restore(schema.rows(numbered), like=numbered).columns) == [0, 1]


def test_columns_of_arrays_are_left_out_too():
    X = np.array([[1.0, "p", 2.0], [2.0, "q", 3.0], [None, "r", 4.0]], dtype=object)
    schema = Table(drop="x1").learn(X)
    np.testing.assert_array_equal(schema.rows(X), [[1, 2], [2, 3], [GAP, 4]])
    np.testing.assert_array_equal(schema.rows(X[:, [0, 2]]), schema.rows(X))
    assert schema.restore(schema.rows(X[:2]), like=X[:2]).tolist() == X[:2].tolist()
    assert schema.restore(schema.rows(X), like=X[:, [0, 2]]).shape == (3, 2)
    with pytest.raises(ValueError, match="X has 1 features"):
        schema.rows(X[:, :1])


@pytest.mark.parametrize(
    ("drop", "message"), [(("c",), "there is no column 'c'"), (("a", "b"), "all columns: leave one")]
)
def test_what_cannot_be_left_out(drop, message):
    with pytest.raises(ValueError, match=message):
        Table(drop=drop).learn(pd.DataFrame({"a": [1.0], "b": [2.0]}))


def test_every_verb_takes_rows_with_and_without():
    X = people()
    ae = nw.Autoencoder(2, input=Table(drop=["name"]), max_epochs=1).fit(X)
    assert ae.n_features_in_ == 4 and list(ae.feature_names_in_) == ["age", "kind", "born", "seen"]
    short = X.drop(columns="name")
    for verb in (ae.transform, ae.score_samples):
        assert np.array_equal(verb(X), verb(short))
    assert ae.evaluate(X) == pytest.approx(ae.evaluate(short), nan_ok=True)
    answer = ae.reconstruct(X)
    assert answer["name"].equals(X["name"]) and list(answer.columns) == list(X.columns)
    pd.testing.assert_frame_equal(ae.reconstruct(short), answer.drop(columns="name"))
    assert list(ae.sample(2).columns) == list(short.columns)
    with pytest.raises(ValueError, match="feature names"):
        ae.transform(X.rename(columns={"name": "id"}))


# Whole numbers and days


def test_steps_are_learned_of_frames():
    X = people()
    steps = {c.name: c.step for c in Table(drop=["name"]).learn(X).columns}
    assert steps == {"age": 1.0, "kind": 0.0, "born": 86_400.0, "seen": 0.0}
    schema = Table(drop=["name"]).learn(X)
    rows = np.array([[30.4, 1.0, 86_400 * 2.6, 12.3], [GAP, GAP, GAP, 0.5]])
    np.testing.assert_array_equal(schema.rounded(rows), [[30, 1, 86_400 * 3, 12.3], [GAP, GAP, GAP, 0.5]])
    minutes = pl.DataFrame({"t": [60.0, 3600.0, None]}).select(
        pl.col("t").cast(pl.Duration("us")) * 1_000_000
    )
    assert Table().learn(minutes).columns[0].step == 60
    assert Table().learn(np.array([[1.0], [2.0]])).columns[0].step == 0, "an array is of one type"


def test_values_in_words():
    assert Column("a", "category", "string", ("x", "y")).text(1.0) == "y"
    assert (
        Column("a", "boolean", "bool").text(1.0) == "True"
        and Column("a", "integer", "int64").text(1.6) == "2"
    )
    moment = Column("a", "time", "timestamp[us]")
    assert moment.text(0.4) == "1970-01-01" and moment.text(3661.2) == "1970-01-01 01:01:01"
    assert moment.width(90.0) == "1.5 minutes" and moment.width(0.25) == "0.25 seconds"


# Corners


def test_a_dictionary_of_nothing_is_said_to_be_missing():
    nothing = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int8()), pa.array([GAP]))
    with pytest.raises(ValueError, match="'k' is missing in every row"):
        Table().learn(pa.table({"a": [1.0, 2.0], "k": nothing}))


def test_arrays_of_the_other_order_of_bytes():
    X = np.array([[1.0, GAP], [2.0, 3.0]])
    other = X.astype(X.dtype.newbyteorder("S"))
    schema = Table().learn(other)
    assert schema == Table().learn(X)
    np.testing.assert_array_equal(schema.rows(other), X)


def test_text_that_says_times_is_read_as_times():
    """As what pandas reads from a .csv file does."""
    X = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=40), "a": np.arange(40.0)})
    ae = nw.Autoencoder(2, input="table", max_epochs=2).fit(X)
    said = X.assign(day=X["day"].dt.strftime("%Y-%m-%d"))
    assert np.array_equal(ae.transform(said), ae.transform(X))
    with pytest.raises(ValueError, match="holds 'soon' at row 3, one of 1 such values among 40, but times"):
        ae.transform(said.assign(day=[*said["day"][:3], "soon", *said["day"][4:]]))


def test_the_cell_that_is_no_number_is_named():
    X = pd.DataFrame({"a": np.arange(40.0), "b": ["x", "y"] * 20})
    ae = nw.Autoencoder(2, max_epochs=2).fit(X)
    one = X.assign(a=["1", "n/a?", *map(str, range(38))])
    with pytest.raises(
        ValueError, match=r"holds 'n/a.' at row 1, one of 1 such values among 40, but numbers"
    ):
        ae.transform(one)
    with pytest.raises(ValueError, match="numbers as text"):
        ae.transform(X.assign(a=X["a"].map(str)))
