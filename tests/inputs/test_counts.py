"""Counts and texts: sparse rows made dense a few at a time, what the encoder sees, what is refused."""

import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch
from sklearn.feature_extraction.text import CountVectorizer

import narrows as nw
from narrows.contracts import Shapes
from narrows.inputs import Counts, Text
from narrows.inputs.counts import CountsSchema, embedding
from narrows.inputs.schemas import infer, schema_from_json
from narrows.inputs.sparse import SparseRows
from narrows.inputs.text import TextSchema
from narrows.numerics import generator
from narrows.sources import Memory

RNG = np.random.default_rng(0)
DENSE = RNG.poisson(0.4, (40, 12))
FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]
KINDS = {"matrix": sp.csr_matrix, "array": sp.csr_array}
TEXTS = ["The cat sat on the mat.", "Dogs chase cats!", "the dog, the mat", ""]
FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}


def names(value):
    return repr(value)[:30].replace("\n", " ")


# Rows


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8, bool])
def test_sparse_rows_are_the_dense_ones(form, kind, dtype):
    dense = DENSE.astype(dtype)
    X = KINDS[kind](dense).asformat(form)
    schema = Counts().learn(X)
    rows = schema.rows(X)
    assert schema == Counts().learn(dense) and schema.row == (12,) and schema.features == 12
    assert rows.shape == (40, 12) and len(rows) == 40 and rows.dtype == np.float32 and rows.block >= 1
    assert rows[:].dtype == np.float32 and np.array_equal(rows[:], schema.rows(dense))


@pytest.mark.parametrize(
    "which",
    [
        slice(3, 9),
        slice(38, 99),
        slice(5, 5),
        slice(None, None, -3),
        np.array([7, 0, 7]),
        np.arange(40) % 3 == 0,
        [2, 1],
    ],
    ids=names,
)
def test_rows_are_indexed_as_an_array_is(which):
    rows = Counts().learn(DENSE).rows(sp.csr_array(DENSE))
    assert np.array_equal(rows[which], DENSE[which])
    assert isinstance(rows.take(which), SparseRows) and np.array_equal(rows.take(which)[:], DENSE[which])


def test_an_entry_in_several_parts_is_their_sum_and_the_users_matrix_stays_as_it_is():
    X = sp.csr_array((np.array([1.0, 2.0, 4.0]), np.array([1, 1, 0]), np.array([0, 2, 3])), shape=(2, 3))
    assert np.array_equal(Counts().learn(X).rows(X)[:], [[0, 3, 0], [4, 0, 0]])
    assert X.nnz == 3


def test_a_matrix_is_read_in_pieces_by_every_verb(monkeypatch):
    n, d = 1500, 20_000  # 120 MB, were it dense
    rng = np.random.default_rng(1)
    at = rng.integers(0, n, 9000), rng.integers(0, d, 9000)
    X = sp.coo_array((np.ones(9000, np.int32), at), shape=(n, d)).tocsr()
    largest, read = 0, SparseRows.__getitem__

    def watched(self, which):
        nonlocal largest
        part = read(self, which)
        largest = max(largest, part.size)
        return part

    monkeypatch.setattr(SparseRows, "__getitem__", watched)
    ae = nw.Autoencoder(2, backbone=nw.backbones.MLP(hidden=()), max_epochs=1).fit(X)
    ae.transform(X), ae.score_samples(X), ae.evaluate(X)
    assert 0 < largest <= 2**24


def test_the_whole_is_only_made_dense_when_it_is_said(refused):
    rows = Counts().learn(DENSE).rows(sp.csr_array(DENSE))
    with refused("(40, 12)", "rows[:]"):
        np.asarray(rows)
    with refused("index 3"):
        rows[3]


def test_float32_matrices_are_not_copied():
    X = sp.csr_array(DENSE.astype(np.float32))
    matrix = Counts().learn(X).rows(X).matrix
    assert np.shares_memory(matrix.data, X.data) and np.shares_memory(matrix.indices, X.indices)


@pytest.mark.parametrize("library", FRAMES)
def test_frames_of_counts_come_back_as_frames(library):
    frame = FRAMES[library]({"a": [1, 2, 0], "b": [4.0, 0.0, 6.5]})
    schema = Counts().learn(frame)
    assert schema.names == ("a", "b") and schema.frame == library
    rows = schema.rows(frame)
    assert np.array_equal(rows, [[1, 4], [2, 0], [0, 6.5]])
    assert isinstance(schema.restore(rows, like=frame), type(frame))


def test_what_comes_back_is_dense():
    X = sp.csr_array(DENSE)
    schema, expected = Counts().learn(X), RNG.random((3, 12))
    assert schema.restore(expected, like=X) is expected and schema.restore(expected) is expected


def test_schemas_say_what_a_row_is():
    for schema in (CountsSchema(5), TextSchema(("a", "b"))):
        assert schema.levels is None and not schema.missing and not schema.shared_scale
        assert not schema.scaled, "counts are not scaled"


