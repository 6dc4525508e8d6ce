"""Sounds and pictures in files: cut where they are, answered one by one, written as what they were."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.io import wavfile

import narrows as nw
from narrows.inputs import Images, Patches, Signals, signals
from narrows.inputs.windows import Windows
from narrows.sources import ImageFolder, found, wav
from narrows.training import data

QUICK = {"max_epochs": 2, "random_state": 0, "validation_fraction": 0}
RATE = 8000


def tone(n, channels=2):
    return np.stack([np.sin(np.arange(n) / (7 + c)) for c in range(channels)], 1)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Three sounds of 16 bits and of floats."""
    folder = tmp_path_factory.mktemp("sounds")
    (folder / "x").mkdir()
    wavfile.write(folder / "a.wav", RATE, np.int16(tone(900) * 32767))
    wavfile.write(folder / "b.wav", RATE, np.float32(tone(700)))
    wavfile.write(folder / "x" / "c.wav", RATE, np.uint8(tone(64) * 127 + 128))
    return folder


@pytest.fixture(scope="module")
def heard(sounds):
    return nw.Autoencoder(3, input=Signals(window=32), **QUICK).fit(sounds)


def in_memory(sounds):
    return [np.asarray(sound) for sound in wav.read(sounds)]


def test_sounds_in_files_are_answered_as_in_memory(sounds, heard):
    arrays = in_memory(sounds)
    memory = nw.Autoencoder(3, input=Signals(window=32), **QUICK).fit(arrays)
    assert np.array_equal(memory.transform(arrays), heard.transform(sounds))
    assert np.array_equal(memory.window_index_, heard.window_index_)
    assert np.array_equal(memory.score_samples(arrays), heard.score_samples(sounds))
    assert memory.evaluate(arrays) == heard.evaluate(sounds)
    for ours, theirs in zip(heard.reconstruct(sounds), memory.reconstruct(arrays), strict=True):
        assert np.array_equal(ours, theirs)


def test_windows_of_sounds_are_read_where_they_are_cut(sounds):
    rows = Signals(window=32, step=8).learn(wav.read(sounds)).rows(wav.read(sounds))
    whole = Windows(in_memory(sounds), 32, 8)
    assert rows.shape == whole.shape and np.array_equal(rows.index, whole.index)
    for which in (
        slice(None),
        slice(3, 90),
        slice(0, 0),
        np.array([150, 2, 2, 101, 0]),
        np.arange(0, 190, 50),
    ):
        assert np.array_equal(rows[which], whole[which])


@pytest.mark.parametrize("small", [0, data.SMALL])
def test_memory_does_not_grow_with_the_sounds(tmp_path, monkeypatch, small):
    monkeypatch.setattr(data, "SMALL", small)
    read = []
    monkeypatch.setattr(wav, "_levels", lambda x, levels=wav._levels: read.append(len(x)) or levels(x))
    wavfile.write(tmp_path / "a.wav", RATE, np.int16(tone(3_000_000, 1) * 32767))
    ae = nw.Autoencoder(2, input=Signals(window=64, step=64), backbone=nw.backbones.MLP(hidden=()), **QUICK)
    ae.fit(tmp_path)
    if not small:
        assert max(read) < 300_000
    read.clear()
    tracemalloc.start()
    ae.transform(tmp_path, out=tmp_path / "codes.npy")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.load(tmp_path / "codes.npy").shape == (46_875, 2)
    assert most < 200 << 20
    assert max(read) <= 8 << 20


