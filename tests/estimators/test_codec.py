"""Compression: what comes back, how far off, how many bytes, and what damage does."""

import io
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import narrows as nw
from narrows.backbones import MLP, Principal
from narrows.bottlenecks import Factorised
from narrows.coding import Damaged, Reader, Writer, plain
from narrows.estimators import codec as module
from narrows.estimators._thrifty import worth
from narrows.estimators.contents.packed import packed
from narrows.sources import Npy, wav

GOLDEN = Path(__file__).parent / "golden"


def model(latent=3, backbone=None, bottleneck=None, **choices):
    backbone, bottleneck = backbone or Principal(()), bottleneck or Factorised(0.01)
    keywords = {"scale": "standard", "likelihood": "normal", "max_epochs": 2, "random_state": 0} | choices
    return nw.Autoencoder(latent, backbone=backbone, bottleneck=bottleneck, **keywords)


def table(n=600, d=8, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 2)) @ rng.normal(size=(2, d)) + 0.05 * rng.normal(size=(n, d))).astype(dtype)


@pytest.fixture(scope="module")
def codec():
    return nw.Codec(model()).fit(table())


def promised(codec, **promise):
    return codec.set_params(**{"max_error": None, "rel_error": None, "lossless": False} | promise)


# What comes back


@pytest.mark.parametrize(
    "promise", [{"max_error": 1e-2}, {"max_error": 1e-6}, {"rel_error": 1e-3}, {"lossless": True}]
)
def test_every_value_keeps_the_promise(codec, promise):
    X = table(seed=1)
    Y = promised(codec, **promise).decompress(codec.compress(X))
    assert Y.dtype == X.dtype and Y.shape == X.shape
    bound = promise.get("max_error", promise.get("rel_error", 0) * np.ptp(X.astype(float), axis=0))
    assert (np.abs(Y.astype(float) - X) <= bound).all()
    assert codec.sizes_["error"] == np.abs(Y.astype(float) - X).max()


TYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), exponent=st.integers(-12, -1), name=st.sampled_from(TYPES))
def test_the_bound_holds_for_any_numbers_of_any_type(codec, data, exponent, name):
    """±0, subnormals, the largest, NaN and infinity among them."""
    X = data.draw(hnp.arrays(name, st.tuples(st.integers(1, 12), st.just(8))))
    there = np.isfinite(X)
    with np.errstate(over="ignore"):
        span = np.float64(X.max(initial=0, where=there)) - np.float64(X.min(initial=0, where=there))
    bound = float(np.clip(10.0**exponent * span, 0, 1e300))
    Y = promised(codec, max_error=bound).decompress(codec.compress(X))
    assert Y.dtype == X.dtype
    assert X[~there].tobytes() == Y[~there].tobytes()
    for x, y in zip(X[there].tolist(), Y[there].tolist(), strict=True):
        assert abs(x - y) <= bound
    back = promised(codec, lossless=True).decompress(codec.compress(X))
    assert back.tobytes() == X.tobytes()


def test_constants_and_no_rows(codec):
    for X in (np.full((50, 8), 3.25, np.float32), np.zeros((0, 8), np.float32), np.full((3, 8), np.nan)):
        Y = promised(codec, max_error=0.1).decompress(codec.compress(X))
        np.testing.assert_array_equal(Y, X)


def test_gaps_come_back_without_any_promise(codec):
    X = table(seed=2)
    X[3, 4], X[5, 1] = np.nan, np.inf
    Y = promised(codec).decompress(codec.compress(X))
    assert np.isnan(Y[3, 4]) and Y[5, 1] == np.inf and np.isfinite(Y).sum() == X.size - 2


def test_pictures_series_and_lists_of_numbers():
    rng = np.random.default_rng(0)
    images = (rng.random((40, 6, 6, 3)) * 255).astype(np.uint8)
    series = np.cumsum(rng.normal(size=(333, 2)), 0)
    for X, kind in ((images, None), (images[..., 0] / 255.0, None), (series, nw.inputs.Signals(window=16))):
        codec = nw.Codec(model(), max_error=2.0 if X.dtype == np.uint8 else 0.01, input=kind).fit(X)
        Y = codec.decompress(codec.compress(X))
        assert Y.shape == X.shape and Y.dtype == X.dtype
        assert np.abs(Y.astype(float) - X).max() <= codec.max_error
        part = codec.decompress(codec.compress(X), start=7, stop=20)
        np.testing.assert_array_equal(part, Y[7:20])