@pytest.mark.parametrize(
    "schema",
    [
        CountsSchema(3),
        Counts().learn(pd.DataFrame({"a": [1], "b": [2]})),
        Text().learn(TEXTS),
        Text(ngram_range=(1, 2), stop_words=("the", "on"), lowercase=False).learn(TEXTS),
        Text(stop_words="english").learn(TEXTS),
    ],
    ids=names,
)
def test_schemas_survive_json(schema):
    again = schema_from_json(json.loads(json.dumps(schema.to_json())))
    assert again == schema and hash(again) == hash(schema)


def test_sparse_data_are_taken_for_counts():
    assert infer(sp.coo_matrix(DENSE)) == Counts()
    assert isinstance(infer(DENSE), nw.inputs.Vectors)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dok", "dense"])
@pytest.mark.parametrize(
    ("value", "given"), [(-2.5, "-2.5 at row 3, column 7"), (math.nan, "NaN"), (math.inf, "inf")], ids=names
)
def test_values_that_are_no_counts_are_refused(value, given, form, refused):
    bad = DENSE.astype(float)
    bad[3, 7] = value
    X = bad if form == "dense" else sp.csr_array(bad).asformat(form)
    with refused(given, "row 3, column 7"):
        CountsSchema(12).rows(X)


@pytest.mark.parametrize(
    ("X", "given"),
    [
        (sp.csr_array((0, 3)), "0 rows"),
        (sp.csr_array((3, 0)), "0 feature(s)"),
        (sp.coo_array(np.ones(4)), "1-D"),
        (sp.csr_array(np.eye(2) * 1j), "complex"),
        (np.zeros((0, 3)), "0 rows"),
        (np.zeros(3), "(3,)"),
        (np.array([["a", "b"]]), "'a'"),
        (pd.DataFrame({"a": ["x"]}), "'a'"),
    ],
    ids=names,
)
def test_what_is_not_a_matrix_of_counts_is_refused(X, given, refused):
    with refused(given):
        Counts().learn(X).rows(X)


@pytest.mark.parametrize("X", [DENSE, sp.csr_array(DENSE)], ids=["dense", "sparse"])
def test_another_number_of_features_is_refused(X, refused):
    with refused("12 features", "5 features"):
        CountsSchema(5).rows(X)


def test_unknown_transforms_are_refused(refused):
    for part in (Counts, Text):
        with refused("'sqrt'", "'log1p'"):
            part(transform="sqrt")


# What the encoder sees


def embedded(transform, rows, missing=False, train=None):
    module = Counts(transform).build(Shapes(row=rows.shape[1:], latent_dim=1, missing=missing)).double()
    if hasattr(module, "prepare"):
        module.prepare(None, Memory(rows if train is None else train), generator(0))
    return module, module(rows)


ROWS = torch.tensor([[2.0, 2, 0, 0], [0, 0, 10, 0], [1, 0, 0, 5]], dtype=torch.float64)


def test_logarithms_are_those_of_rows_of_the_usual_size():
    module, seen = embedded("log1p", ROWS)
    assert module.size.item() == 6, "the median of 4, 10 and 6"
    wanted = (ROWS * torch.tensor([[6 / 4], [6 / 10], [1]])).log1p()
    assert torch.allclose(seen / seen[0, 0], wanted / wanted[0, 0])
    assert seen.square().sum(1).mean().item() == pytest.approx(1)
    assert set(module.state_dict()) == {"size", "gain"}, "saved with the model"


def test_how_long_a_row_is_does_not_show():
    for transform in ("log1p", "l2"):
        module, seen = embedded(transform, ROWS)
        assert torch.allclose(module(7 * ROWS), seen)


def test_lengths_are_one():
    _, seen = embedded("l2", ROWS)
    assert torch.allclose(seen.norm(dim=1), torch.ones(3).double())
    assert torch.allclose(seen[0], torch.tensor([0.5, 0.5, 0, 0]).double().sqrt())


def test_none_leaves_rows_alone():
    assert embedded("none", ROWS)[1] is ROWS


def test_empty_rows_neither_count_nor_fail():
    train = torch.cat([ROWS, torch.zeros(9, 4)])
    module, seen = embedded("log1p", train)
    assert module.size.item() == 6 and (seen[3:] == 0).all()
    module, seen = embedded("log1p", torch.zeros(2, 4).double())
    assert (seen == 0).all() and module.size == module.gain == 1
    assert (embedded("l2", torch.zeros(2, 4).double())[1] == 0).all()


@pytest.mark.parametrize("transform", ["log1p", "l2"])
def test_gaps_and_noise_below_zero_are_no_counts(transform):
    odd = ROWS.clone()
    odd[0, 2], odd[1, 0] = torch.nan, -3.0
    module, _ = embedded(transform, ROWS, missing=True)
    assert torch.equal(module(odd), module(ROWS))


# Texts


def test_words_are_counted_as_scikit_learn_does():
    schema = Text().learn(TEXTS)
    reference = CountVectorizer().fit(TEXTS)
    assert schema.names == tuple(reference.get_feature_names_out())
    assert np.array_equal(schema.rows(TEXTS)[:], reference.transform(TEXTS).toarray())
    assert schema.row == (len(schema.names),) and schema.features == 1


