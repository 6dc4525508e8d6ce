"""A file of chunks: what goes in comes out, and no damage goes unnoticed."""

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from google_crc32c import value as crc32c

from narrows.coding import Damaged, Reader, Tables, Writer, checksum, layout, model_hash, plain, residuals

ROWS = [3, 4, 2]
HEADER = {"dtype": "<f4", "shape": [4], "unit": "m/s"}
MODEL = b"a model's bytes" * 3
GOLDEN = Path(__file__).parent / "golden"


def contents():
    """The rows of each chunk, and its payload."""
    rng = np.random.default_rng(0)
    for number, rows in enumerate(ROWS):
        array = rng.integers(0, 9, (rows, 4)).astype(np.float32)
        yield array, plain.encode(array) if number % 2 else plain.raw(array)


def archive(model=MODEL):
    target = io.BytesIO()
    with Writer(target, HEADER, model) as writer:
        for number, (array, payload) in enumerate(contents()):
            writer.append(len(array), number + 1, payload, checksum(array.tobytes()))
    return target.getvalue()


def read_all(data):
    """Everything there is to read, decoded and compared with its checksum."""
    with Reader(data) as reader:
        model, arrays = reader.model(), []
        for number in range(len(reader)):
            chunk = reader.chunk(number)
            array = plain.decode(chunk.payload, reader.dtype, (chunk.stop - chunk.start, *reader.shape))
            chunk.check(array.tobytes())
            arrays.append(array)
        return reader.header, model, arrays


@pytest.mark.parametrize("model", [b"", MODEL])
def test_what_goes_in_comes_out(model, tmp_path):
    data = archive(model)
    (tmp_path / "a.nrw").write_bytes(data)
    for source in (data, tmp_path / "a.nrw", str(tmp_path / "a.nrw")):
        header, found, arrays = read_all(source)
        assert found == model and header == HEADER | ({"model": model_hash(model)} if model else {})
        assert all((a == b).all() for a, (b, _) in zip(arrays, contents(), strict=True))
        with Reader(source) as reader:
            assert (reader.rows, len(reader), reader.lost, reader.model_length) == (9, 3, 0, len(model))
            assert reader.dtype == np.float32 and reader.shape == (4,)
            assert [reader.chunk(i).method for i in range(3)] == [1, 2, 3]
            assert [reader.span(i) for i in range(3)] == [(0, 3), (3, 7), (7, 9)]


def test_rows_are_found_in_their_chunks(refused):
    reader = Reader(archive())
    owner = np.repeat(np.arange(3), ROWS)
    for start in range(10):
        for stop in range(start, 10):
            assert list(reader.covering(start, stop)) == np.unique(owner[start:stop]).tolist()
    for start, stop in ((-1, 2), (3, 2), (0, 10)):
        with refused(str(start), str(stop)):
            reader.covering(start, stop)
    for number in (-1, 3):
        with refused(str(number)):
            reader.chunk(number)


def test_a_file_without_rows_is_a_file():
    target = io.BytesIO()
    with Writer(target, HEADER):
        pass
    reader = Reader(target.getvalue())
    assert reader.rows == len(reader) == 0 and reader.covering(0, 0) == range(0)


def test_every_cut_is_an_error_and_loses_no_whole_chunk():
    data = archive()
    assert len(data) < 1500
    ends = np.cumsum([layout.CHUNK_LENGTH + len(payload) for _, payload in contents()])
    start = Reader(data)._first
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"cut short|no \.nrw file"):
            Reader(data[:length])
        if length >= start:
            reader = Reader(data[:length], recover=True)
            assert len(reader) == (start + ends <= length).sum()
            assert reader.rows + reader.lost == 9
            assert [reader.chunk(i).number for i in range(len(reader))] == list(range(len(reader)))
    with pytest.raises(ValueError, match="follow its end"):
        Reader(data + b"\0")


def test_every_flipped_bit_is_an_error_and_names_the_chunk_it_is_in():
    data = archive()
    sizes = [layout.CHUNK_LENGTH + len(payload) for _, payload in contents()]
    first = Reader(data)._first
    owner = np.full(len(data), -1)
    owner[first : first + sum(sizes)] = np.repeat(np.arange(3), sizes)
    for place in range(len(data)):
        for bit in range(8):
            hit = bytearray(data)
            hit[place] ^= 1 << bit
            hit = bytes(hit)
            if owner[place] < 0:
                with pytest.raises(ValueError) as caught:
                    read_all(hit)
                assert not isinstance(caught.value, Damaged)
                continue
            reader = Reader(hit)
            for number in range(3):
                if number != owner[place]:
                    reader.chunk(number)
                    continue
                with pytest.raises(Damaged) as caught:
                    reader.chunk(number)
                error = caught.value
                assert (error.chunk, error.start, error.stop) == (number, *reader.span(number))


def test_without_its_index_a_file_is_read_chunk_by_chunk_when_asked_for():
    data = bytearray(archive())
    data[-1] ^= 1
    with pytest.raises(ValueError, match="index is wrong"):
        Reader(bytes(data))
    reader = Reader(bytes(data), recover=True)
    assert (reader.rows, reader.lost) == (9, 0)
    data[reader._places[1]] ^= 1  # the second chunk's head: nobody knows where the third begins
    reader = Reader(bytes(data), recover=True)
    assert (reader.rows, reader.lost) == (3, 6)


def test_a_wrong_answer_is_found_out():
    chunk = Reader(archive()).chunk(1)
    with pytest.raises(Damaged, match=r"chunk 1 \(rows 3 to 6\)"):
        chunk.check(b"other rows")