def test_a_sound_is_a_series(tmp_path):
    t = np.sin(np.arange(3000) / 7).astype(np.float32)[:, None]
    wav.write(tmp_path / "s.wav", t, 8000)
    codec = nw.Codec(model(), max_error=1e-3, input=nw.inputs.Signals(window=32)).fit(tmp_path / "s.wav")
    assert np.abs(codec.decompress(codec.compress(tmp_path / "s.wav")) - t).max() <= 1e-3


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_tables_come_back_as_frames(library):
    rng = np.random.default_rng(0)
    z = rng.normal(size=200)
    columns = {
        "x": z,
        "y": 3 * z + 0.1 * rng.normal(size=200),
        "kind": np.where(z > 0, "u", "v"),
        "n": np.arange(200),
    }
    frame = library(columns)
    codec = nw.Codec(model(backbone=MLP((16,)), likelihood=None), max_error=0.05).fit(frame)
    back = codec.decompress(codec.compress(frame))
    assert type(back) is type(frame)
    assert back["kind"].to_list() == frame["kind"].to_list() and back["n"].to_list() == frame["n"].to_list()
    assert np.abs(back["y"].to_numpy() - frame["y"].to_numpy()).max() <= 0.05


@pytest.mark.parametrize("part", [nw.bottlenecks.VQ(codes=16), nw.bottlenecks.FSQ((5, 5, 5))])
def test_other_discrete_codes(part):
    X = table()
    codec = nw.Codec(model(backbone=MLP((16,)), bottleneck=part), max_error=0.02).fit(X)
    assert np.abs(codec.decompress(codec.compress(X)) - X).max() <= 0.02


@pytest.mark.slow
def test_the_default_needs_nothing():
    X = table(300)
    codec = nw.Codec(rel_error=0.01).fit(X)
    assert len(codec.compress(X)) < X.nbytes / 3


def test_a_nat_is_worth_more_where_the_bound_is_wider():
    rows = table().astype(float) / table().std(0)
    narrow, wide = (worth(rows, eps, None, False) for eps in (0.001, 0.01))
    assert wide == pytest.approx(100 * narrow, rel=0.01)
    assert worth(rows, None, 0.01 / np.median(np.ptp(rows, axis=0)), False) == pytest.approx(wide, rel=0.2)
    assert worth(rows, None, None, True) < worth(rows, None, None, False)
    assert worth(np.full((5, 2), np.nan), 0.1, None, False) > 0


def test_golden_archives_of_version_1_are_read_for_ever():
    """With their models inside, chunks of all three ways, gaps, categories that the model does not know."""
    codec = nw.load(GOLDEN / "array-1.nrw")
    np.testing.assert_array_equal(codec.decompress(GOLDEN / "array-1.nrw"), np.load(GOLDEN / "array-1.npy"))
    with Reader(GOLDEN / "array-1.nrw") as reader:
        assert {entry.method for entry in reader.entries} == {0, 1, 2}
    codec = nw.load(GOLDEN / "table-1.nrw")
    frame = codec.decompress(GOLDEN / "table-1.nrw")
    pd.testing.assert_frame_equal(frame, pd.read_csv(GOLDEN / "table-1.csv"), check_dtype=False)
    assert set(frame["kind"].dropna()) == {"u", 'é "new"'}


# How many bytes


def test_never_more_than_the_other_ways(codec):
    """A chunk is as short as the shortest way, zstd and the bytes themselves among them."""
    rng = np.random.default_rng(0)
    for X in (
        table(seed=3),
        rng.integers(0, 2**31, (600, 8)),
        np.zeros((600, 8)),
    ):
        data = promised(codec, lossless=True).compress(X)
        assert len(data) <= min(len(plain.encode(X)), X.nbytes + 1) + 1200  # the header


def test_the_length_is_what_the_frequencies_say(codec):
    X = table(20_000, seed=4)
    promised(codec)
    bits = codec.tables_.bits(nw.tasks.symbols.symbols(codec.ae_.fitted_, X))
    assert len(codec.compress(X)) <= 1.01 * bits / 8 + 1400
    assert codec.sizes_["chunks"]["model"] == 1


# The same everywhere


def test_batches_and_threads_change_nothing(codec, monkeypatch):
    X, before, found = table(2000, seed=5), torch.get_num_threads(), []
    monkeypatch.setattr(module, "CHUNK", 150 * X[0].nbytes)  # several at once
    promised(codec, max_error=1e-3)
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            data = codec.compress(X)
            found.append((data, codec.decompress(data).tobytes()))
    finally:
        torch.set_num_threads(before)
    assert len(set(found)) == 1
    # A row is guessed alike whatever chunk it is in, by the same way.
    ways = nw.Codec._ways
    monkeypatch.setattr(nw.Codec, "_ways", lambda *given: {i: ways(*given)[i] for i in (0, 1)})
    alone = promised(codec).decompress(codec.compress(X))
    for rows in (1, 7, 999):
        monkeypatch.setattr(module, "CHUNK", rows * X[0].nbytes)
        found = codec.decompress(codec.compress(X))
        by_zstd = (found == X).all(1)  # of a single row the shortest may be its bytes
        np.testing.assert_array_equal(found[~by_zstd], alone[~by_zstd])
        assert rows == 1 or not by_zstd.any()