def test_another_rate_is_refused_by_name(sounds, heard, tmp_path, refused):
    wavfile.write(tmp_path / "fast.wav", 44100, np.int16(tone(900) * 32767))
    loaded = roundtrip(heard, tmp_path)
    assert loaded.fitted_.schema.rate == RATE and loaded.fitted_.schema == heard.fitted_.schema
    for ae in (heard, loaded):
        for verb in (ae.transform, ae.reconstruct, ae.score_samples, ae.evaluate):
            with refused("fast.wav", "44100", str(RATE)):
                verb(tmp_path / "fast.wav")
    assert len(loaded.transform(in_memory(sounds))) == len(heard.window_index_)  # arrays have no rate
    mixed = [*wav.read(sounds), wav.Sound(tmp_path / "fast.wav")]
    with refused("fast.wav", "44100", str(RATE)):
        nw.Autoencoder(2, input=Signals(window=32), **QUICK).fit(mixed)
    with refused("fast.wav", "44100", str(RATE)):
        nw.Autoencoder(2, input=Signals(window=32), **QUICK).fit(
            sounds, validation_data=tmp_path / "fast.wav"
        )


def test_models_without_a_rate_are_read_as_ever(heard):
    document = heard.fitted_.schema.to_json()
    del document["rate"]
    assert signals.SignalsSchema(**{k: v for k, v in document.items() if k != "kind"}).rate is None


def roundtrip(ae, folder):
    ae.save(folder / "m.safetensors")
    return nw.load(folder / "m.safetensors")


def test_sounds_become_sounds(sounds, heard, tmp_path):
    answers = heard.reconstruct(sounds)
    assert heard.reconstruct(sounds, out=tmp_path / "all") == tmp_path / "all"
    back = wav.read(tmp_path / "all")
    assert back.names == ("a.wav", "b.wav", "x/c.wav") and back.rate == RATE
    for sound, answer in zip(back, answers, strict=True):
        assert np.array_equal(sound, answer)
    heard.reconstruct(sounds / "b.wav", out=tmp_path / "one.wav")
    assert np.array_equal(wav.Sound(tmp_path / "one.wav"), answers[1])
    heard.reconstruct(in_memory(sounds)[1], out=tmp_path / "array.wav")  # at the fitted rate
    assert wav.Sound(tmp_path / "array.wav").rate == RATE
    heard.reconstruct(sounds / "b.wav", out=tmp_path / "b.npy")
    assert np.array_equal(np.load(tmp_path / "b.npy"), answers[1])


def test_names_that_cannot_hold_the_answers_are_refused_before_any_work(sounds, heard, tmp_path, monkeypatch):
    def never(*_):
        raise AssertionError("work was done")

    monkeypatch.setattr(nw.Autoencoder, "_reconstructed", never)
    monkeypatch.setattr(nw.Autoencoder, "_encoded", never)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    silent = nw.Autoencoder(3, input=Signals(window=32), **QUICK).fit(in_memory(sounds))
    for ae, verb, X, out, message in (
        (heard, "reconstruct", sounds, "all.npy", "name of a folder"),
        (heard, "reconstruct", sounds, "all.wav", "name of a folder"),
        (heard, "reconstruct", sounds, "there", "not empty"),
        (heard, "transform", sounds, "codes", "ends in ''"),
        (heard, "transform", sounds, "codes.wav", r"ends in '\.wav'"),
        (silent, "reconstruct", in_memory(sounds)[0], "a.wav", "samples per second"),
        (heard, "reconstruct", sounds, sounds / "new", "another folder"),
        (heard, "reconstruct", sounds / "a.wav", sounds / "a.wav", "also what is read"),
    ):
        with pytest.raises((ValueError, OSError), match=message):
            getattr(ae, verb)(X, out=tmp_path / out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]


def test_a_sound_that_is_too_short_is_named(sounds, refused):
    with refused("c.wav", "64 samples", "100"):
        nw.Autoencoder(2, input=Signals(window=100), **QUICK).fit(sounds)


def test_what_is_no_number_in_a_sound_is_named(tmp_path, refused):
    x = np.float32(tone(400))
    x[333, 1] = np.nan
    wavfile.write(tmp_path / "a.wav", RATE, x)
    with refused("a.wav", "NaN at row 333, column 1"):
        nw.Autoencoder(2, input=Signals(window=32), **QUICK).fit(tmp_path)


