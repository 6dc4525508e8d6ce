"""One row, in whatever form it comes."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

import narrows as nw
from narrows.inputs.single import one

ROWS = 40
rng = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "a": rng.normal(size=ROWS),
        "b": rng.choice(["x", "y"], ROWS),
        "c": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS), unit="s"),
        "d": rng.random(ROWS) < 0.5,
    }
)
POLARS, ARROW = pl.from_pandas(TABLE), pa.Table.from_pandas(TABLE, preserve_index=False)
FORMS = {
    "pandas": lambda i: TABLE[i : i + 1],
    "a row of pandas": lambda i: TABLE.iloc[i],
    "polars": lambda i: POLARS[i],
    "a row of polars": lambda i: POLARS.row(i),
    "pyarrow": lambda i: ARROW.slice(i, 1),
    "a list": lambda i: TABLE.iloc[i].tolist(),
    "an array of one": lambda i: TABLE.to_numpy(dtype=object)[i : i + 1],
}


@pytest.fixture(scope="module")
def table():
    return nw.Autoencoder(2, max_epochs=2).fit(TABLE)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("other", ["pyarrow", "polars", "pandas"])
def test_rows_of_tables(table, form, other):
    wanted = table.interpolate(TABLE[:1], TABLE[1:2], steps=3)
    pd.testing.assert_frame_equal(table.interpolate(FORMS[form](0), FORMS[other](1), steps=3), wanted)
    assert len(table.traverse(FORMS[form](3), dim=1, steps=5)) == 5


def test_a_row_of_pandas_keeps_its_names(table):
    """So that columns may stand in another order, and scikit-learn does not warn of names that are not there."""
    schema = table.fitted_.schema
    assert list(one(TABLE.iloc[0], schema).columns) == list(TABLE.columns)
    assert isinstance(one(TABLE.iloc[0].reset_index(drop=True), schema), np.ndarray)


@pytest.mark.parametrize("make", [scipy.sparse.csr_matrix, scipy.sparse.csr_array, scipy.sparse.csc_array])
def test_sparse_rows(make):
    X = make(rng.poisson(1.0, (60, 8)).astype(float))
    ae = nw.Autoencoder(2, max_epochs=2).fit(X)
    rows = X.tocsr()
    wanted = ae.interpolate(X.toarray()[0], X.toarray()[1])
    for a, b in ((rows[0], rows[1]), (rows[[0]], rows[1:2]), (rows[0], X.toarray()[1])):
        np.testing.assert_array_equal(ae.interpolate(a, b), wanted)
    assert ae.traverse(rows[[5]]).shape == (8, 8)
    with pytest.raises(ValueError, match="Got 2 rows, but one was expected"):
        ae.traverse(rows[:2])


TEXTS = ["the cat sat", "the dog ran", "a cat and a dog"] * 10


def test_texts():
    ae = nw.Autoencoder(1, max_epochs=2).fit(TEXTS)
    wanted = ae.interpolate(["the cat"], ["a dog"])
    columns = (list, pd.Series, pl.Series, pa.array)
    for form in (str, np.str_, *(lambda text, column=column: column([text]) for column in columns)):
        np.testing.assert_array_equal(ae.interpolate(form("the cat"), form("a dog")), wanted)
        assert ae.traverse(form("the cat")).shape == (8, 6)
    with pytest.raises(ValueError, match="Got 2 rows, but one was expected"):
        ae.traverse(["the cat", "a dog"])


def test_arrays(plane, images):
    ae = nw.Autoencoder(2, max_epochs=1).fit(plane)
    wanted = ae.traverse(plane[:1])
    for row in (plane[0], plane[0].tolist(), tuple(plane[0]), pd.Series(plane[0]), pl.Series(plane[0])):
        np.testing.assert_array_equal(np.asarray(ae.traverse(row)), wanted)
    ae = nw.Autoencoder(2, max_epochs=1).fit(images)
    for row in (images[0], images[:1], images[0].ravel(), images[0].tolist(), [images[0]]):
        assert ae.traverse(row).shape == (8, 8, 8)


def test_wrong_numbers(plane, refused):
    ae = nw.Autoencoder(2, max_epochs=1).fit(plane)
    for dim in (2, -1, 0.5):
        with refused(f"dim={dim!r}", "0 to 1"):
            ae.traverse(plane[0], dim=dim)
    for steps in (1, 2.5, None):
        with refused(f"steps={steps!r}"):
            ae.interpolate(plane[0], plane[1], steps=steps)
    for steps in (0, 2.5):
        with refused(f"steps={steps!r}"):
            ae.traverse(plane[0], steps=steps)


WRONG = [np.zeros((2, 6)), "abc", 3.0, None, pl.DataFrame(np.zeros((2, 6)))]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: type(wrong).__name__)
def test_what_is_not_one_row(plane, wrong, refused):
    ae = nw.Autoencoder(2, max_epochs=1).fit(plane)
    with refused("one" if hasattr(wrong, "shape") else repr(wrong)):
        ae.traverse(wrong)
