"""Pictures: every layout of the axes, there and back."""

import numpy as np
import pytest
from PIL import Image

import narrows as nw
from narrows.inputs import Images
from narrows.inputs.schemas import infer, schema_from_json
from narrows.sources.image_folder import ImageFolder
from narrows.sources.pictures import resize

LAYOUTS = {  # shape of the array → shape of a row in the network
    (5, 8, 6): (1, 8, 6),
    (5, 8, 6, 3): (3, 8, 6),
    (5, 8, 6, 1): (1, 8, 6),
    (5, 4, 8, 6): (4, 8, 6),
    (5, 1, 8, 6): (1, 8, 6),
    (5, 3, 7): (1, 3, 7),
}


@pytest.mark.parametrize(("shape", "row"), LAYOUTS.items())
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_rows_go_in_and_come_back(shape, row, dtype):
    X = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    schema = Images().learn(X)
    rows = schema.rows(X)
    assert schema.row == row and rows.shape == (5, *row) and schema.features == np.prod(shape[1:])
    back = schema.restore(rows)
    assert np.array_equal(back, X) and back.dtype == (np.uint8 if dtype == np.uint8 else dtype)


@pytest.mark.parametrize("shape", LAYOUTS)
def test_flat_rows_are_accepted_and_answered_flat(shape):
    X = np.random.default_rng(0).normal(size=shape)
    schema = Images().learn(X)
    flat = X.reshape(5, -1)
    assert np.array_equal(schema.rows(flat), schema.rows(X))
    assert np.array_equal(schema.restore(schema.rows(X), like=flat), flat)


def test_channels_last_and_first_mean_the_same():
    X = np.random.default_rng(0).normal(size=(2, 5, 6, 3))
    first = X.transpose(0, 3, 1, 2)
    assert np.array_equal(Images().learn(X).rows(X), Images().learn(first).rows(first))


def test_bytes_are_rounded_and_kept_within_range():
    schema = Images().learn(np.full((1, 2, 2), 200, np.uint8))
    back = schema.restore(np.array([[[[-3.0, 254.6], [300.0, 1.4]]]]))
    assert back.dtype == np.uint8 and back.tolist() == [[[0, 255], [255, 1]]]


@pytest.mark.parametrize(
    ("shape", "given"),
    [((2, 3, 8, 3), "both"), ((2, 5, 6, 7), "no axis"), ((2, 1, 1, 1), "both")],
)
def test_ambiguous_channels_are_refused(shape, given, refused):
    with refused(str(shape), given, "input=Images(channels='first')"):
        Images().learn(np.zeros(shape))


@pytest.mark.parametrize(("channels", "row"), [("first", (3, 8, 3)), ("last", (3, 3, 8))])
def test_ambiguous_channels_can_be_told(channels, row):
    assert Images(channels=channels).learn(np.zeros((2, 3, 8, 3))).row == row


def test_any_number_of_channels_can_be_told():
    assert Images(channels="last").learn(np.zeros((2, 5, 6, 7))).row == (7, 5, 6)


@pytest.mark.parametrize(
    ("X", "given"),
    [
        (np.zeros((2, 64)), "(2, 64)"),
        (np.zeros((2, 1, 1, 8, 8)), "(2, 1, 1, 8, 8)"),
        (np.zeros((0, 8, 8)), "0 rows"),
        (np.array([[["a", "b"]]]), "'a'"),
    ],
    ids=lambda value: repr(value)[:30].replace("\n", " "),
)
def test_what_is_not_pictures_is_refused(X, given, refused):
    with refused(given):
        Images().learn(X)


@pytest.mark.parametrize(
    ("X", "given"),
    [
        (np.zeros((2, 8, 7)), "(8, 7)"),
        (np.zeros((2, 8, 8, 3)), "(8, 8, 3)"),
        (np.zeros((2, 63)), "63 features"),
        (np.full((2, 8, 8), np.nan), "NaN"),
        (np.zeros((0, 8, 8)), "0 rows"),
    ],
    ids=lambda value: repr(value)[:30].replace("\n", " "),
)
def test_other_pictures_than_fitted_are_refused(X, given, refused):
    with refused(given):
        Images().learn(np.zeros((2, 8, 8))).rows(X)


