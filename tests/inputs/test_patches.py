"""Patches of photographs: every pixel covered, and blended back exactly."""

import contextlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from narrows.inputs import Patches
from narrows.inputs.schemas import schema_from_json
from narrows.inputs.tiles import Tiles, hill
from narrows.sources.image_folder import ImageFolder

RNG = np.random.default_rng(0)
LAYOUTS = {  # shape of the photographs → channels
    (3, 20, 30): 1,
    (3, 20, 30, 3): 3,
    (3, 20, 30, 1): 1,
    (3, 4, 20, 30): 4,
    (3, 1, 20, 30): 1,
}
DTYPES = [np.uint8, np.float32, np.float64]


def some(shape, dtype=np.float64):
    return RNG.integers(0, 256, shape).astype(dtype)


class Lazy:
    """An array that notices what is read of it."""

    block = 4

    def __init__(self, array):
        self.array, self.reads = array, []
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __len__(self):
        return len(self.array)

    def __getitem__(self, which):
        self.reads.append((which.start, which.stop))
        return self.array[which]


# There and back --------------------------------------------------------------------------------------

SIDES = st.integers(1, 40)


@example(sizes=[(40, 40)], size=40, step=40, channels=3, dtype=np.uint8)
@example(sizes=[(1, 1), (7, 1)], size=1, step=1, channels=1, dtype=np.float64)
@given(
    sizes=st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=3),
    size=st.integers(1, 40),
    step=st.integers(1, 40),
    channels=st.sampled_from([None, 1, 3]),
    dtype=st.sampled_from(DTYPES),
)
def test_blended_patches_are_the_photographs(sizes, size, step, channels, dtype):
    size = min(size, *map(min, sizes))
    X = [some((*sides, *([] if channels is None else [channels])), dtype) for sides in sizes]
    schema = Patches(size, min(step, size), "last").learn(X)
    rows = schema.rows(X)
    assert rows.shape[1:] == schema.row == (channels or 1, size, size) and len(rows) == len(rows.index)
    back = schema.restore(rows[:], like=X)
    assert isinstance(back, list) and len(back) == len(X)
    for one, photo in zip(back, X, strict=True):
        assert one.dtype == photo.dtype and one.shape == photo.shape
        np.testing.assert_allclose(one, photo, rtol=1e-6)
        assert np.array_equal(one, photo) or dtype != np.uint8


@pytest.mark.parametrize(("shape", "channels"), LAYOUTS.items())
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_layout(shape, channels, dtype):
    X = some(shape, dtype)
    schema = Patches(size=8).learn(X)
    rows = schema.rows(X)
    assert schema.row == (channels, 8, 8) and schema.features == channels * 64
    assert rows.shape == (3 * 4 * 7, channels, 8, 8) and rows.dtype == dtype and rows.ndim == 4
    back = schema.restore(rows[:], like=X)
    assert back.shape == X.shape and back.dtype == dtype
    np.testing.assert_allclose(back, X, rtol=1e-6)
    patches = schema.restore(rows[:])
    assert patches.shape == (len(rows), *schema.shape) and patches.dtype == dtype
    # Patches have the size of a patch: they are rows as they are, flat ones too.
    assert np.array_equal(schema.rows(patches), rows[:])
    flat = patches.reshape(len(rows), -1)
    assert np.array_equal(schema.rows(flat), rows[:]) and np.array_equal(
        schema.restore(rows[:], like=flat), flat
    )
    assert np.array_equal(schema.restore(rows[:], like=patches), patches)


def test_channels_last_and_first_mean_the_same():
    X = some((2, 20, 30, 3))
    first = X.transpose(0, 3, 1, 2)
    assert np.array_equal(Patches(8).learn(X).rows(X)[:], Patches(8).learn(first).rows(first)[:])