@pytest.mark.parametrize(
    "choices",
    [
        {"ngram_range": (1, 2)},
        {"stop_words": "english"},
        {"stop_words": ("the", "on")},
        {"lowercase": False},
        {"min_df": 2},
        {"min_df": 0.5},
    ],
    ids=names,
)
def test_choices_are_scikit_learns(choices):
    schema = schema_from_json(json.loads(json.dumps(Text(**choices).learn(TEXTS).to_json())))
    stop = choices.get("stop_words")
    reference = CountVectorizer(**choices | {"stop_words": list(stop) if isinstance(stop, tuple) else stop})
    assert np.array_equal(schema.rows(TEXTS)[:], reference.fit_transform(TEXTS).toarray())


def test_the_most_frequent_words_are_kept_and_of_equals_the_first():
    schema = Text(max_features=3).learn(["zebra ape zebra", "bee zebra", "cow dog"])
    assert schema.names == ("ape", "bee", "zebra")
    assert np.array_equal(schema.rows(["bee dog bee", "cow"])[:], [[0, 2, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    "X",
    [
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object)[:, None],
        pd.Series(TEXTS),
        pd.Series(TEXTS, dtype="category"),
        pl.Series(TEXTS),
        pa.array(TEXTS),
        pa.chunked_array([TEXTS]),
        pd.DataFrame({"t": TEXTS}),
        pl.DataFrame({"t": TEXTS}),
        pa.table({"t": TEXTS}),
    ],
    ids=names,
)
def test_texts_may_come_in_any_column(X):
    schema = Text().learn(X)
    assert schema == Text().learn(TEXTS)
    assert np.array_equal(schema.rows(X)[:], schema.rows(TEXTS)[:])


def test_texts_come_back_as_expected_counts():
    schema, expected = Text().learn(TEXTS), RNG.random((2, 9))
    assert schema.restore(expected, like=pd.DataFrame({"t": TEXTS})) is expected


@pytest.mark.parametrize(
    ("X", "given"),
    [
        (["a text", None], "None of type NoneType at row 1"),
        (["a text", 3.5], "3.5 of type float at row 1"),
        (pd.Series(["a text", np.nan]), "at row 1"),
        ([], "0 rows"),
        ("one text", "'one text'"),
        (5, "one int"),
        ([["a", "b"], ["c", "d"]], "(2, 2)"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "(1, 2)"),
        (["", "?"], "no words"),
        (sp.csr_array(DENSE), "()"),
    ],
    ids=names,
)
def test_what_is_not_a_column_of_texts_is_refused(X, given, refused):
    with refused(given):
        Text().learn(X)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"max_features": 0}, "max_features=0"),
        ({"max_features": 2.5}, "max_features=2.5"),
        ({"min_df": 0}, "min_df=0"),
        ({"min_df": 1.5}, "min_df=1.5"),
        ({"min_df": True}, "min_df=True"),
        ({"ngram_range": 2}, "ngram_range=2"),
        ({"ngram_range": (2, 1)}, "ngram_range=(2, 1)"),
        ({"stop_words": "german"}, "'german'"),
    ],
    ids=names,
)
def test_impossible_choices_are_refused(arguments, given, refused):
    with refused(given):
        Text(**arguments)


# Through a model

SHORT = {"max_epochs": 2, "precision": "float64"}


@pytest.mark.parametrize("likelihood", ["multinomial", "poisson", "negative_binomial"])
def test_a_model_of_sparse_rows_answers_as_for_dense_ones(likelihood, tmp_path):
    X = sp.csr_array(DENSE)
    ae = nw.Autoencoder(2, likelihood=likelihood, **SHORT).fit(X)
    dense = X.toarray().astype(np.float32)
    assert np.array_equal(ae.transform(X), ae.transform(dense))
    assert np.array_equal(ae.score_samples(X), ae.score_samples(dense))
    assert isinstance(ae.reconstruct(X), np.ndarray) and ae.sample(3).shape == (3, 12)
    ae.save(tmp_path / "m.safetensors")
    again = nw.load(tmp_path / "m.safetensors")
    assert np.array_equal(again.reconstruct(X), ae.reconstruct(X))


def test_a_model_of_texts_is_saved_with_its_words(tmp_path):
    texts = TEXTS * 5
    ae = nw.Autoencoder(2, input="text", likelihood="multinomial", **SHORT).fit(texts)
    ae.save(tmp_path / "m.safetensors")
    again = nw.load(tmp_path / "m.safetensors")
    assert again.n_features_in_ == ae.n_features_in_ == 1
    assert np.array_equal(again.transform(TEXTS), ae.transform(TEXTS))
    assert ae.reconstruct(TEXTS).shape == (4, len(ae.fitted_.schema.names))


def test_lengths_can_be_differentiated():
    module = embedding("l2", Shapes(row=(4,), latent_dim=1))
    x = torch.tensor([[1.0, 2.0, 0.5, 2.0], [3.0, 0.2, 4.0, 1.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, (x,)) and torch.equal(module(x.detach()), module(x).detach())