def test_sounds_of_one_length_are_whole_signals(tmp_path):
    for name in "abcdefgh":
        wavfile.write(tmp_path / f"{name}.wav", RATE, np.int16(tone(40) * 3000))
    ae = nw.Autoencoder(2, input=Signals(), **QUICK).fit(tmp_path)
    assert ae.transform(tmp_path).shape == (8, 2) and ae.reconstruct(tmp_path).shape == (8, 40, 2)
    ae.reconstruct(tmp_path, out=tmp_path.parent / "whole")
    assert len(wav.read(tmp_path.parent / "whole")) == 8


@pytest.mark.parametrize("shape", [(500,), (500, 2), (4, 100, 2)])
def test_a_large_array_of_series_stays_in_its_file(tmp_path, monkeypatch, shape):
    x = np.random.default_rng(0).normal(size=shape).astype(">f4")
    np.save(tmp_path / "x.npy", x)
    monkeypatch.setattr(found, "LARGE", 0)
    for window in (16, None) if len(shape) == 3 else (16,):
        ae = nw.Autoencoder(2, input=Signals(window), **QUICK).fit(tmp_path / "x.npy")
        assert np.array_equal(ae.transform(tmp_path / "x.npy"), ae.transform(x.astype(np.float32)))
        assert ae.reconstruct(tmp_path / "x.npy").shape == shape


def test_a_large_table_may_be_a_series(tmp_path, monkeypatch):
    frame = pd.DataFrame({"t": pd.date_range("2024", periods=200, freq="h"), "a": np.sin(np.arange(200) / 5)})
    frame.to_parquet(tmp_path / "x.parquet")
    monkeypatch.setattr(found, "LARGE", 0)
    ae = nw.Autoencoder(2, input=Signals(16, time="t"), **QUICK).fit(tmp_path / "x.parquet")
    assert ae.reconstruct(tmp_path / "x.parquet").column_names == ["t", "a"]


# Pictures -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three photographs of different sizes, two of the same name."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name, size in (("a.png", (40, 30)), ("a.jpg", (20, 50)), ("x/b.bmp", (33, 33))):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def seen(photos):
    return nw.Autoencoder(3, input=Patches(size=8), **QUICK).fit(photos)


def test_photographs_are_rebuilt_one_by_one(photos, seen, tmp_path, monkeypatch):
    memory = seen.reconstruct([ImageFolder(photos).picture(i) for i in range(3)])
    most, reconstruct = [], nw.Autoencoder._reconstructed
    monkeypatch.setattr(
        nw.Autoencoder,
        "_reconstructed",
        lambda ae, rows, like: most.append(len(rows)) or reconstruct(ae, rows, like),
    )
    answers = seen.reconstruct(photos)
    assert len(most) == 3 and sum(most) == len(seen.fitted_.schema.rows(ImageFolder(photos)))
    assert seen.reconstruct(photos, out=tmp_path / "out") == tmp_path / "out"
    back = ImageFolder(tmp_path / "out")
    assert back.names == ("a.jpg.png", "a.png.png", "x/b.bmp.png")
    for i in range(3):
        assert np.array_equal(answers[i], memory[i]) and np.array_equal(back.picture(i), memory[i])
    with pytest.raises(ValueError, match="name of a folder"):
        seen.reconstruct(photos, out=tmp_path / "out.npy")


def test_photographs_of_one_size_are_an_array(tmp_path, seen):
    for name in "ab":
        Image.fromarray(np.full((20, 24, 3), ord(name), np.uint8)).save(tmp_path / f"{name}.png")
    answers = seen.reconstruct(tmp_path)
    assert answers.shape == (2, 20, 24, 3) and answers.dtype == np.uint8
    seen.reconstruct(tmp_path, out=tmp_path / "r.npy")
    assert np.array_equal(np.load(tmp_path / "r.npy"), answers)
    np.save(tmp_path / "x.npy", ImageFolder(tmp_path)[:])
    found_there = nw.sources.Npy(tmp_path / "x.npy")
    assert np.array_equal(seen.reconstruct(found_there), answers)


