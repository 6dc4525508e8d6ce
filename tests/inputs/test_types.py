"""What answers to tables are made of: the types of the frame that is answered, or of the one that was fitted."""

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import narrows as nw
from narrows.inputs import Table
from narrows.inputs.arrow_types import named
from narrows.inputs.schemas import schema_from_json

LIBRARIES = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": lambda data: pa.table(data) if isinstance(data, dict) else data,
}
libraries = pytest.mark.parametrize("library", LIBRARIES)


def learned(X, **choices):
    """The schema of X, as a file gives it back."""
    return schema_from_json(json.loads(json.dumps(Table(**choices).learn(X).to_json())))


def types(frame):
    kinds = frame.schema.types if isinstance(frame, pa.Table) else frame.dtypes
    return [str(kind) for kind in kinds]


# Numbers ------------------------------------------------------------------------------------------


@libraries
def test_floats_are_rounded_and_kept_within_the_integers_of_an_answered_frame(library):
    schema = learned(pd.DataFrame({"a": [0.5, 1.0], "b": [0.5, 1.0], "c": [0.5, 1.0]}))
    X = {"a": np.array([1, 2, 3], "int8"), "b": np.array([1, 2, 3], "uint16"), "c": [True, False, True]}
    X = LIBRARIES[library](X)
    back = schema.restore(np.array([[1.6, -3.0, 0.4], [1e9, 7.5, 0.6], [-300.0, 1e9, 2.0]]), like=X)
    assert types(back) == types(X)
    plain = back.to_pandas() if library != "pandas" else back
    assert plain["a"].tolist() == [2, 127, -128]
    assert plain["b"].tolist() == [0, 8, 65535]
    assert plain["c"].tolist() == [False, True, True]


@libraries
def test_wide_integers_are_kept_within_narrow_ones(library):
    schema = learned(pd.DataFrame({"a": [0, 100_000]}))
    X = LIBRARIES[library]({"a": np.array([1, 2], "int8")})
    back = schema.restore(np.array([[300.0], [-300.0]]), like=X)
    assert list(np.asarray(back["a"])) == [127, -128] and types(back) == types(X)


def test_whole_numbers_keep_their_last_digit():
    """A category goes through no float."""
    last = 2**63 - 1
    schema = learned(pl.DataFrame({"a": [last, 1]}), categories="a")
    wide = pl.DataFrame({"a": pl.Series([last, 1], dtype=pl.UInt64)})
    assert schema.restore(schema.rows(wide), like=wide)["a"].to_list() == [last, 1]


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "arrow in pandas"])
def test_decimals_come_back_as_decimals(library):
    kind = pa.decimal128(5, 2)
    table = pa.table(
        {"price": pa.array([Decimal("1.25"), Decimal("99.50"), None], kind), "s": ["x", "y", "x"]}
    )
    X = {
        "pandas": table.to_pandas,
        "polars": lambda: pl.from_arrow(table),
        "pyarrow": lambda: table,
        "arrow in pandas": lambda: table.to_pandas(types_mapper=pd.ArrowDtype),
    }[library]()
    schema = learned(X)
    rows = np.array([[1.256, 0.0], [1e6, 1.0]])
    limit = Decimal("1000000.00") if library == "pandas" else Decimal("999.99")  # objects have none
    for back in (schema.restore(rows), schema.restore(rows, like=X[:2])):
        assert types(back) == types(X)
        values = back["price"].to_pylist() if library == "pyarrow" else list(back["price"])
        assert values == [Decimal("1.26"), limit]


