"""What a codec once lost, or kept without being able to give it back."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from scipy.io import wavfile

import narrows as nw
from narrows.backbones import MLP, Principal
from narrows.bottlenecks import Factorised
from narrows.coding import Reader, Writer
from narrows.estimators.contents.items import _is_safe, checked_names
from narrows.estimators.contents.packed import packed, unpacked
from narrows.inputs import Signals


def model(backbone=None, **choices):
    keywords = {"scale": "standard", "likelihood": "normal", "max_epochs": 1, "random_state": 0} | choices
    return nw.Autoencoder(3, backbone=backbone or Principal(()), bottleneck=Factorised(0.01), **keywords)


def promised(codec, **promise):
    return codec.set_params(**{"max_error": None, "rel_error": None, "lossless": False} | promise)


@pytest.fixture(scope="module")
def rows():
    return nw.Codec(model()).fit(np.random.default_rng(0).normal(size=(100, 4)))


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "kind": list("xyz") * 20})
    return nw.Codec(model(MLP((8,)), likelihood=None)).fit(frame)


@pytest.fixture(scope="module")
def series():
    return nw.Codec(model(input=Signals(window=16))).fit(np.random.default_rng(0).normal(size=(300, 1)))


# Sparse matrices


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_entries_given_twice_are_added_up(rows, dtype):
    X = scipy.sparse.csr_matrix((np.array([200, 100, 3], dtype), [0, 0, 3], [0, 2, 3]), shape=(2, 4))
    np.testing.assert_array_equal(rows.decompress(rows.compress(X)).toarray(), [[300, 0, 0, 0], [0, 0, 0, 3]])
    assert X.nnz == 3  # what was given is left alone


@pytest.mark.parametrize("most", [2.0**31, 2.0**63, 3e38, -(2.0**31)])
def test_whole_floats_beyond_the_largest_whole_numbers(rows, most):
    X = scipy.sparse.csr_array(np.array([[0, most, 2, 0]], np.float32))
    back = rows.decompress(rows.compress(X))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back.toarray(), X.toarray())


def test_stored_zeros_are_zeros(rows):
    X = scipy.sparse.csr_matrix((np.array([-0.0, 2.0]), [1, 3], [0, 2]), shape=(1, 4))
    back = rows.decompress(rows.compress(X))
    assert back.toarray().tobytes() == X.toarray().tobytes() and back.nnz == 1


# Names of files


@pytest.mark.parametrize("name", ["rec 12:30.wav", "a/b:c.wav", "..wav", "a b/é.wav"])
def test_names_that_can_be_written(name):
    assert _is_safe(name) and checked_names([name]) == [name]


@pytest.mark.parametrize(
    "name", ["a\\b.wav", "C:x.wav", "c:/x.wav", "/x.wav", "../x.wav", "a/..", "", ".", "a\0b"]
)
def test_names_that_no_one_would_write(name, refused):
    assert not _is_safe(name)
    with refused(repr(name)):
        checked_names(["a.wav", name])


@pytest.mark.parametrize("names", [["a.wav", "./a.wav"], ["a.wav", "a.wav/b.wav"]])
def test_names_that_stand_twice(names, refused):
    with refused("a.wav"):
        checked_names(names)


def sounds(folder, **files):
    for name, samples in files.items():
        folder.mkdir(exist_ok=True)
        wavfile.write(folder / f"{name}.wav", 8000, samples)
    return folder


def wave(dtype, top, n=300, seed=0):
    rng = np.random.default_rng(seed)
    return (top * (0.6 * np.sin(np.arange(n) / 9) + 0.1 * rng.normal(size=n))).astype(dtype)


def test_times_in_the_names_of_sounds(series, tmp_path, refused):
    folder = sounds(tmp_path / "in", **{"rec 12:30": wave(np.int16, 2**15)})
    promised(series, lossless=True).compress(folder, tmp_path / "x.nrw")
    series.decompress(tmp_path / "x.nrw", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["rec 12:30.wav"]
    sounds(folder, **{"a\\b": wave(np.int16, 2**15)})
    with refused("a\\\\b.wav"):
        series.compress(folder, tmp_path / "y.nrw")
    assert not (tmp_path / "y.nrw").exists()


def test_an_archive_with_a_name_twice_is_refused(series, tmp_path):
    folder = sounds(tmp_path / "in", a=wave(np.int16, 2**15), b=wave(np.int16, 2**15))
    promised(series, lossless=True).compress(folder, tmp_path / "x.nrw")
    with Reader(tmp_path / "x.nrw") as reader:
        header = dict(reader.header)
        header["items"] = packed(unpacked(header["items"]) | {"names": ["a.wav", "a.wav"]})
        with Writer(tmp_path / "y.nrw", header, b"") as writer:
            for chunk in map(reader.chunk, range(len(reader))):
                writer.append(chunk.stop - chunk.start, chunk.method, chunk.payload, chunk.content)
    with pytest.raises(ValueError, match=r"two of its files are to stand at 'a\.wav'"):
        series.decompress(tmp_path / "y.nrw", tmp_path / "out")


# Sounds of many bits


def test_32_bits_come_back_to_the_last(series, tmp_path):
    samples = wave(np.int32, 2.0**31) | 1
    folder = sounds(tmp_path / "in", a=samples)
    promised(series, lossless=True).compress(folder, tmp_path / "x.nrw")
    assert series.sizes_["error"] == 0
    series.decompress(tmp_path / "x.nrw", tmp_path / "out")
    found = wavfile.read(tmp_path / "out" / "a.wav")[1]
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, samples)
    here = series.decompress(tmp_path / "x.nrw")  # as a sound gives them
    np.testing.assert_array_equal(here, np.asarray(nw.sources.wav.read(folder)[0]))


@pytest.mark.parametrize("bound", [1e-9, 1e-7, 1e-3])
def test_bounds_hold_for_32_bits(series, tmp_path, bound):
    folder = sounds(tmp_path / "in", a=wave(np.int32, 2.0**31) | 1)
    back = promised(series, max_error=bound).decompress(series.compress(folder))
    given = np.asarray(nw.sources.wav.read(folder)[0])
    assert np.abs(back.astype(float) - given).max() <= bound


def test_sounds_that_floats_do_not_hold_are_refused_under_lossless(series, tmp_path, refused):
    mixed = sounds(tmp_path / "in", a=wave(np.int16, 2**15), b=wave(np.int32, 2.0**31))
    with refused("32 bits", "b.wav"):
        promised(series, lossless=True).compress(mixed)
    with refused("64 bits"):
        series.compress(sounds(tmp_path / "double", a=wave(np.float64, 1.0)))
    promised(series, max_error=1e-3).compress(mixed)


# Nothing, or too much


def test_no_series_are_refused_in_a_sentence(series, refused):
    for nothing in ([], np.zeros((0, 100, 1))):
        with refused("no series"):
            promised(series).compress(nothing)


def test_tables_and_arrays_without_rows(tables, rows, tmp_path):
    nothing = pd.DataFrame({"a": np.zeros(1), "kind": ["x"]})[:0]
    back = promised(tables, lossless=True).decompress(tables.compress(nothing))
    pd.testing.assert_frame_equal(back, nothing, check_index_type=False)
    tables.decompress(tables.compress(nothing), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().splitlines() == ["a,kind"]
    promised(rows).decompress(rows.compress(np.zeros((0, 4))), tmp_path / "x.npy")
    assert np.load(tmp_path / "x.npy").shape == (0, 4)


def test_half_a_character_is_refused_in_a_sentence(tables, refused):
    with refused("\\ud800"):
        kind = pd.Series(["a\ud800", "x", "y"], dtype=object)
        promised(tables).compress(pd.DataFrame({"a": np.zeros(3), "kind": kind}))


def test_a_share_of_the_largest_range(rows):
    X = np.array([[-1.79e308] * 4, [1.79e308] * 4])
    data = promised(rows, rel_error=2.0).compress(X)
    with Reader(data) as reader:
        assert np.isfinite(reader.header["promise"]["eps"]).all()
    assert np.isfinite(rows.decompress(data)).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("bound", [0.001, 100.0, 60000.0])
def test_bounds_hold_for_columns_of_short_floats(tables, dtype, bound):
    rng = np.random.default_rng(1)
    for size in (1.0, 40000.0):
        given = pd.DataFrame({"a": (size * rng.uniform(-1, 1, 300)).astype(dtype), "kind": ["x"] * 300})
        back = promised(tables, max_error=bound).decompress(tables.compress(given))
        assert np.abs(back["a"].astype(float) - given["a"].astype(float)).max() <= bound