def forged(rows=9, chunks=3, shape=(4,), entries=None, header=None, end=None, model=0):
    """A file with sound checksums and contents that are not."""
    text = header or json.dumps({"dtype": "<f4", "shape": list(shape)}).encode()
    body = archive(b"")
    old = Reader(body)
    middle = body[old._first : old._prefix.end]
    first = layout.Prefix(
        len(text), model, rows, end or layout.PREFIX_LENGTH + len(text) + len(middle), chunks, crc32c(text), 0
    )
    return first.packed() + text + middle + layout.packed_index(entries or old.entries)


@pytest.mark.parametrize(
    "claim",
    [
        {"rows": 2**40}, {"rows": 8}, {"chunks": 2**31}, {"chunks": 2}, {"shape": (2**40,)}, {"shape": (-1,)},
        {"shape": (2**20, 2**20)}, {"shape": (1.5,)}, {"shape": (True,)}, {"shape": (1,) * 40}, {"end": 2**50},
        {"model": 2**60}, {"model": 2**63}, {"end": 0}, {"header": b"[]"}, {"header": b"{"}, {"header": b"[" * 10**5},
        {"header": b'{"dtype": "O", "shape": []}'}, {"header": b'{"dtype": "<f4,O", "shape": []}'},
        {"header": b'{"dtype": "V0", "shape": []}'}, {"header": b'{"dtype": 4, "shape": []}'},
        {"header": b'{"dtype": "<f4"}'},
        {"entries": [layout.Entry(2**31 - 1, 0, 0)] * 3, "rows": 3 * 2**31 - 3},
        {"entries": [layout.Entry(3, 0, 2**63)] * 3}, {"entries": [layout.Entry(0, 0, 1)] * 3, "rows": 0},
    ],
    ids=str,
)  # fmt: skip
def test_claims_that_cannot_be_true_are_refused_before_memory_is_taken(claim, refused):
    if claim == {"end": 0}:
        claim = {"end": 1}
    with refused():
        Reader(forged(**claim))


def test_a_forged_file_is_otherwise_read():
    assert Reader(forged()).rows == 9
    reader = Reader(forged(model=2**60, end=2**61, rows=2**40), recover=True)
    with pytest.raises(ValueError, match="model"):
        reader.model()


def test_a_file_of_a_later_version_says_so(refused):
    data = bytearray(archive())
    data[8:10] = struct.pack("<H", 2)
    data[layout.PREFIX.size : layout.PREFIX_LENGTH] = struct.pack(
        "<I", crc32c(bytes(data[: layout.PREFIX.size]))
    )
    with refused("version 2"):
        Reader(bytes(data))


def test_other_files_are_none(tmp_path, refused):
    for data in (b"", b"PK\x03\x04" * 20, b"\x89PNG\r\n\x1a\n" * 9):
        (tmp_path / "a").write_bytes(data)
        with refused(".nrw"):
            Reader(tmp_path / "a")


def test_writing_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.nrw"
    with pytest.raises(RuntimeError), Writer(path, HEADER) as writer:
        writer.append(1, 0, b"x", 0)
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    with Writer(path, HEADER, MODEL) as writer:
        for number, (array, payload) in enumerate(contents()):
            assert not path.exists()
            writer.append(len(array), number + 1, payload, checksum(array.tobytes()))
    assert path.read_bytes() == archive() and writer.length == len(archive())


def test_an_unfinished_file_says_so():
    target = io.BytesIO()
    writer = Writer(target, HEADER)
    writer.append(1, 0, b"x", 0)
    with pytest.raises(ValueError, match="never finished"):
        Reader(target.getvalue())


def test_what_a_writer_refuses(refused):
    writer = Writer(io.BytesIO(), HEADER)
    for rows, method in ((0, 0), (2**31, 0), (2**25, 0), (1, 256), (1, -1)):
        with refused(str(rows), str(method)):
            writer.append(rows, method, b"", 0)
    with refused("dtype"):
        Writer(io.BytesIO(), {"shape": []})
    with refused("not the hash"):
        Writer(io.BytesIO(), HEADER | {"model": "0"}, MODEL)


def golden():
    """One chunk for each coder, as version 1 writes them."""
    rows = (np.arange(4 * 12 * 8) * 37 % 101 / 64).astype(np.float32).reshape(4, 12, 8)
    rows[1, 3, :3] = np.nan, -np.inf, -0.0
    prediction = np.repeat(rows[..., :1], 8, axis=-1)
    symbols = np.rint(10 * rows[3]).astype(np.int64)
    symbols[0, 0] = 10**12
    return rows, np.where(np.isfinite(prediction), prediction, 0), symbols


def test_golden_files_of_version_1_are_read_for_ever():
    """Written once and never again: a change that cannot read them needs a new version of the format."""
    rows, prediction, symbols = golden()
    with Reader(GOLDEN / "version-1.nrw") as reader:
        assert reader.header["note"] == "golden" and reader.model() == b"model" and reader.rows == 48
        tables = Tables.from_arrays({
            name: np.array(reader.header["tables"][name], dtype)
            for name, dtype in (("low", "i8"), ("sizes", "i8"), ("frequencies", "u4"), ("channels", "i8"))
        })  # fmt: skip
        chunks = [reader.chunk(number) for number in range(4)]
    within = residuals.decode(chunks[0].payload, prediction[0], 0.01)
    assert np.abs(within - rows[0]).max() <= 0.01
    exact = residuals.decode(chunks[1].payload, prediction[1])
    alone = plain.decode(chunks[2].payload, np.dtype("<f4"), (12, 8))
    assert exact.tobytes() == rows[1].tobytes() and alone.tobytes() == rows[2].tobytes()
    found = tables.decode(chunks[3].payload, 12)
    assert (found == symbols).all()
    for chunk, content in zip(chunks, (within, exact, alone, found.astype("<f4")), strict=True):
        chunk.check(content.tobytes())