def test_numbers_beyond_64_bits_are_refused():
    for X in (
        pd.DataFrame({"a": [2**70, 1], "b": ["x", "y"]}),
        np.array([[2**63, "x"], [-1, "y"]], dtype=object),
        pl.DataFrame({"a": pl.Series([2**70, 1], dtype=pl.Int128), "b": ["x", "y"]}),
    ):
        with pytest.raises(
            ValueError, match=r"Column '(a|x0)' holds whole numbers that do not fit into 64 bits"
        ):
            Table().learn(X)
    wide = pl.DataFrame({"a": pl.Series([2**64 - 1, 1], dtype=pl.UInt64), "b": ["x", "y"]})
    schema = learned(wide)
    back = schema.restore(schema.rows(wide), like=wide)["a"]
    assert back.dtype == pl.UInt64 and back[0] > 2**63 and back[1] == 1
    assert (
        nw.Autoencoder(1, max_epochs=1)
        .fit(pd.DataFrame({"a": [2**70, 1] * 9, "b": range(18)}))
        .n_features_in_
    )


# Categories ---------------------------------------------------------------------------------------


def test_categories_of_pandas_keep_what_was_not_used_and_their_order():
    X = pd.DataFrame(
        {
            "size": pd.Categorical(["s", "m"], categories=["s", "m", "l"], ordered=True),
            "year": pd.Categorical([2021, 2020], categories=[2022, 2021, 2020]),
            "arrow": pd.Series(["x", "y"], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
            "text": pd.Series(["x", "y"], dtype=pd.ArrowDtype(pa.string())),
            "old": pd.Series(["x", "y"], dtype="string[python]"),
            "new": pd.Series(["x", "y"], dtype="string[pyarrow]"),
        }
    )
    schema = learned(X)
    back = schema.restore(schema.rows(X))
    pd.testing.assert_frame_equal(back, X)
    assert back["size"].dtype == X["size"].dtype and back["year"].dtype == X["year"].dtype
    assert back["old"].dtype == X["old"].dtype and back["new"].dtype == X["new"].dtype


def test_categories_of_polars_keep_their_order():
    X = pl.DataFrame({"e": ["x", "y"], "c": ["x", "y"]})
    X = X.cast({"e": pl.Enum(["z", "y", "x"]), "c": pl.Categorical})
    schema = learned(X)
    back = schema.restore(schema.rows(X))
    assert back.schema == X.schema and back.equals(X)


def test_dictionaries_of_pyarrow_keep_their_indices():
    kinds = [pa.dictionary(pa.int8(), pa.string(), True), pa.dictionary(pa.uint16(), pa.large_string())]
    X = pa.table(
        {str(i): pa.array(["x", "y"]).dictionary_encode().cast(kind) for i, kind in enumerate(kinds)}
    )
    schema = learned(X)
    assert schema.restore(schema.rows(X)).schema.types == kinds


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_of_fewer_categories_is_answered_with_all(library):
    kinds = {
        "pandas": lambda known: pd.CategoricalDtype(known),
        "polars": lambda known: pl.Enum(known),
    }[library]
    make = {"pandas": pd.Series, "polars": lambda values, dtype: pl.Series(values, dtype=dtype)}[library]
    frame = LIBRARIES[library]
    schema = learned(frame({"a": make(["x", "y"], dtype=kinds(["x", "y"]))}))
    back = schema.restore(np.array([[1.0], [0.0]]), like=frame({"a": make(["x", "x"], dtype=kinds(["x"]))}))
    assert list(back["a"]) == ["y", "x"]


def test_whole_floats_are_categories():
    """Which is what gaps make of whole numbers in pandas."""
    gaps = pd.DataFrame({"zip": [12345.0, np.nan, 54321.0]})
    whole = pd.DataFrame({"zip": [54321, 12345]})
    for X in (gaps, pl.DataFrame({"zip": [12345.0, np.nan, 54321.0]})):
        schema = learned(X, categories="zip")
        assert schema.columns[0].levels == (12345, 54321)
        np.testing.assert_array_equal(schema.rows(X), [[0], [np.nan], [1]])
        np.testing.assert_array_equal(schema.rows(whole), [[1], [0]])
        assert schema.restore(np.array([[1.0]]))["zip"][0] == 54321.0
    schema = learned(whole, categories="zip")
    np.testing.assert_array_equal(schema.rows(gaps), [[0], [np.nan], [1]])
    assert schema.restore(np.array([[1.0]] * 3), like=gaps)["zip"].dtype == float
    with pytest.warns(UserWarning, match=r"not seen in training \(0\.5\)"):
        schema.rows(pd.DataFrame({"zip": [0.5, 12345.0]}))
    with pytest.raises(ValueError, match=r"'zip' holds numbers such as 0\.5, which cannot be categories"):
        Table(categories="zip").learn(pd.DataFrame({"zip": [1.0, 0.5]}))


def test_wide_integers_are_categories():
    X = pl.DataFrame({"a": pl.Series([2**63, 1, None], dtype=pl.UInt64)})
    schema = learned(X, categories="a")
    np.testing.assert_array_equal(schema.rows(X), [[1], [0], [np.nan]])
    np.testing.assert_array_equal(schema.rows(pl.DataFrame({"a": [1]})), [[0]])
    assert schema.restore(schema.rows(X)).equals(X)


# Times --------------------------------------------------------------------------------------------

TIMES = {
    "Berlin": (pa.timestamp("us", "Europe/Berlin"), 1.7e9),
    "days": (pa.date32(), 86400.0 * 20000),
    "nanoseconds": (pa.timestamp("ns"), 1.7e9),
    "durations": (pa.duration("ms"), -3.5),
    "hours": (pa.time64("ns"), 3600.5),
    "hours in seconds": (pa.time32("s"), 3600.0),
}


@pytest.mark.parametrize(("kind", "second"), TIMES.values(), ids=TIMES)
def test_times_of_all_kinds(kind, second):
    schema = learned(
        pa.table({"t": pa.array([1, 2], pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind)})
    )
    X = schema.restore(np.array([[second], [np.nan]]))
    assert X.schema.types == [kind] and X["t"].null_count == 1
    np.testing.assert_array_equal(schema.rows(X), [[second], [np.nan]])
    for frame in (X.to_pandas(), pl.from_arrow(X)):
        np.testing.assert_array_equal(schema.rows(frame), [[second], [np.nan]])
        assert types(schema.restore(np.array([[second]] * 2), like=frame)) == types(frame)
    ends = schema.restore(np.array([[1e300], [-1e300]]))
    assert np.isfinite(schema.rows(ends)).all()
    ends.to_pandas().to_string()  # no date that Python cannot say


def test_times_of_day_in_pandas():
    X = pd.DataFrame({"t": [dt.time(1, 2, 3), None, dt.time(23, 59, 59)]})
    schema = learned(X)
    np.testing.assert_array_equal(schema.rows(X), [[3723], [np.nan], [86399]])
    assert schema.restore(np.array([[60.0], [1e9]]))["t"].tolist() == [
        dt.time(0, 1),
        dt.time(23, 59, 59, 999999),
    ]


def test_times_and_numbers_are_not_each_other():
    number, moment = pd.DataFrame({"a": [1.0, 2.0]}), pd.DataFrame({"a": pd.to_datetime(["2020", "2021"])})
    span = pd.DataFrame({"a": pd.to_timedelta(["1s", "2s"])})
    for fitted, given in ((number, moment), (moment, number), (moment, span), (span, moment)):
        with pytest.raises(
            ValueError, match=r"'a' is of type .* now, but (numbers|times \(.*\)) were fitted"
        ):
            learned(fitted).rows(given)


# Columns without values ---------------------------------------------------------------------------

FITTED = pd.DataFrame(
    {
        "number": [2.0, 3.0],
        "whole": [1, 2],
        "text": ["x", "y"],
        "flag": [True, False],
        "when": pd.to_datetime(["2020-01-01", "2021-01-01"]),
        "coded": pd.Categorical(["x", "y"]),
        "zip": [12345, 54321],
    }
)
NOTHING = {
    "pandas": lambda names: pd.DataFrame({name: [None, None] for name in names}),
    "pandas NaN": lambda names: pd.DataFrame({name: [np.nan, np.nan] for name in names}),
    "polars": lambda names: pl.DataFrame({name: [None, None] for name in names}),
    "pyarrow": lambda names: pa.table({name: pa.nulls(2) for name in names}),
    "integers": lambda names: pl.DataFrame(
        {n: [None, None] for n in names}, schema=dict.fromkeys(names, pl.Int64)
    ),
}


@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING)
@pytest.mark.parametrize(
    "fitted", [FITTED, pl.from_pandas(FITTED), pa.Table.from_pandas(FITTED)], ids=LIBRARIES
)
def test_a_column_without_values_is_missing_whatever_its_type(fitted, nothing):
    schema, X = learned(fitted, categories="zip"), nothing(list(FITTED))
    assert np.isnan(schema.rows(X)).all()
    rows = schema.rows(fitted)
    back = schema.restore(rows, like=X)
    assert type(back) is type(X)
    np.testing.assert_array_equal(schema.rows(back), rows)  # nothing of what was filled in is lost
    if type(X) is type(fitted) and isinstance(X, (pl.DataFrame, pa.Table)) and "null" in types(X)[0].lower():
        assert types(back) == types(fitted)