def test_patches_are_where_their_index_says():
    X = [some((11, 20, 3)), some((8, 9, 3))]
    schema = Patches(size=8, step=5).learn(X)
    rows, index = schema.rows(X), schema.patch_index(X)
    assert index.shape == (len(rows), 3) and (rows[0:0].shape == (0, 3, 8, 8))
    assert sorted(set(index[index[:, 0] == 0, 1])) == [0, 3] and sorted(set(index[:, 2])) == [0, 1, 5, 10, 12]
    for patch, (photo, top, left) in zip(rows[:], index, strict=True):
        assert np.array_equal(patch, X[photo][top : top + 8, left : left + 8].transpose(2, 0, 1))
    order = np.array([9, 0, 5, 5])
    assert np.array_equal(rows[order], rows[:][order]) and np.array_equal(rows.take(order)[:], rows[:][order])
    assert np.array_equal(np.asarray(rows), rows[:])
    assert schema.patch_index(np.zeros((2, 8, 8, 3))).tolist() == [[0, 0, 0], [1, 0, 0]]


def test_the_step_is_half_a_patch_unless_told():
    assert Patches(9).learn(np.zeros((1, 9, 9))).step == 4 and Patches(1).learn(np.zeros((1, 9, 9))).step == 1


# Blending --------------------------------------------------------------------------------------------


def test_a_pixel_is_the_weighted_mean_of_its_patches():
    schema = Patches(size=4, step=2).learn(np.zeros((1, 4, 6)))
    values = np.stack([np.full((1, 4, 4), 10.0), np.full((1, 4, 4), 20.0)])
    a, b = np.sin(np.pi * (np.arange(4) + 0.5) / 4) ** 2, slice(2, 4)
    shared = (10 * a[b] + 20 * a[:2]) / (a[b] + a[:2])
    back = schema.restore(values, like=np.zeros((1, 4, 6)))
    np.testing.assert_allclose(back[0], np.tile([10, 10, *shared, 20, 20], (4, 1)))


def test_seams_disappear():
    """Patches that disagree by a constant: no pixel differs from the next by as much as they do."""
    schema = Patches(size=32).learn(np.zeros((1, 128, 128)))
    rows = schema.rows(np.zeros((1, 128, 128)))
    levels = RNG.choice([-1.0, 1.0], len(rows))[:, None, None, None]
    back = schema.restore(np.broadcast_to(levels, rows.shape), like=np.zeros((1, 128, 128)))[0]
    steps = max(np.abs(np.diff(back, axis=0)).max(), np.abs(np.diff(back, axis=1)).max())
    assert steps < 2 * 2 * np.pi / 32, "the slope of the hill, and not the step of 2"


