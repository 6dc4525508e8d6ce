"""Archives whose headers were forged, checksums and all, and archives of the first codecs."""

import base64
import dataclasses
import io

import numpy as np
import pyarrow as pa
import pytest

import narrows as nw
from narrows import artifact
from narrows.backbones import Principal
from narrows.bottlenecks import Factorised
from narrows.coding import Damaged, Reader, Writer
from narrows.estimators import _halves, _seal
from narrows.estimators.contents import ending_of
from narrows.estimators.contents.packed import packed, unpacked


@pytest.fixture(scope="module")
def codec():
    X = np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32)
    ae = nw.Autoencoder(2, backbone=Principal(()), bottleneck=Factorised(0.01), max_epochs=1)
    found = nw.Codec(ae, max_error=0.1).fit(X)
    found.X = X
    return found


def rewritten(data, **changes):
    """The archive with other words in its header; None leaves one out."""
    reader, out = Reader(data), io.BytesIO()
    header = {k: v for k, v in (reader.header | changes).items() if v is not None}
    with Writer(out, header, reader.model()) as writer:
        for i in range(len(reader)):
            chunk = reader.chunk(i)
            writer.append(chunk.stop - chunk.start, chunk.method, chunk.payload, chunk.content)
    return out.getvalue()


def claiming(codec, rows, shape, method, payload=b"\0" * 8):
    header, out = Reader(codec.compress(codec.X)).header, io.BytesIO()
    with Writer(out, header | {"dtype": "|u1", "shape": shape}) as writer:
        writer.append(rows, method, payload, 0)
    return out.getvalue()


def deep():
    text = b"[" * 100_000 + b"]" * 100_000
    return [len(text), base64.b85encode(pa.Codec("zstd").compress(text, asbytes=True)).decode()]


@pytest.mark.parametrize(
    "ending", ["/../../x.npy", "/x.npy", "x.npy", "\\x.npy", ".sh", ".npy/..", [".npy"], 3]
)
def test_an_ending_is_one_that_can_be_written(codec, ending):
    with pytest.raises(ValueError, match="no codec's"):
        ending_of(rewritten(codec.compress(codec.X), ending=ending))


@pytest.mark.parametrize("ending", ["", ".npy", ".npz", ".mtx", ".csv", ".parquet", ".wav", ".png"])
def test_endings_that_are_written_are_read(codec, ending):
    assert ending_of(rewritten(codec.compress(codec.X), ending=ending)) == ending


@pytest.mark.parametrize(
    "words",
    [
        {"content": ["x"]},
        {"content": {}},
        {"content": 3},
        {"content": "series", "bits": [1], "items": packed({"lengths": [80], "names": None})},
        {"content": "series", "items": deep()},
        {"content": "series", "rate": "x", "items": packed({"lengths": [80], "names": ["a.wav"]})},
        {"content": "series", "rate": 8, "items": packed({"lengths": [80], "names": None})},
        {"content": "table", "of": "zz"},
        {"content": "sparse", "of": [["a"]]},
        {"dtype": "<U1"},
        {"dtype": "<M8[s]"},
        {"shape": []},
        {"shape": [5]},
    ],
)
def test_a_hostile_header_is_a_sentence(codec, words):
    with pytest.raises(ValueError, match=r"no codec's|this version knows") as found:
        codec.decompress(rewritten(codec.compress(codec.X), **words))
    assert "\n" not in str(found.value)


def test_json_that_is_too_deep_cannot_be_unpacked():
    with pytest.raises(ValueError, match="cannot be read"):
        unpacked(deep())


@pytest.mark.parametrize("method", [0, 1, 2, 3])
@pytest.mark.parametrize(("rows", "shape"), [(2**31 - 1, [0]), (20_000_000, [6])])
def test_no_memory_is_taken_on_a_headers_word(codec, rows, shape, method, monkeypatch):
    def decoded(*_):
        raise AssertionError("it was decoded")

    monkeypatch.setattr(nw.Codec, "_rows_of", decoded)
    with pytest.raises(ValueError, match=r"rows of 0 numbers|chunks of 20000000 rows"):
        codec.decompress(claiming(codec, rows, shape, method), start=0, stop=1)


def test_rows_that_memory_does_not_hold_are_a_damaged_chunk(codec, monkeypatch):
    def lacking(*_):
        raise MemoryError

    data = codec.compress(codec.X)
    for way in ("Predicted", "Rounded", "Whole"):
        monkeypatch.setattr(f"narrows.estimators._coders.{way}.decode", lacking)
    with pytest.raises(Damaged, match="memory"):
        codec.decompress(data)


def test_what_the_first_codecs_wrote_is_read(codec, tmp_path):
    """Without the kind of a half, with another seal and, here, without a content."""
    older = _seal._older(codec.ae_.fitted_, (codec.tables_, codec.linear_tables_), codec.linear_)
    data = rewritten(codec.compress(codec.X), decoder=older, content=None, ending=None)
    assert ending_of(data) == ".npy"
    model, task = codec._file()
    own = {k: v for k, v in task.state["own"].items() if k != "half"}
    task = dataclasses.replace(task, state=task.state | {"own": own})
    artifact.save(tmp_path / "old.safetensors", model, task)
    back = nw.load(tmp_path / "old.safetensors").decompress(data)
    np.testing.assert_array_equal(back, codec.decompress(codec.compress(codec.X)))


def test_errors_of_a_model_inside_name_the_archive(codec, tmp_path):
    model, task = codec._file()
    _halves.save(tmp_path / "half.safetensors", model, dataclasses.replace(task, face="Other"))
    for file in (b"no model", (tmp_path / "half.safetensors").read_bytes()):
        with Writer(tmp_path / "x.nrw", {"dtype": "|u1", "shape": [6]}, file):
            pass
        with pytest.raises(ValueError, match=r"x\.nrw") as found:
            nw.load(tmp_path / "x.nrw")
        assert "model.safetensors" not in str(found.value)


def test_an_archive_is_not_written_over_what_is_read(codec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", codec.X)
    (tmp_path / "x.npy").rename("x.nrw")
    np.save("x.npy", codec.X)
    before = (tmp_path / "x.npy").read_bytes()
    for out in ("x.npy", "x.zip", "x"):
        with pytest.raises(ValueError, match=r"ends in \.nrw"):
            codec.compress("x.npy", out)
    with pytest.raises(ValueError, match="what is read"):
        codec.compress(np.load("x.nrw", mmap_mode="r"), "x.nrw")
    assert (tmp_path / "x.npy").read_bytes() == before == (tmp_path / "x.nrw").read_bytes()


def test_bytes_of_any_kind_are_decompressed(codec):
    data = codec.compress(codec.X)
    for kind in (bytearray, memoryview):
        np.testing.assert_array_equal(codec.decompress(kind(data)), codec.decompress(data))


def test_a_file_that_is_not_there_is_a_sentence(codec, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file '.*nope\.nrw'") as found:
        codec.decompress(tmp_path / "nope.nrw")
    assert "Errno" not in str(found.value)
    with pytest.raises(OSError, match="is a folder"):
        codec.decompress(tmp_path)