def test_pandas_objects_without_values_get_the_types_that_were_fitted():
    back = learned(FITTED).restore(learned(FITTED).rows(FITTED), like=NOTHING["pandas"](list(FITTED)))
    assert types(back) == types(FITTED)


def test_a_fitted_table_answers_a_frame_with_an_empty_column():
    X = pd.concat([FITTED] * 20, ignore_index=True)
    ae = nw.Autoencoder(1, max_epochs=1).fit(X)
    for name in X:
        back = ae.reconstruct(X.assign(**{name: None}))
        assert types(back) == types(X) and not back.isna().any().any()


# Names --------------------------------------------------------------------------------------------


@libraries
def test_what_was_fitted_on_an_array_takes_columns_by_their_place(library):
    X = np.array([[1.0, "x"], [2.0, "y"]], dtype=object)
    schema = learned(X)
    frame = LIBRARIES[library]({"this": [1.0, 2.0], "that": ["x", "y"]})
    rows = schema.rows(frame)
    np.testing.assert_array_equal(rows, schema.rows(X))
    back = schema.restore(rows, like=frame)
    assert type(back) is type(frame)
    assert list(back.columns if library != "pyarrow" else back.column_names) == ["this", "that"]
    with pytest.raises(ValueError, match="1 features, but Autoencoder is expecting 2"):
        schema.rows(LIBRARIES[library]({"this": [1.0]}))