def test_a_fresh_process_reads_it(codec, tmp_path):
    X = table(seed=6)
    (tmp_path / "x.nrw").write_bytes(promised(codec, max_error=1e-3).compress(X))
    codec.save(tmp_path / "m.safetensors")
    program = (
        "import sys, numpy as np, narrows as nw;"
        "np.save(sys.argv[3], nw.load(sys.argv[1]).decompress(sys.argv[2]))"
    )
    words = [tmp_path / "m.safetensors", tmp_path / "x.nrw", tmp_path / "y.npy"]
    subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), codec.decompress(tmp_path / "x.nrw"))


def test_files_are_read_and_written_in_pieces(codec, tmp_path, monkeypatch):
    X = table(500, seed=7)
    np.save(tmp_path / "x.npy", X)
    monkeypatch.setattr(module, "CHUNK", 64 * X[0].nbytes)
    promised(codec, max_error=1e-3).compress(Npy(tmp_path / "x.npy"), tmp_path / "x.nrw")
    assert (tmp_path / "x.nrw").read_bytes() == codec.compress(X)
    codec.decompress(tmp_path / "x.nrw", tmp_path / "y.npy")
    assert np.abs(np.load(tmp_path / "y.npy") - X).max() <= 1e-3


def test_the_model_may_be_inside(codec, tmp_path):
    X = table(seed=8)
    promised(codec, max_error=1e-3).compress(X, tmp_path / "x.nrw", embed=True)
    assert codec.sizes_["model"] > 0
    found = nw.load(tmp_path / "x.nrw")
    np.testing.assert_array_equal(found.decompress(tmp_path / "x.nrw"), codec.decompress(tmp_path / "x.nrw"))
    inside = codec.sizes_["stored"]
    codec.compress(X, tmp_path / "y.nrw")
    assert inside - codec.sizes_["stored"] == pytest.approx(codec.sizes_["model"], abs=200)
    stored, size, raw = codec.sizes_["stored"], codec.sizes_["model"], X.nbytes
    assert codec.ratio() == raw / (stored + size) and codec.ratio(float("inf")) == raw / stored
    assert codec.ratio(codec.break_even_) == pytest.approx(1)
    with pytest.raises(ValueError, match="but not the model"):
        nw.load(tmp_path / "y.nrw")


@pytest.mark.parametrize(
    "choices",
    [{"backbone": Principal((8,))}, {"backbone": MLP((16,))}, {"backbone": MLP((16,), tied=True)}],
)
def test_inside_is_the_half_that_decompresses(choices, tmp_path, refused):
    """Without the encoder, except where the decoder needs its weights; a hash names both halves alike."""
    X = table()
    whole = nw.Codec(model(**choices), max_error=1e-2).fit(X)
    whole.compress(X, tmp_path / "x.nrw", embed=True)
    whole.save(tmp_path / "whole.safetensors")
    half = nw.load(tmp_path / "x.nrw")
    back = half.decompress(tmp_path / "x.nrw")
    np.testing.assert_array_equal(back, whole.decompress(tmp_path / "x.nrw"))
    np.testing.assert_array_equal(
        back, nw.load(tmp_path / "whole.safetensors").decompress(tmp_path / "x.nrw")
    )
    assert whole.sizes_["model"] < (tmp_path / "whole.safetensors").stat().st_size
    tied = getattr(choices["backbone"], "tied", False)
    assert np.isnan(half.ae_.transform(X)).all() != tied  # answers that look like some would be worse
    with refused("half"):
        half.compress(X)
    half.save(tmp_path / "half.safetensors")
    assert (tmp_path / "half.safetensors").stat().st_size == whole.sizes_["model"]
    np.testing.assert_array_equal(nw.load(tmp_path / "half.safetensors").decompress(tmp_path / "x.nrw"), back)


def test_pca_has_no_idle_components_and_is_kept_in_single_precision():
    X = table(d=20)  # near a plane
    codec = nw.Codec(model(latent=2)).fit(X)
    few = codec.linear_.components
    assert len(few) < 20 and (few == few.astype(np.float32)).all()
    assert codec.linear_.symbols(X)[:, -1].any()


# What goes wrong


