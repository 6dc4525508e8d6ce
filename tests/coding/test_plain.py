"""Any array, exactly, without a model."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from narrows.coding import plain
from narrows.coding.pieces import MalformedError

TYPES = [
    "?",
    "i1",
    "u2",
    "i4",
    "u8",
    "f2",
    "f4",
    "f8",
    ">f4",
    "c8",
    "c16",
    "S3",
    "U5",
    "M8[s]",
    "m8[ns]",
    "V7",
]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0), (1,), (200,), (50, 7), (5, 4, 3)])
def test_every_type_and_shape_comes_back(name, shape):
    dtype, rng = np.dtype(name), np.random.default_rng(0)
    n = int(np.prod(shape)) * dtype.itemsize
    for content in (
        rng.integers(0, 256, n, np.uint8),
        np.arange(n, dtype=np.uint8) // 9,
        np.zeros(n, np.uint8),
    ):
        array = content.view(dtype).reshape(shape) if dtype.kind != "b" else (content > 4).reshape(shape)
        for data in (plain.encode(array), plain.raw(array)):
            found = plain.decode(data, dtype, shape)
            assert found.tobytes() == array.tobytes() and found.dtype == dtype and found.shape == shape
            assert len(data) <= array.nbytes + 1


@given(hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(max_dims=3, max_side=6)))
def test_whatever_there_is_comes_back(array):
    assert plain.decode(plain.encode(array), array.dtype, array.shape).tobytes() == array.tobytes()


def test_arrangements_are_worth_their_while():
    rows = np.cumsum(np.random.default_rng(0).integers(-3, 4, (2000, 20)), axis=0)
    import pyarrow as pa

    assert len(plain.encode(rows)) < 0.5 * len(pa.Codec("zstd").compress(rows.tobytes(), asbytes=True))
    assert len(plain.encode(np.arange(100_000))) < 200
    assert len(plain.encode(np.asfortranarray(rows))) == len(plain.encode(rows))


@given(st.binary(max_size=80), st.sampled_from(TYPES), st.sampled_from([(), (0,), (3,), (4, 5)]))
def test_any_bytes_are_an_array_or_a_value_error(data, name, shape):
    with suppress(MalformedError):
        assert plain.decode(data, np.dtype(name), shape).shape == shape


def test_a_cut_payload_and_objects_are_refused(refused):
    array = np.arange(1000)
    data = plain.encode(array)
    for cut in range(len(data)):
        with pytest.raises(ValueError, match="malformed"):
            plain.decode(data[:cut], array.dtype, array.shape)
    with refused("object"):
        plain.encode(np.array([None]))