def test_unknown_channels_are_refused(refused):
    with refused("'middle'"):
        Images(channels="middle")


def test_arrays_of_three_and_four_axes_are_pictures():
    assert isinstance(infer(np.zeros((2, 8, 8))), Images)
    assert isinstance(infer(np.zeros((2, 8, 8, 3))), Images)
    assert isinstance(infer(np.zeros((2, 8, 8)).tolist()), Images)


@pytest.mark.parametrize("shape", LAYOUTS)
def test_schemas_survive_json(shape):
    schema = Images().learn(np.zeros(shape, np.uint8))
    assert schema_from_json(schema.to_json()) == schema


# Read on demand --------------------------------------------------------------------------------------


class Lazy:
    """An array that notices what is read of it."""

    block = 4

    def __init__(self, array):
        self.array, self.reads = array, []
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __len__(self):
        return len(self.array)

    def __getitem__(self, which):
        self.reads.append(which)
        return self.array[which]


@pytest.mark.parametrize("shape", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_images_on_demand_are_those_in_memory(shape, dtype):
    X = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    lazy, schema = Lazy(X), Images().learn(X)
    assert Images().learn(lazy) == schema
    rows, expected = schema.rows(lazy), schema.rows(X)
    assert lazy.reads == [slice(0, 4)] * (dtype == np.uint8), "no more than shows whether pixels go beyond 1"
    lazy.reads.clear()
    assert (rows.shape, rows.dtype, rows.block, len(rows)) == (expected.shape, expected.dtype, 4, 5)
    for which in (slice(1, 3), slice(None), slice(3, 3), np.array([4, 0])):
        assert np.array_equal(rows[which], expected[which]) and rows[which].dtype == expected.dtype
    assert lazy.reads[0] == slice(1, 3)
    assert np.array_equal(schema.restore(rows[:], like=lazy), X)


def test_flat_rows_on_demand_are_images_too():
    X = np.random.default_rng(0).normal(size=(5, 8, 6, 3))
    schema = Images().learn(X)
    assert np.array_equal(schema.rows(Lazy(X.reshape(5, -1)))[1:4], schema.rows(X)[1:4])


def test_images_on_demand_are_checked_as_they_are_read(refused):
    X = np.zeros((6, 8, 8))
    X[4, 1, 2] = np.nan
    rows = Images().learn(Lazy(X)).rows(Lazy(X))
    assert rows[:4].shape == (4, 1, 8, 8)
    with refused("NaN", "row 4", "column 1, 2"):
        rows[3:6]


@pytest.mark.parametrize("shape", [(5, 8, 7), (5, 8, 8, 3), (5, 63), (0, 8, 8)])
def test_other_images_on_demand_than_fitted_are_refused(shape, refused):
    with refused():
        Images().learn(np.zeros((2, 8, 8))).rows(Lazy(np.zeros(shape)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
@pytest.mark.parametrize("most", [0, 1, 2])
def test_whole_numbers_on_demand_are_those_in_memory(dtype, most):
    X = np.zeros((6, 8, 8), dtype)
    X[-1, 0, 0] = most
    learned = Images().learn(Lazy(X))
    assert learned == Images().learn(X) and learned.whole == (dtype == np.uint8 and most > 1)


def test_binary_pictures_in_a_file_are_answered_as_those_in_memory(tmp_path):
    X = np.random.default_rng(0).integers(0, 2, (40, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "x.npy", X)
    answers = []
    for rows in (X, nw.sources.Npy(tmp_path / "x.npy")):
        ae = nw.Autoencoder(2, backbone=nw.backbones.MLP(hidden=(8,)), max_epochs=1).fit(rows)
        answers.append(ae.reconstruct(rows))
        assert answers[-1].dtype == np.float32 and len(np.unique(answers[-1])) > 2
    assert answers[0].shape == answers[1].shape
    assert nw.inputs.Images().learn(nw.sources.Npy(tmp_path / "x.npy")) == Images().learn(X)


# Resized ---------------------------------------------------------------------------------------------


def folder_of(path, *shapes):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    for i, array in enumerate(arrays):
        Image.fromarray(array).save(path / f"{i}.png")
    return ImageFolder(path), arrays


def test_a_folder_is_read_as_it_is_needed(tmp_path):
    folder, arrays = folder_of(tmp_path, *[(6, 4, 3)] * 3)
    schema = Images().learn(folder)
    assert schema == Images().learn(np.stack(arrays))
    assert np.array_equal(schema.rows(folder)[1:], schema.rows(np.stack(arrays))[1:])
    assert isinstance(infer(folder), Images)


def test_a_folder_of_several_sizes_says_how_to_resize(tmp_path, refused):
    folder, arrays = folder_of(tmp_path, (6, 4, 3), (5, 4, 3))
    with refused("1.png", "5 × 4", "Images(size=(h, w))"):
        Images().learn(folder)
    with refused("(6, 4, 3)", "(5, 4, 3)", "Images(size=(h, w))"):
        Images().learn(arrays)
    with refused("(6, 4, 3)", "(5, 4, 3)", "Images(size=(h, w))"):
        Images().learn(arrays[0][None]).rows(arrays)


def test_images_of_all_sizes_are_resized_alike(tmp_path):
    folder, arrays = folder_of(tmp_path, (9, 7, 3), (30, 50, 3), (4, 5, 3))
    part = Images(size=(4, 5))
    schema = part.learn(folder)
    assert schema == part.learn(arrays) and schema.row == (3, 4, 5) and schema.resized == (4, 5)
    expected = np.stack([resize(x, (4, 5)) for x in arrays])
    assert schema.rows(folder).shape == (3, 3, 4, 5)
    for X in (folder, arrays, expected):
        assert np.array_equal(schema.restore(schema.rows(X)[:], like=X), expected)
    assert np.array_equal(schema.rows(schema.sized(folder)[1:]), schema.rows(folder)[1:])
    assert np.array_equal(schema.rows(expected.reshape(3, -1)), schema.rows(expected)), (
        "flat rows have its size"
    )


@pytest.mark.parametrize("shape", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64])
def test_arrays_are_resized_in_every_layout(shape, dtype):
    X = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    channels, height, width = LAYOUTS[shape]
    schema = Images(size=(3, 5)).learn(X)
    rows, lazy = schema.rows(X), schema.rows(Lazy(X))
    assert schema.row == (channels, 3, 5) and rows.shape == (5, channels, 3, 5)
    assert np.array_equal(rows, lazy[:]) and rows.dtype == lazy.dtype and lazy.shape == rows.shape
    assert np.array_equal(rows[2, -1], resize(Images().learn(X).rows(X)[2, -1], (3, 5)))
    same = Images(size=(height, width)).learn(X)
    assert np.array_equal(same.rows(X), Images().learn(X).rows(X)), "nothing to do"


def test_what_is_resized_is_written_down():
    schema = Images(size=[3, 5]).learn(np.zeros((2, 8, 8)))
    assert schema.to_json()["resized"] == (3, 5) and schema_from_json(schema.to_json()) == schema
    old = {"kind": "Images", "shape": [8, 8], "layout": "none", "whole": False}
    assert schema_from_json(old) == Images().learn(np.zeros((2, 8, 8)))


@pytest.mark.parametrize("size", [5, (5,), (5, 0), (5, 2.5), "5x5", (5, 5, 3)])
def test_sizes_that_are_none_are_refused(size, refused):
    with refused(repr(size), "(height, width)"):
        Images(size=size)


def test_vectors_among_images_are_refused(refused):
    with refused("(8,)", "(3, 3)"):
        Images(size=(3, 3)).learn(np.zeros((2, 8, 8))).rows([np.zeros((8, 8)), np.zeros(8)])


def test_resizing_makes_no_other_channels(refused):
    schema = Images(size=(3, 3)).learn(np.zeros((2, 8, 8, 3)))
    for X in (
        np.zeros((2, 8, 8)),
        np.zeros((2, 8, 8, 4)),
        [np.zeros((8, 8)), np.zeros((5, 8))],
        Lazy(np.zeros((2, 8, 8))),
    ):
        with refused("(3, 3, 3)"):
            schema.rows(X)
