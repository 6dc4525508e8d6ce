"""What a codec takes and gives back: tables, sparse matrices, several series and sounds, pictures and photographs."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse
from PIL import Image
from scipy.io import wavfile

import narrows as nw
from narrows.backbones import MLP, Principal
from narrows.bottlenecks import Factorised
from narrows.coding import Damaged
from narrows.estimators import codec as module
from narrows.estimators._thrifty import divided
from narrows.sources import wav


def model(backbone=None, **choices):
    keywords = {"scale": "standard", "likelihood": "normal", "max_epochs": 1, "random_state": 0} | choices
    return nw.Autoencoder(3, backbone=backbone or Principal(()), bottleneck=Factorised(0.01), **keywords)


PROMISES = ({}, {"max_error": 0.05}, {"rel_error": 0.01}, {"lossless": True})


def promised(codec, **promise):
    return codec.set_params(**{"max_error": None, "rel_error": None, "lossless": False} | promise)


# Tables


def columns(seed=0, n=200, kinds=("u", "v")):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    return {
        "x": z,
        "kind": [kinds[i] for i in rng.integers(0, len(kinds), n)],
        "size": rng.integers(0, 3, n) * 10,
        "on": rng.random(n) > 0.5,
        "n": np.arange(n),
    }


@pytest.fixture(scope="module")
def tables():
    """A codec of tables; `size` holds whole numbers that are categories."""
    frame = pd.DataFrame(columns())
    ae = model(MLP((8,)), likelihood=None, input=nw.inputs.Table(categories=("size",)))
    return nw.Codec(ae).fit(frame)


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_categories_that_were_never_seen_come_back(tables, library, promise):
    made = columns(seed=1, kinds=("u", "new", "", 'é"\n', None))
    made["size"] = made["size"] + 5
    given = library(made)
    back = promised(tables, **promise).decompress(tables.compress(given))
    assert type(back) is type(given)
    for name in ("kind", "size", "on", "n"):
        mine, its = (pa.table(x) if library is dict else x for x in (given, back))
        assert list(_plain(its, name)) == list(_plain(mine, name)), name
    bound = {"max_error": 0.05}.get(next(iter(promise), ""), 0.01 * np.ptp(made["x"]))
    if promise:
        assert np.abs(np.asarray(back["x"]) - made["x"]).max() <= bound


def _plain(frame, name):
    values = frame[name]
    values = values.to_pylist() if hasattr(values, "to_pylist") else values.to_list()
    return [None if v is None or v != v else v for v in values]


def test_known_categories_need_nothing_in_the_header(tables):
    same, other = pd.DataFrame(columns(seed=2)), pd.DataFrame(columns(seed=2, kinds=("u", "w")))
    promised(tables, max_error=0.05)
    assert b'"table":' not in tables.compress(same)[:2000]
    assert b'"table":' in tables.compress(other)[:2000]


def test_more_categories_than_were_kept_come_back(refused):
    """Also those that were cut in the fit, which the schema calls gaps."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300), "id": [f"n{i % 40}" for i in range(300)]})
    with pytest.warns(UserWarning, match="most frequent"):
        codec = nw.Codec(model(MLP((8,)), likelihood=None, input=nw.inputs.Table(max_levels=5))).fit(frame)
    back = codec.decompress(codec.compress(frame))
    assert back["id"].to_list() == frame["id"].to_list()


