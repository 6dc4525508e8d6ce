"""Pictures: every layout of the axes, there and back."""

import numpy as np
import pytest

from narrows.inputs import Images
from narrows.inputs.schemas import infer, schema_from_json

LAYOUTS = {  # shape of the array → shape of a row in the network
    (5, 8, 6): (1, 8, 6),
    (5, 8, 6, 3): (3, 8, 6),
    (5, 8, 6, 1): (1, 8, 6),
    (5, 4, 8, 6): (4, 8, 6),
    (5, 1, 8, 6): (1, 8, 6),
    (5, 3, 7): (1, 3, 7),
}


@pytest.mark.parametrize(("shape", "row"), LAYOUTS.items())
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_rows_go_in_and_come_back(shape, row, dtype):
    X = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    schema = Images().learn(X)
    rows = schema.rows(X)
    assert schema.row == row and rows.shape == (5, *row) and schema.features == np.prod(shape[1:])
    back = schema.restore(rows)
    assert np.array_equal(back, X) and back.dtype == (np.uint8 if dtype == np.uint8 else dtype)


@pytest.mark.parametrize("shape", LAYOUTS)
def test_flat_rows_are_accepted_and_answered_flat(shape):
    X = np.random.default_rng(0).normal(size=shape)
    schema = Images().learn(X)
    flat = X.reshape(5, -1)
    assert np.array_equal(schema.rows(flat), schema.rows(X))
    assert np.array_equal(schema.restore(schema.rows(X), like=flat), flat)


def test_channels_last_and_first_mean_the_same():
    X = np.random.default_rng(0).normal(size=(2, 5, 6, 3))
    first = X.transpose(0, 3, 1, 2)
    assert np.array_equal(Images().learn(X).rows(X), Images().learn(first).rows(first))


def test_bytes_are_rounded_and_kept_within_range():
    schema = Images().learn(np.full((1, 2, 2), 200, np.uint8))
    back = schema.restore(np.array([[[[-3.0, 254.6], [300.0, 1.4]]]]))
    assert back.dtype == np.uint8 and back.tolist() == [[[0, 255], [255, 1]]]


@pytest.mark.parametrize(
    ("shape", "given"),
    [((2, 3, 8, 3), "both"), ((2, 5, 6, 7), "no axis"), ((2, 1, 1, 1), "both")],
)
def test_ambiguous_channels_are_refused(shape, given, refused):
    with refused(str(shape), given, "input=Images(channels='first')"):
        Images().learn(np.zeros(shape))


@pytest.mark.parametrize(("channels", "row"), [("first", (3, 8, 3)), ("last", (3, 3, 8))])
def test_ambiguous_channels_can_be_told(channels, row):
    assert Images(channels=channels).learn(np.zeros((2, 3, 8, 3))).row == row


def test_any_number_of_channels_can_be_told():
    assert Images(channels="last").learn(np.zeros((2, 5, 6, 7))).row == (7, 5, 6)


@pytest.mark.parametrize(
    ("X", "given"),
    [
        (np.zeros((2, 64)), "(2, 64)"),
        (np.zeros((2, 1, 1, 8, 8)), "(2, 1, 1, 8, 8)"),
        (np.zeros((0, 8, 8)), "0 rows"),
        (np.array([[["a", "b"]]]), "'a'"),
    ],
    ids=lambda value: repr(value)[:30].replace("\n", " "),
)
def test_what_is_not_pictures_is_refused(X, given, refused):
    with refused(given):
        Images().learn(X)


@pytest.mark.parametrize(
    ("X", "given"),
    [
        (np.zeros((2, 8, 7)), "(8, 7)"),
        (np.zeros((2, 8, 8, 3)), "(8, 8, 3)"),
        (np.zeros((2, 63)), "63 features"),
        (np.full((2, 8, 8), np.nan), "NaN"),
        (np.zeros((0, 8, 8)), "0 rows"),
    ],
    ids=lambda value: repr(value)[:30].replace("\n", " "),
)
def test_other_pictures_than_fitted_are_refused(X, given, refused):
    with refused(given):
        Images().learn(np.zeros((2, 8, 8))).rows(X)


def test_unknown_channels_are_refused(refused):
    with refused("'middle'"):
        Images(channels="middle")


def test_arrays_of_three_and_four_axes_are_pictures():
    assert isinstance(infer(np.zeros((2, 8, 8))), Images)
    assert isinstance(infer(np.zeros((2, 8, 8, 3))), Images)
    assert isinstance(infer(np.zeros((2, 8, 8)).tolist()), Images)


@pytest.mark.parametrize("shape", LAYOUTS)
def test_schemas_survive_json(shape):
    schema = Images().learn(np.zeros(shape, np.uint8))
    assert schema_from_json(schema.to_json()) == schema