def test_whatever_decoding_depends_on_makes_another_model(codec, tmp_path, refused):
    """The scaler, the schema, weights, tables and PCA: not a chunk that is damaged."""
    data = promised(codec, max_error=1e-2).compress(table())
    codec.save(tmp_path / "m.safetensors")

    def other():
        return nw.load(tmp_path / "m.safetensors")

    other().decompress(data)
    for change in (
        lambda fitted: {"affine": replace(fitted.affine, scale=fitted.affine.scale * (1 + 1e-12))},
        lambda fitted: {"schema": replace(fitted.schema, dtype="float64")},
    ):
        found = other()
        found.ae_.fitted_ = replace(found.ae_.fitted_, **change(found.ae_.fitted_))
        with refused("another model"):
            found.decompress(data)
    found = other()
    with torch.no_grad():
        found.ae_.net_.decoder.centre[0] += 1e-3
    with refused("another model"):
        found.decompress(data)
    found = other()
    found.linear_ = replace(found.linear_, step=2 * found.linear_.step)
    with refused("another model"):
        found.decompress(data)
    found = other()
    with torch.no_grad():
        found.ae_.net_.encoder.centre[0] += 1e-3  # which only compression looks at
    found.decompress(data)


def test_more_rows_than_memory_holds_are_refused_before_any(codec, refused):
    """2³³ rows, by an index that adds up."""
    claimed, data = 4096, io.BytesIO()
    header = {"dtype": "|u1", "shape": [8], "content": "array", "decoder": codec._decoder()}
    with Writer(data, header | {"promise": {"eps": None, "lossless": True}}) as writer:
        for _ in range(claimed):
            writer.append(2**21, 0, b"", 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"do not fit|damaged"):
        codec.decompress(data.getvalue())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # KiB


def test_forged_headers_are_refused_in_a_sentence(codec, refused):
    X = table(20)
    data = promised(codec, max_error=1e-2).compress(X)
    with Reader(data) as reader:
        header, chunk = dict(reader.header), reader.chunk(0)
    for change in (
        {"promise": None},
        {"promise": {"eps": "x", "lossless": False}},
        {"content": "others"},
        {"content": "series", "items": [3, "abc"]},
        {"content": "series", "items": packed({"lengths": [19], "names": None})},
        {"content": "series", "items": packed({"lengths": [20], "names": ["../x.wav"]})},
        {"content": "series", "items": packed({"lengths": [20], "names": ["/x.wav"]})},
        {"content": "photographs", "items": packed({"sizes": [[8, 8]], "names": None})},
        {"content": "sparse", "of": "|O"},
        {"content": "table", "table": packed({"columns": 3})},
    ):
        forged = io.BytesIO()
        with Writer(forged, header | change) as writer:
            writer.append(chunk.stop, chunk.method, chunk.payload, chunk.content)
        with refused():
            codec.decompress(forged.getvalue())


def test_damage_names_its_rows_and_leaves_the_rest(codec, monkeypatch):
    X = table(300, seed=9)
    monkeypatch.setattr(module, "CHUNK", 100 * X[0].nbytes)
    data = bytearray(promised(codec, max_error=1e-2).compress(X))
    whole = codec.decompress(bytes(data))
    middle = len(data) - (len(data) - 900) // 2
    data[middle] ^= 1
    with pytest.raises(Damaged, match=r"rows 100 to 199") as told:
        codec.decompress(bytes(data))
    assert (told.value.start, told.value.stop) == (100, 200)
    np.testing.assert_array_equal(codec.decompress(bytes(data), stop=100), whole[:100])
    np.testing.assert_array_equal(codec.decompress(bytes(data), start=200), whole[200:])


def test_an_interrupted_answer_leaves_no_file(codec, tmp_path, monkeypatch):
    X = table(300, seed=9)
    monkeypatch.setattr(module, "CHUNK", 100 * X[0].nbytes)
    data = bytearray(promised(codec, max_error=1e-2).compress(X))
    data[-200] ^= 1
    with pytest.raises(ValueError):
        codec.decompress(bytes(data), tmp_path / "y.npy")
    assert not any(tmp_path.iterdir())


def test_what_cannot_be_is_said_in_a_sentence(codec, refused):
    X = table(60)
    other = nw.Codec(model(random_state=1)).fit(X)
    with refused("another model"):
        other.decompress(codec.compress(X))
    with refused("discrete codes"):
        nw.Codec(nw.Autoencoder(2, max_epochs=1)).fit(X)
    for wrong in ({"max_error": -1}, {"rel_error": "x"}, {"max_error": 1, "lossless": True}):
        with refused("pass"):
            nw.Codec(model(), **wrong).fit(X)
    with refused("features"):
        codec.compress(X[:, :3])