def test_names_that_are_numbers_stay_numbers(tmp_path):
    X = pd.DataFrame({2020: [1.0, None] * 20, 2021: ["x", "y"] * 20})
    ae = nw.Autoencoder(1, max_epochs=1).fit(X)
    ae.save(tmp_path / "m.safetensors")
    for model in (ae, nw.load(tmp_path / "m.safetensors")):
        assert list(model.sample(2).columns) == list(model.reconstruct(X).columns) == [2020, 2021]
    other = pl.from_pandas(X.rename(columns=str))
    assert learned(X).restore(learned(X).rows(other), like=other).columns == ["2020", "2021"]
    assert ae.reconstruct(X, out=tmp_path / "r.parquet").is_file()
    assert ae.reconstruct(X.to_numpy(), out=tmp_path / "r.csv").is_file()


# Types --------------------------------------------------------------------------------------------

NAMES = [
    pa.int8(), pa.float16(), pa.float64(), pa.bool_(), pa.string(), pa.large_string(), pa.string_view(), pa.null(),
    pa.date32(), pa.date64(), pa.time32("ms"), pa.time64("ns"), pa.duration("s"), pa.timestamp("s"),
    pa.timestamp("ns", "America/Argentina/Buenos_Aires"), pa.timestamp("us", "+02:00"), pa.decimal128(38, -2),
    pa.decimal256(60, 3), pa.dictionary(pa.int8(), pa.timestamp("us", "UTC"), True),
]  # fmt: skip


@pytest.mark.parametrize("kind", NAMES, ids=str)
def test_types_are_found_by_their_names(kind):
    assert named(str(kind)) == kind