def test_categories_in_files_are_read_in_pieces(tables, tmp_path, monkeypatch):
    frame = pd.DataFrame(columns(seed=3, n=500, kinds=("v", "later")))
    frame["kind"] = ["v"] * 400 + ["later"] * 100
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "x.parquet", row_group_size=64)
    monkeypatch.setattr(module, "CHUNK", 64 * 40)
    promised(tables, lossless=True).compress(nw.sources.Parquet(tmp_path / "x.parquet"), tmp_path / "x.nrw")
    tables.decompress(tmp_path / "x.nrw", tmp_path / "y.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "y.parquet"), frame, check_dtype=False)
    some = tables.decompress(tmp_path / "x.nrw", start=399, stop=401)
    assert some["kind"].to_pylist() == ["v", "later"]


def test_types_are_those_that_were_given(tables):
    frame = pd.DataFrame(columns(seed=4))
    frame = frame.astype(
        {"x": "float32", "n": "int16", "kind": pd.CategoricalDtype(["v", "u", "t"], ordered=True)}
    )
    back = promised(tables, max_error=0.05).decompress(tables.compress(frame))
    pd.testing.assert_frame_equal(back.drop(columns="x"), frame.drop(columns="x"))
    assert back["x"].dtype == np.float32
    assert np.abs(back["x"].astype(float) - frame["x"].astype(float)).max() <= 0.05


def test_frames_of_numbers_keep_whole_ones():
    """Also where the model takes them for vectors."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.normal(size=100), "b": np.arange(100), "c": rng.normal(size=100).astype("f4")}
    )
    codec = nw.Codec(model(), max_error=0.3).fit(frame)
    back = codec.decompress(codec.compress(frame))
    assert (back.dtypes == frame.dtypes).all() and (back["b"] == frame["b"]).all()
    assert (np.abs(back.astype(float) - frame.astype(float)) <= 0.3).all(axis=None)


def test_an_array_of_a_table_comes_back_as_one():
    X = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    X[3, 1] = np.nan
    codec = nw.Codec(model(MLP((8,)), input="table", likelihood=None), max_error=0.01).fit(X)
    back = codec.decompress(codec.compress(X))
    assert type(back) is np.ndarray and back.dtype == X.dtype and np.isnan(back[3, 1])
    assert np.nanmax(np.abs(back.astype(float) - X)) <= 0.01


def test_what_a_table_cannot_be_is_said_in_a_sentence(tables, refused):
    frame = pd.DataFrame(columns())
    with refused("'kind'", "no column"):
        tables.compress(frame.drop(columns="kind"))
    with refused("'more'"):
        tables.compress(frame.assign(more=1.0))
    with refused("'size'", "'ten'"):
        tables.compress(frame.assign(size="ten"))
    with refused("'n'", "53"):
        tables.compress(frame.assign(n=2**53 + np.arange(len(frame))))


def test_a_column_that_was_left_out_is_told():
    frame = pd.DataFrame(columns())
    codec = nw.Codec(model(MLP((8,)), likelihood=None, input=nw.inputs.Table(drop="n"))).fit(frame)
    with pytest.warns(UserWarning, match="'n' was left out"):
        back = codec.decompress(codec.compress(frame))
    assert list(back.columns) == ["x", "kind", "size", "on"]


# Sparse matrices


@pytest.mark.parametrize("kind", [scipy.sparse.csc_matrix, scipy.sparse.coo_array])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u2"])
def test_sparse_matrices_stay_sparse(kind, dtype, monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 5, (200, 30)) * (rng.random((200, 30)) < 0.1)
    X = kind(dense.astype(dtype))
    codec = nw.Codec(model(scale=None), max_error=0.7).fit(X)
    monkeypatch.setattr(module, "CHUNK", 64 * 30)
    data = codec.compress(X)
    back = codec.decompress(data)
    assert scipy.sparse.issparse(back) and back.dtype == X.dtype and back.format == "csr"
    assert isinstance(back, scipy.sparse.sparray) == isinstance(X, scipy.sparse.sparray)
    np.testing.assert_array_equal(back.toarray(), X.toarray())
    assert back.nnz == np.count_nonzero(dense) and len(data) < codec.sizes_["raw"]
    np.testing.assert_array_equal(codec.decompress(data, start=60, stop=70).toarray(), dense[60:70])
    for ending, read in ((".npz", scipy.sparse.load_npz), (".mtx", scipy.io.mmread)):
        codec.decompress(data, tmp_path / f"x{ending}")
        np.testing.assert_array_equal(read(tmp_path / f"x{ending}").toarray(), dense)


def test_sparse_fractions_come_back_exactly(refused, tmp_path):
    X = scipy.sparse.random(100, 20, 0.2, random_state=0, format="csr")
    codec = nw.Codec(model(scale=None), max_error=0.5).fit(X)
    assert (codec.decompress(codec.compress(X)) != X).nnz == 0
    with refused("sparse", ".npz"):
        codec.decompress(codec.compress(X), tmp_path / "x.npy")
    with refused("features"):
        codec.compress(X[:, :5])


# Series and sounds


@pytest.mark.parametrize("promise", PROMISES)
def test_lists_of_series_come_back_as_lists(promise, monkeypatch):
    rng = np.random.default_rng(0)
    X = [np.cumsum(rng.normal(size=(n, 2)), 0) for n in (50, 333, 64, 17)]
    codec = nw.Codec(model(input=nw.inputs.Signals(window=16))).fit(X)
    monkeypatch.setattr(module, "CHUNK", 64 * 16)
    data = promised(codec, **promise).compress(X)
    back = codec.decompress(data)
    assert [x.shape for x in back] == [x.shape for x in X]
    bound = {"max_error": 0.05, "lossless": 0}.get(next(iter(promise), ""), np.inf)
    assert max(np.abs(x - y).max() for x, y in zip(X, back, strict=True)) <= bound
    some = codec.decompress(data, start=1, stop=3)
    assert [x.tobytes() for x in some] == [x.tobytes() for x in back[1:3]]
    whole = np.stack([X[1][:48]] * 3)
    again = codec.decompress(codec.compress(whole))
    assert again.shape == whole.shape


def sounds(folder, dtype, scale, lengths=(500, 1237, 60)):
    rng = np.random.default_rng(0)
    for i, n in enumerate(lengths):
        wave = scale * (0.5 * np.sin(np.arange(n) / 7 + i) + 0.01 * rng.normal(size=n))
        wave = wave + 128 if dtype == np.uint8 else wave
        (folder / "deep").mkdir(exist_ok=True, parents=True)
        wavfile.write(folder / ("deep/b.wav" if i == 1 else f"{i}.wav"), 8000, wave.astype(dtype))
    return folder


KINDS = [(np.int16, 2.0**15), (np.uint8, 2.0**7), (np.int32, 2.0**31), (np.float32, 1.0)]


@pytest.mark.parametrize(("dtype", "scale"), KINDS)
def test_a_folder_of_sounds_comes_back_as_one(dtype, scale, tmp_path):
    folder = sounds(tmp_path / "in", dtype, scale)
    codec = nw.Codec(model(input=nw.inputs.Signals(window=32))).fit(folder)
    names = ["0.wav", "2.wav", "deep/b.wav"]
    for promise in ({"lossless": True}, {"max_error": 0.02}, {"rel_error": 0.01}):
        out = tmp_path / f"out-{next(iter(promise))}"
        promised(codec, **promise).compress(folder, tmp_path / "x.nrw")
        codec.decompress(tmp_path / "x.nrw", out)
        given, found = wav.read(folder), wav.read(out)
        assert list(found.names) == names and found.rate == 8000
        away = max(np.abs(x[:] - y[:]).max() for x, y in zip(given, found, strict=True))
        assert away <= {"lossless": 0, "max_error": 0.02, "rel_error": 0.02}[next(iter(promise))]
        assert codec.sizes_["error"] == pytest.approx(away, abs=1e-7)
        here = codec.decompress(tmp_path / "x.nrw")
        for x, y in zip(found, here, strict=True):
            np.testing.assert_array_equal(x[:], y)
    if dtype != np.int32:  # samples as other programs see them
        for name in names:
            np.testing.assert_array_equal(
                wavfile.read(folder / name)[1], wavfile.read(tmp_path / "out-lossless" / name)[1]
            )


def test_damage_names_the_sounds_that_are_lost(tmp_path, monkeypatch):
    folder = sounds(tmp_path / "in", np.int16, 2.0**15, (640, 320, 320))
    codec = nw.Codec(model(input=nw.inputs.Signals(window=32)), lossless=True).fit(folder)
    monkeypatch.setattr(module, "CHUNK", 2 * 320)
    data = bytearray(codec.compress(folder))
    data[-200] ^= 1  # in the last chunk, of the sound that is third by name
    with pytest.raises(Damaged, match=r"deep/b\.wav") as told:
        codec.decompress(bytes(data), tmp_path / "out")
    assert (told.value.start, told.value.stop) == (2, 3) and not (tmp_path / "out").exists()
    codec.decompress(bytes(data), tmp_path / "out", stop=2)
    assert list(wav.read(tmp_path / "out").names) == ["0.wav", "2.wav"]


def test_24_bits_are_not_lost(tmp_path):
    samples = np.random.default_rng(0).integers(-(2**23), 2**23, 300).astype("<i4")
    raw = samples[:, None].view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    head = b"RIFF" + (36 + len(raw)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    head += np.array([1, 1], "<u2").tobytes() + np.array([8000, 24000], "<u4").tobytes()
    head += np.array([3, 24], "<u2").tobytes() + b"data" + len(raw).to_bytes(4, "little")
    (tmp_path / "x.wav").write_bytes(head + raw)
    codec = nw.Codec(model(input=nw.inputs.Signals(window=32)), lossless=True).fit(tmp_path / "x.wav")
    data = codec.compress(tmp_path / "x.wav")
    np.testing.assert_array_equal(codec.decompress(data)[:, 0], samples.astype(np.float32) / 2**23)
    codec.decompress(data, tmp_path / "y.wav")
    np.testing.assert_array_equal(wavfile.read(tmp_path / "y.wav")[1] >> 8, samples)


def test_sounds_of_other_rates_and_channels_are_refused(tmp_path, refused):
    folder = sounds(tmp_path / "in", np.int16, 2.0**15)
    codec = nw.Codec(model(input=nw.inputs.Signals(window=32))).fit(folder)
    wav.write(tmp_path / "r.wav", np.zeros((99, 1)), 16000)
    wav.write(tmp_path / "c.wav", np.zeros((99, 2)), 8000)
    with refused("16000"):
        codec.compress(tmp_path / "r.wav")
    with refused("channel"):
        codec.compress(tmp_path / "c.wav")
    data = codec.compress(folder)
    with refused("folder"):
        codec.decompress(data, tmp_path / "all.npy")
    codec.decompress(data, tmp_path / "one.npy", start=1, stop=2)
    assert np.load(tmp_path / "one.npy").shape == (60, 1)


# Pictures


def photographs(folder, sizes, mode="RGB"):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i, (height, width) in enumerate(sizes):
        shape = (height, width, 3) if mode == "RGB" else (height, width)
        smooth = np.add.outer(np.arange(height), np.arange(width)).reshape(
            *shape[:2], *(1,) * (len(shape) - 2)
        )
        pixels = (smooth + rng.integers(0, 5, shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"p{i}.png")
    return folder


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("promise", [{"lossless": True}, {"max_error": 3}])
def test_photographs_of_several_sizes_come_back(mode, promise, tmp_path, monkeypatch, refused):
    folder = photographs(tmp_path / "in", [(24, 16), (33, 17), (9, 50)], mode)
    codec = nw.Codec(model(input=nw.inputs.Patches(size=8))).fit(folder)
    monkeypatch.setattr(module, "CHUNK", 700)
    data = promised(codec, **promise).compress(folder)
    codec.decompress(data, tmp_path / "out")
    given, found = (nw.sources.ImageFolder(tmp_path / name) for name in ("in", "out"))
    assert found.names == given.names and (found.sizes() == given.sizes()).all()
    here = codec.decompress(data)
    for i, photo in enumerate(here):
        np.testing.assert_array_equal(photo, found.picture(i))
        assert np.abs(photo.astype(int) - given.picture(i)).max() <= promise.get("max_error", 0)
    assert codec.sizes_["raw"] == sum(h * w for h, w in given.sizes()) * (3 if mode == "RGB" else 1)
    some = codec.decompress(data, start=1, stop=2)
    np.testing.assert_array_equal(some[0], here[1])
    with refused("folder"):
        codec.decompress(data, tmp_path / "x.npy")
    codec.decompress(data, tmp_path / "one.png", start=2)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "one.png")), here[2])


@pytest.mark.parametrize("layout", ["none", "first", "last"])
def test_arrays_of_photographs_come_back(layout):
    shape = {"none": (3, 20, 31), "first": (3, 3, 20, 31), "last": (3, 20, 31, 3)}[layout]
    X = np.random.default_rng(0).random(shape).astype(np.float32)
    codec = nw.Codec(model(input=nw.inputs.Patches(size=8)), max_error=1e-3).fit(X)
    Y = codec.decompress(codec.compress(X))
    assert Y.dtype == X.dtype and np.abs(Y.astype(float) - X).max() <= 1e-3
    apart = [X[0], X[1][..., :16, :9] if layout != "last" else X[1][:16, :9]]
    back = codec.decompress(codec.compress(apart))
    assert [y.shape for y in back] == [x.shape for x in apart]


def test_a_folder_of_pictures_of_one_size_comes_back(tmp_path, refused):
    folder = photographs(tmp_path / "in", [(9, 12)] * 5)
    codec = nw.Codec(model(), lossless=True).fit(folder)
    data = codec.compress(folder)
    assert codec.decompress(data).shape == (5, 9, 12, 3)
    codec.decompress(data, tmp_path / "out")
    given, found = (nw.sources.ImageFolder(tmp_path / name) for name in ("in", "out"))
    assert found.names == given.names
    np.testing.assert_array_equal(found[:], given[:])
    with refused("one size", "Patches"):
        codec.compress(photographs(tmp_path / "other", [(9, 12), (10, 12)]))


def test_a_default_model_cuts_up_what_is_large_or_of_several_sizes(tmp_path, refused):
    assert divided(wav.read(sounds(tmp_path / "s", np.int16, 2.0**15))) == nw.inputs.Signals(window=64)
    several, one = ([(9, 12), (10, 12)], [(9, 12)] * 2)
    assert divided(nw.sources.ImageFolder(photographs(tmp_path / "a", several))) == nw.inputs.Patches(size=8)
    assert divided(nw.sources.ImageFolder(photographs(tmp_path / "b", one))) is None
    assert divided(np.zeros((1, 200, 100))) == nw.inputs.Patches(size=8)
    assert divided(np.zeros((1, 20, 10))) is None and divided(np.zeros((200, 100_000))) is None
    with refused("texts"):
        nw.Codec().fit(["some words and more", "words and others"])


def test_booleans_and_texts(refused):
    X = np.random.default_rng(0).random((60, 6)) > 0.5
    codec = nw.Codec(model()).fit(X)
    back = promised(codec, lossless=True).decompress(codec.compress(X))
    assert back.dtype == bool and (back == X).all()
    with refused("texts"):
        codec.compress(["some words", "others"])
