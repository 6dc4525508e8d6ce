"""Rows of numbers: what goes in, what comes back, what is refused."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse

import narrows as nw
from narrows.inputs import Vectors
from narrows.inputs.schemas import infer, schema_from_json
from narrows.inputs.vectors import VectorsSchema

TABLE = {"a": [1.0, 2.0, 3.0], "b": [4, 5, 6], "c": [True, False, True]}
FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}

frames = pytest.mark.parametrize("library", FRAMES)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.uint8, np.int64, bool])
def test_numbers_keep_their_dtype(dtype):
    X = np.array([[0, 1], [1, 0]], dtype=dtype)
    schema = Vectors().learn(X)
    assert schema.row == (2,) and schema.features == 2
    assert schema.rows(X).dtype == dtype
    assert np.array_equal(schema.rows(X), X)


def test_half_precision_becomes_single():
    assert Vectors().learn(np.ones((2, 2))).rows(np.ones((2, 2), np.float16)).dtype == np.float32


def test_objects_that_hold_numbers_are_numbers():
    X = np.array([[1, 2.5], [3, 4]], dtype=object)
    assert Vectors().learn(X).rows(X).dtype == np.float64


def test_nested_lists_are_arrays():
    assert np.array_equal(Vectors().learn([[1, 2], [3, 4]]).rows([[1, 2], [3, 4]]), [[1, 2], [3, 4]])


@frames
def test_frames_are_read_and_remembered(library):
    schema = Vectors().learn(FRAMES[library](TABLE))
    assert schema.names == ("a", "b", "c") and schema.frame == library
    assert np.array_equal(schema.rows(FRAMES[library](TABLE)), [[1, 4, 1], [2, 5, 0], [3, 6, 1]])


@frames
def test_rows_go_back_to_the_frame_that_was_fitted(library):
    schema = Vectors().learn(FRAMES[library](TABLE))
    frame = schema.restore(np.array([[1.5, 2.5, 3.5]]))
    assert isinstance(frame, type(FRAMES[library](TABLE)))
    values = frame.to_pandas() if library != "pandas" else frame
    assert values.to_dict("list") == {"a": [1.5], "b": [2.5], "c": [3.5]}


def test_rows_go_back_to_the_kind_that_was_given():
    rows = np.array([[1.0, 2.0, 3.0]])
    schema = Vectors().learn(pd.DataFrame(TABLE))
    assert schema.restore(rows, like=rows) is rows, "an array for an array, whatever was fitted"
    assert isinstance(schema.restore(rows, like=pl.DataFrame(TABLE)), pl.DataFrame)
    assert Vectors().learn(rows).restore(rows) is rows
    assert list(Vectors().learn(rows).restore(rows, like=pd.DataFrame(TABLE).iloc[:1]).columns) == [
        "a",
        "b",
        "c",
    ]


def test_pandas_keeps_its_index():
    frame = pd.DataFrame(TABLE, index=["x", "y", "z"])
    back = Vectors().learn(frame).restore(np.zeros((3, 3)), like=frame)
    assert list(back.index) == ["x", "y", "z"]


NUMBERS = {
    "bool": (pa.bool_(), np.float32), "int8": (pa.int8(), np.float32), "int16": (pa.int16(), np.float32),
    "int32": (pa.int32(), np.float64), "int64": (pa.int64(), np.float64), "uint16": (pa.uint16(), np.float32),
    "uint32": (pa.uint32(), np.float64), "half": (pa.float16(), np.float32), "single": (pa.float32(), np.float32),
    "double": (pa.float64(), np.float64), "decimal": (pa.decimal128(25, 2), np.float64),
}  # fmt: skip


def numbers(kind):
    values = np.random.default_rng(0).integers(0, 2, (40, 3))
    if kind == pa.float16():
        return pa.table(
            {name: pa.array(v.astype(np.float16)) for name, v in zip("abc", values.T, strict=True)}
        )
    return pa.table({name: pa.array(v).cast(kind) for name, v in zip("abc", values.T, strict=True)})


@pytest.mark.parametrize("kind", NUMBERS)
def test_every_verb_answers_a_frame_in_one_precision(kind, tmp_path):
    arrow, dtype = NUMBERS[kind]
    table = numbers(arrow)
    pq.write_table(table, tmp_path / "x.parquet")
    file = nw.sources.Parquet(tmp_path / "x.parquet")
    small = nw.backbones.MLP(hidden=(8,))
    for fitted in (table, file):
        ae = nw.Autoencoder(2, input=Vectors(), backbone=small, max_epochs=1).fit(fitted)
        codes = [ae.transform(X) for X in (table, file)]
        assert [z.dtype for z in codes] == [dtype] * 2
        assert np.array_equal(*codes)
        answers = [ae.reconstruct(table), ae.reconstruct(file), ae.sample(4)]
        answers += [ae.inverse_transform(codes[0].astype(d)) for d in (np.float32, np.float64)]
        answers.append(ae.interpolate(table.slice(0, 1), table.slice(1, 1)))
        for answer in answers:
            assert answer.schema.types == [pa.from_numpy_dtype(dtype)] * 3
        assert answers[0].equals(answers[1])


@pytest.mark.parametrize(("kind", "dtype"), [
    ("int64", "float64"), ("Int8", "float32"), ("Float32", "float32"), ("float16", "float32"), ("Float64", "float64"),
])  # fmt: skip
def test_numbers_of_pandas_come_back_as_floats_of_one_precision(kind, dtype):
    frame = pd.DataFrame(numbers(pa.int8()).to_pandas()).astype(kind)
    ae = nw.Autoencoder(2, input=Vectors(), backbone=nw.backbones.MLP(hidden=(8,)), max_epochs=1).fit(frame)
    for answer in (ae.reconstruct(frame), ae.inverse_transform(ae.transform(frame)), ae.sample(3)):
        assert answer.dtypes.astype(str).tolist() == [dtype] * 3
    counts = nw.Autoencoder(2, input="counts", backbone=nw.backbones.MLP(hidden=(8,)), max_epochs=1).fit(
        frame
    )
    assert counts.sample(3).dtypes.astype(str).tolist() == [dtype] * 3


@pytest.mark.parametrize("input", [None, "counts", "vectors"])
def test_one_axis_in_a_file_is_refused_as_in_memory(input, tmp_path, refused):
    np.save(tmp_path / "x.npy", np.arange(20.0))
    for X in (np.arange(20.0), nw.sources.Npy(tmp_path / "x.npy")):
        with refused("1-D array of shape (20,)", "reshape(-1, 1)"):
            nw.Autoencoder(2, input=input).fit(X)


@frames
def test_schemas_survive_json(library):
    for X in (np.zeros((2, 3)), FRAMES[library](TABLE)):
        schema = Vectors().learn(X)
        assert schema_from_json(schema.to_json()) == schema


def test_what_is_not_an_image_is_a_vector():
    assert isinstance(infer(np.zeros((3, 64))), Vectors)
    assert isinstance(infer([[1, 2]]), Vectors)
    assert isinstance(infer(pd.DataFrame(TABLE).drop(columns="c")), Vectors)


@pytest.mark.parametrize(
    ("X", "given"),
    [
        (np.array([[1.0, np.nan]]), "NaN at row 0, column 1"),
        (np.array([[1.0], [-np.inf]]), "inf"),
        (np.array([["a", "b"]]), "'a'"),
        (np.array([["a", 1]], dtype=object), "object"),
        (np.zeros(3), "(3,)"),
        (np.zeros((2, 3, 4)), "(2, 3, 4)"),
        (np.zeros((0, 3)), "0 rows"),
        (np.zeros((3, 0)), "0 feature(s)"),
        (np.zeros((2, 2), complex), "complex"),
        (scipy.sparse.csr_matrix(np.eye(3)), ".toarray()"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}), "'b'"),
        (pl.DataFrame({"a": [1.0, None], "b": [1, 2]}), "column 'a'"),
        (pd.DataFrame({"a": [1.0, None], "b": [1, 2]}), "column 'a'"),
        (pd.DataFrame({"when": pd.to_datetime(["2020-01-01"])}), "'when'"),
        (3, "()"),
    ],
    ids=lambda value: repr(value)[:30].replace("\n", " "),
)
def test_what_is_not_a_table_of_numbers_is_refused(X, given, refused):
    with refused(given):
        Vectors().learn(X)


def test_another_number_of_columns_is_refused(refused):
    with refused("3 features", "4 features"):
        VectorsSchema(features=4).rows(np.zeros((2, 3)))


def test_numbers_whose_sum_overflows_are_finite():
    X = np.full((2, 2), 1e308)
    assert np.array_equal(Vectors().learn(X).rows(X), X)