def test_images_of_a_model_of_one_size_become_pictures(photos, tmp_path):
    ae = nw.Autoencoder(2, input=Images(size=(6, 8)), **QUICK).fit(photos)
    ae.reconstruct(photos, out=tmp_path / "small")
    assert np.array_equal(ImageFolder(tmp_path / "small")[:], ae.reconstruct(photos))
    floats = nw.Autoencoder(2, input=Images(size=(6, 8)), **QUICK).fit(
        np.random.default_rng(0).random((9, 6, 8, 3))
    )
    with pytest.raises(ValueError, match=r"pictures of float32, but files hold bytes .*give a \.npy name"):
        floats.reconstruct(photos, out=tmp_path / "floats")
    assert not (tmp_path / "floats").exists()


# Everything else ----------------------------------------------------------------------------------


@pytest.mark.parametrize("large", [0, 1 << 28])
@pytest.mark.parametrize("kind", [">f4", ">f8", ">i4", ">u2"])
def test_the_other_order_of_bytes(tmp_path, monkeypatch, kind, large):
    monkeypatch.setattr(found, "LARGE", large)
    x = (100 * np.random.default_rng(0).normal(size=(300, 4)) + 500).astype(kind)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", X=x)
    native = x.astype(np.dtype(kind).newbyteorder("="))
    ae = nw.Autoencoder(2, **QUICK).fit(native)
    for X in (tmp_path / "x.npy", tmp_path / "x.npz", x):
        got = nw.Autoencoder(2, **QUICK).fit(X)
        np.testing.assert_allclose(got.fitted_.affine.shift, ae.fitted_.affine.shift, rtol=1e-6)
        np.testing.assert_allclose(ae.transform(X), ae.transform(native), rtol=1e-4, atol=1e-4)


def test_a_path_is_not_wrapped(tmp_path):
    x = np.random.default_rng(0).normal(size=(50, 4))
    ae = nw.Autoencoder(2, **QUICK).fit(x).set_output(transform="pandas")
    assert isinstance(ae.transform(x), pd.DataFrame) and isinstance(ae.fit_transform(x), pd.DataFrame)
    assert ae.transform(x, out=tmp_path / "z.csv") == tmp_path / "z.csv"
    assert list(pd.read_csv(tmp_path / "z.csv")) == list(ae.get_feature_names_out())
    assert "posterior" in nw.Autoencoder.transform.__doc__


def test_what_stays_in_files_can_be_pickled(sounds, photos, heard, seen, tmp_path):
    folder, series = ImageFolder(photos), wav.read(sounds)
    windows, tiles = heard.fitted_.schema.rows(series), seen.fitted_.schema.rows(folder)
    for rows in (windows, tiles):
        first = rows[:5]  # read in part
        again = pickle.loads(pickle.dumps(rows))
        assert np.array_equal(again[:5], first) and len(again) == len(rows)
    assert pickle.loads(pickle.dumps(folder)).names == folder.names
    assert pickle.loads(pickle.dumps(series)).names == series.names
    np.save(tmp_path / "x.npy", np.eye(4))
    stored = nw.sources.Npy(tmp_path / "x.npy")
    assert np.array_equal(stored[:2], pickle.loads(pickle.dumps(stored))[:2])
    for ae, X in ((heard, sounds), (seen, photos)):
        assert np.array_equal(pickle.loads(pickle.dumps(ae)).transform(X), ae.transform(X))
        assert torch.is_tensor(next(ae.net_.parameters()))


def test_a_list_of_paths_is_the_files(sounds, heard):
    paths = [sounds / "a.wav", sounds / "b.wav"]
    assert np.array_equal(heard.transform(paths), heard.transform(in_memory(sounds)[:2]))