def test_weights_are_positive_and_largest_in_the_middle():
    for size in (1, 2, 7, 512):
        weights = hill(size)
        assert weights.min() > 0 and weights.argmax() in (
            (size // 2) * (size + 1),
            ((size - 1) // 2) * (size + 1),
        )
        np.testing.assert_allclose(weights, weights[::-1, ::-1])


def test_bytes_are_rounded_and_kept_within_range():
    X = np.full((1, 8, 12), 200, np.uint8)
    schema = Patches(size=8).learn(X)
    levels = np.array([300.0, -3.0])[:, None, None, None] * np.ones((1, 1, 8, 8))
    for back in (schema.restore(levels, like=X), schema.restore(levels)):
        assert back.dtype == np.uint8 and back.max() == 255 and back.min() == 0
    assert schema.restore(np.full((2, 1, 8, 8), 1.6))[0, 0, 0] == 2


def test_whole_numbers_survive():
    X = some((2, 20, 30), np.int16)
    schema = Patches(8, 3).learn(X)
    assert np.array_equal(schema.restore(schema.rows(X)[:], like=X), X)


def test_what_patches_say_of_their_pixels():
    X = [some((9, 12, 3)), some((8, 8, 3))]
    schema = Patches(size=8).learn(X)
    n = len(schema.rows(X))
    maps = schema.per_pixel(np.ones((n, 8, 8)), X)
    assert [one.shape for one in maps] == [(9, 12), (8, 8)]
    assert all(np.allclose(one, 1) for one in maps)
    same = np.zeros((2, 9, 12, 3))
    assert schema.per_pixel(np.ones((8, 5, 8, 8)), same).shape == (2, 5, 9, 12)
    assert schema.per_pixel(np.ones((2, 8, 8)), np.zeros((2, 8, 8, 3))).shape == (2, 8, 8)


def test_pixels_that_no_patch_holds_are_nan():
    rows = Patches(size=4).learn(np.zeros((2, 4, 8))).rows(np.zeros((2, 4, 8))).take(slice(0, 1))
    first, second = rows.blend(np.ones((1, 4, 4)))
    assert np.isfinite(first[:, :4]).all() and np.isnan(first[:, 4:]).all() and np.isnan(second).all()


# Held out --------------------------------------------------------------------------------------------


def pixels(rows, numbers):
    """The set of (photo, row, column) that patches hold, as a boolean map per photograph."""
    maps = [np.zeros(tuple(sides), bool) for sides in rows.sizes]
    for photo, top, left in rows.index[numbers]:
        maps[photo][top : top + rows.size, left : left + rows.size] = True
    return maps


def apart(rows, train, valid):
    shared = zip(pixels(rows, train), pixels(rows, valid), strict=True)
    return not any((a & b).any() for a, b in shared)


@example(sizes=[(64, 64)], size=4, step=1, fraction=0.5)
@example(sizes=[(8, 8)] * 60, size=8, step=4, fraction=0.1)
@given(
    sizes=st.lists(st.tuples(st.integers(8, 64), st.integers(8, 64)), min_size=1, max_size=12),
    size=st.integers(1, 8),
    step=st.integers(1, 8),
    fraction=st.sampled_from([0.05, 0.1, 0.3, 0.5]),
)
def test_held_out_patches_share_no_pixels_with_the_others(sizes, size, step, fraction):
    X = [np.zeros(sides) for sides in sizes]
    schema = Patches(size, min(step, size)).learn(X)
    rows = schema.rows(X)
    if len(X) == 1 and max(sizes[0]) < 5 * size:  # may be too small
        with contextlib.suppress(ValueError):
            schema.split(rows, fraction)
        return
    train, valid = schema.split(rows, fraction)
    assert len(train) and len(set(train) | set(valid)) == len(train) + len(valid) <= len(rows)
    assert bool(len(valid)) == bool(int(len(rows) * fraction)) and apart(rows, train, valid)


def of(*sizes, size=16, step=8):
    X = [np.zeros(sides) for sides in sizes]
    return Patches(size, step).learn(X).rows(X)


@pytest.mark.parametrize(
    "sizes", [[(800, 1200)], [(400, 400)] * 5, [(300, 500), (900, 200)], [(1600, 20)], [(30, 2000)] * 2]
)
def test_of_few_photographs_rectangles_are_held_out(sizes):
    rows = of(*sizes)
    train, valid = rows.split(0.1)
    assert 0.07 < len(valid) / len(rows) < 0.13 and len(train) + len(valid) > 0.9 * len(rows)
    assert apart(rows, train, valid)
    assert set(rows.index[valid, 0]) == set(rows.index[train, 0]) == set(range(len(sizes)))


def test_rectangles_come_from_all_over():
    rows = of((1600, 1600))
    index = rows.index[rows.split(0.1)[1]]
    blocks = {(top * 3 // 1600, left * 3 // 1600) for _, top, left in index}
    assert len(blocks) == 9


def test_of_many_photographs_some_are_held_out_whole():
    rows = of(*[(64, 64)] * 50)
    train, valid = rows.split(0.1)
    assert sorted(set(rows.index[valid, 0])) == [9, 19, 29, 39, 49] and len(train) + len(valid) == len(rows)


def test_of_small_photographs_one_is_held_out():
    rows = of((20, 20), (20, 20), (20, 20))
    train, valid = rows.split(0.1)
    assert set(rows.index[valid, 0]) == {2} and len(train) == 8


def test_some_of_the_patches_can_be_split_too():
    rows = of((400, 400)).take(np.arange(0, 2401, 3))
    train, valid = rows.split(0.2)
    assert len(valid) and apart(rows, train, valid)


def test_one_small_photograph_cannot_be_split(refused):
    with refused("4 patches", "share pixels", "validation_fraction=0"):
        of((24, 24)).split(0.3)
    assert len(of((24, 24)).split(0.2)[1]) == 0, "which would be none"


def test_patches_as_they_are_need_no_split():
    schema = Patches(8).learn(np.zeros((1, 20, 20)))
    assert schema.split(schema.rows(np.zeros((5, 8, 8))), 0.1) is None


# Read on demand --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_photographs_on_demand_are_those_in_memory(shape, dtype):
    X = some(shape, dtype)
    lazy, schema = Lazy(X), Patches(8).learn(X)
    assert Patches(8).learn(lazy) == schema
    rows, expected = schema.rows(lazy), schema.rows(X)
    assert lazy.reads == [(0, 4)] * (dtype == np.uint8) and (rows.shape, rows.dtype) == (
        expected.shape,
        dtype,
    )
    lazy.reads.clear()
    assert rows.spans == [(0, 28), (28, 56), (56, 84)] and expected.spans is None
    assert np.array_equal(rows[30:40], expected[30:40]) and np.array_equal(rows[40:50], expected[40:50])
    assert lazy.reads == [(1, 2)], "one photograph, once"
    assert np.array_equal(rows[np.array([80, 2])], expected[np.array([80, 2])])
    assert np.array_equal(schema.restore(rows[:], like=lazy), schema.restore(rows[:], like=X))
    assert [len(part) for part in schema.split(rows, 0.1)] == [
        len(part) for part in schema.split(expected, 0.1)
    ]


def test_a_folder_of_photographs_of_all_sizes(tmp_path, monkeypatch):
    X = [some((*sides, 3), np.uint8) for sides in ((20, 30), (16, 16), (40, 12))]
    for i, photo in enumerate(X):
        Image.fromarray(photo).save(tmp_path / f"{i}.png")
    folder = ImageFolder(tmp_path)
    schema = Patches(size=12).learn(folder)
    assert schema == Patches(size=12).learn(X) and schema.whole
    rows = schema.rows(folder)
    assert np.array_equal(rows[:], schema.rows(X)[:])
    back = schema.restore(rows[:], like=folder)
    assert all(np.array_equal(a, b) for a, b in zip(back, X, strict=True))
    read = []
    monkeypatch.setattr(ImageFolder, "picture", lambda self, i: read.append(i) or X[i])
    at = rows.spans[1]
    schema.rows(folder)[at[0] : at[1]]
    assert read == [1]


def test_photographs_on_demand_are_checked_as_they_are_read(refused):
    X = np.zeros((2, 20, 20))
    X[1, 3, 4] = np.nan
    rows = Patches(8).learn(Lazy(X)).rows(Lazy(X))
    with refused("X[1]", "NaN", "row 3, column 4"):
        rows[:]


def test_a_small_photograph_in_a_folder_is_named(tmp_path, refused):
    for name, side in (("a.png", 20), ("b.png", 9)):
        Image.fromarray(np.zeros((side, 20), np.uint8)).save(tmp_path / name)
    with refused("b.png", "9 × 20", "16 × 16"):
        Patches(size=16).learn(ImageFolder(tmp_path))


# What is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"size": 0}, "size=0"),
        ({"size": 2.5}, "size=2.5"),
        ({"size": None}, "size=None"),
        ({"size": True}, "size=True"),
        ({"step": 0}, "step=0"),
        ({"step": "8"}, "step='8'"),
        ({"size": 8, "step": 9}, "step=9"),
        ({"channels": "middle"}, "'middle'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, given, refused):
    with refused(given):
        Patches(**arguments)


WRONG = {
    "flat": (np.zeros((2, 64)), "(2, 64)"),
    "five axes": (np.zeros((2, 1, 1, 20, 20)), "(2, 1, 1, 20, 20)"),
    "no photographs": (np.zeros((0, 20, 20)), "0 rows"),
    "no pixels": (np.zeros((2, 0, 20)), "0 feature"),
    "ambiguous": (np.zeros((2, 3, 20, 3)), "input=Patches(channels='first')"),
    "text": (np.array([[["a"]]]), "'a'"),
    "small": (np.zeros((2, 20, 11)), "20 × 11"),
    "one small": ([np.zeros((20, 20)), np.zeros((11, 20))], "X[1] is 11 × 20"),
    "a vector among them": ([np.zeros((20, 20)), np.zeros(20)], "X[1] has shape (20,)"),
    "other channels": ([np.zeros((20, 20, 3)), np.zeros((20, 20, 4))], "X[1] has shape (20, 20, 4)"),
    "no channels": ([np.zeros((20, 20, 3)), np.zeros((20, 20))], "X[1] has shape (20, 20)"),
    "NaN": (np.full((2, 20, 20), np.nan), "NaN"),
    "infinite": ([np.zeros((20, 20)), np.full((20, 20), np.inf)], "X[1] holds infinity"),
    "small, on demand": (Lazy(np.zeros((2, 20, 11))), "20 × 11"),
    "none, on demand": (Lazy(np.zeros((0, 20, 20))), "0 rows"),
    "complex": (np.zeros((2, 20, 20), complex), "complex"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_photographs_is_refused(case, refused):
    X, given = WRONG[case]
    with refused(given):
        Patches(size=12).learn(X)


@pytest.mark.parametrize(
    ("X", "given"),
    [
        (np.zeros((2, 20, 20)), "(2, 20, 20)"),
        (np.zeros((2, 20, 20, 4)), "(20, 20, 4)"),
        (np.zeros((2, 3, 20, 20)), "(3, 20, 20)"),
        (np.zeros((2, 63)), "(2, 63)"),
        ([np.zeros((20, 20))], "(20, 20)"),
        (np.zeros((2, 7, 20, 3)), "7 × 20"),
        (Lazy(np.zeros((2, 20, 20))), "(20, 20)"),
        (Lazy(np.zeros((2, 20, 20, 1))), "(20, 20, 1)"),
    ],
    ids=lambda value: repr(value)[:20].replace("\n", " "),
)
def test_other_photographs_than_fitted_are_refused(X, given, refused):
    schema = Patches(size=8).learn(np.zeros((2, 20, 20, 3)))
    with refused(given):
        schema.rows(X)


def test_other_patches_than_those_of_the_photographs_are_refused(refused):
    schema = Patches(size=8).learn(np.zeros((2, 20, 20)))
    with refused("3 patches", "32"):
        schema.restore(np.zeros((3, 1, 8, 8)), like=np.zeros((2, 20, 20)))


@pytest.mark.parametrize("shape", LAYOUTS)
def test_schemas_survive_json(shape):
    schema = Patches(np.int64(8)).learn(some(shape, np.uint8))
    assert schema.to_json()["kind"] == "Patches" and schema_from_json(schema.to_json()) == schema


def test_a_block_is_about_a_mebibyte():
    rows = Patches(size=32).learn(np.zeros((1, 64, 64, 3), np.uint8)).rows(np.zeros((1, 64, 64, 3), np.uint8))
    assert isinstance(rows, Tiles) and rows.block == 2**20 // (32 * 32 * 3)
