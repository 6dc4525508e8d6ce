"""Every source with every input: the answers are those of the same rows in memory, or one sentence says why
there are none."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import narrows as nw
from narrows import inputs
from narrows.sources import Npy, Parquet, found

N = 60
RNG = np.random.default_rng(0)
WORDS = np.array(["red", "green", "blue", "brown", "grey"])
ARRAYS = {
    "rows": RNG.random((N, 6)).astype(np.float32),
    "counts": RNG.integers(0, 5, (N, 6)),
    "images": RNG.integers(0, 256, (N, 9, 8)).astype(np.uint8),
    "photos": RNG.random((4, 20, 17, 3)).astype(np.float32),
    "signals": RNG.normal(size=(N, 16, 2)).astype(np.float32),
    "series": RNG.normal(size=(200, 2)).astype(np.float32),
    "line": RNG.normal(size=200).astype(np.float32),
}
TABLES = {
    "numbers": pa.table({name: RNG.random(N) for name in "abc"}),
    "counts": pa.table({name: RNG.integers(0, 5, N) for name in "abc"}),
    "mixed": pa.table({"a": RNG.random(N), "b": WORDS[RNG.integers(0, 5, N)], "c": RNG.random(N) > 0.5}),
    "texts": pa.table({"text": [" ".join(RNG.choice(WORDS, 6)) for _ in range(N)]}),
    "gaps": pa.table({"a": np.where(RNG.random(N) < 0.2, np.nan, RNG.random(N)), "b": RNG.random(N)}),
}
INPUTS = {
    "vectors": inputs.Vectors(),
    "table": inputs.Table(),
    "counts": inputs.Counts(),
    "text": inputs.Text(min_df=2, max_features=4),
    "images": inputs.Images(),
    "patches": inputs.Patches(size=8),
    "signals": inputs.Signals(),
    "windows": inputs.Signals(window=8),
}
# What an input takes of a source; all else is refused, as it is in memory.
TAKEN = {
    "vectors": ("rows", "counts", "series"),
    "table": ("rows", "counts", "series"),
    "counts": ("rows", "counts"),
    "text": (),
    "images": ("images", "photos", "signals"),
    "patches": ("images", "photos"),
    "signals": ("rows", "counts", "images", "signals", "series"),
    "windows": ("signals", "series", "line", "images", "rows", "counts"),
}
OF_TABLES = {
    "vectors": ("numbers", "counts"),
    "table": ("numbers", "counts", "mixed", "texts", "gaps"),
    "counts": ("numbers", "counts"),
    "text": ("texts",),
    "signals": ("numbers", "counts"),
    "windows": ("numbers", "counts"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for name, array in ARRAYS.items():
        np.save(folder / f"{name}.npy", array)
    for name, table in TABLES.items():
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=25)
    return folder


def answers(input, X, rows):
    ae = nw.Autoencoder(2, input=input, backbone=nw.backbones.MLP(hidden=(8,)), max_epochs=2).fit(X)
    return ae, ae.transform(rows)


def check(input, taken, X, source, refused):
    if not taken:
        for given in (X, source):
            with refused():
                answers(input, given, given)
        return
    ae, wanted = answers(input, X, X)
    assert np.array_equal(ae.transform(source), wanted)
    mine, got = answers(input, source, source)
    assert (
        mine.fitted_.schema == ae.fitted_.schema
        or mine.fitted_.schema.to_json() == ae.fitted_.schema.to_json()
    )
    assert got.shape == wanted.shape and np.isfinite(got).all()
    assert np.array_equal(mine.transform(X), got)


@pytest.mark.parametrize("input", INPUTS)
@pytest.mark.parametrize("name", ARRAYS)
def test_npy_files(files, input, name, refused):
    check(INPUTS[input], name in TAKEN[input], ARRAYS[name], Npy(files / f"{name}.npy"), refused)


@pytest.mark.parametrize("input", INPUTS)
@pytest.mark.parametrize("name", TABLES)
def test_parquet_files(files, input, name, refused):
    taken = name in OF_TABLES.get(input, ())
    check(INPUTS[input], taken, TABLES[name], Parquet(files / f"{name}.parquet"), refused)


@pytest.mark.parametrize("large", [1000, 1 << 28])
def test_texts_of_a_stream(monkeypatch, large):
    monkeypatch.setattr(found, "LARGE", large)
    table = TABLES["texts"]
    ae, wanted = answers("text", table.to_reader(max_chunksize=20), table)
    assert np.array_equal(ae.transform(table.to_reader(max_chunksize=20)), wanted)


@pytest.mark.parametrize("choices", [{}, {"min_df": 3}, {"min_df": 0.2}, {"max_features": 7}])
def test_words_are_learned_from_pieces_as_from_the_whole(files, choices, monkeypatch, refused):
    texts = [
        " ".join(RNG.choice(["a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8", "i9"], 3)) for _ in range(N)
    ]
    texts[10:20] = ["."] * 10  # a piece without words
    pq.write_table(pa.table({"text": texts}), files / "more.parquet")
    source = Parquet(files / "more.parquet")
    source.block = 10
    schema = inputs.Text(**choices).learn(texts)
    assert inputs.Text(**choices).learn(source) == schema
    monkeypatch.setattr("narrows.inputs.text.ENTRIES", 40)
    rows = schema.rows(source)
    assert rows.block < 10 and np.array_equal(rows[5:50], schema.rows(texts)[5:50])
    with refused("60 texts", "min_df"):
        inputs.Text(min_df=61).learn(source)
