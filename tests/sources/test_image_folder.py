"""Folders of pictures: every kind of pixel, what is opened when, and what is wrong with a file."""

import io
import pickle
import struct
import sys
import warnings
import zlib

import numpy as np
import PIL.Image
import pytest
from PIL import Image

from narrows.sources import pictures
from narrows.sources.image_folder import ImageFolder, image_files

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 4, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (6, 4), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (6, 4, 4), dtype=np.uint8)


def write(path, picture=RGB, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path, **options)
    return path


def cut_short(path, share=0.6):
    raw = write(path).read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    return path


@pytest.fixture
def opened(monkeypatch):
    """Names of the files that Pillow opens."""
    names, real = [], PIL.Image.open
    monkeypatch.setattr(
        PIL.Image,
        "open",
        lambda path, *args, **options: (
            names.append(str(path).rsplit("/", 1)[-1]),
            real(path, *args, **options),
        )[1],
    )
    return names


def numbered(folder, n=30):
    for i in range(n):
        write(folder / f"{i:02}.png", np.full((6, 4), i, np.uint8))
    return ImageFolder(folder)


@pytest.mark.parametrize("ending", pictures.ENDINGS)
def test_every_ending_is_read(tmp_path, ending):
    options = {"lossless": True} if ending == ".webp" else {"quality": 100} if "jp" in ending else {}
    write(tmp_path / f"a{ending}", np.full((6, 4, 3), 77, np.uint8), **options)
    rows = ImageFolder(tmp_path)
    assert rows.shape == (1, 6, 4, 3) and rows.ndim == 4 and rows.dtype == np.uint8 and len(rows) == 1
    np.testing.assert_allclose(rows[:], 77, atol=1)


def test_the_order_is_that_of_names_and_other_files_are_left_alone(tmp_path):
    for name in ("b.png", "a/z.PNG", "c.bmp", ".hidden.png", ".git/x.png", "a-b.png"):
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    assert ImageFolder(tmp_path).names == ("a/z.PNG", "a-b.png", "b.png", "c.bmp")
    assert image_files(tmp_path / "b.png") == ["b.png"] and image_files(tmp_path / "notes.txt") == []


def test_one_file_is_a_folder_of_one(tmp_path):
    np.testing.assert_array_equal(ImageFolder(write(tmp_path / "a.png"))[:], RGB[None])


# Name → what is saved, and what comes back.
PALETTE = Image.fromarray(GREY).convert("P")
CLEAR = {"transparency": int(GREY[0, 0])}
KINDS = {
    "grey": (GREY, {}, GREY),
    "rgb": (RGB, {}, RGB),
    "rgba": (RGBA, {}, RGBA),
    "bilevel": (Image.fromarray(GREY > 99), {}, np.where(GREY > 99, 255, 0)),
    "palette": (PALETTE, {}, np.asarray(PALETTE.convert("RGB"))),
    "palette and opacity": (PALETTE, CLEAR, np.asarray(PALETTE.convert("RGB"))),
    "grey and opacity": (Image.fromarray(RGBA).convert("LA"), {}, None),
    "one colour is clear": (RGB, {"transparency": tuple(RGB[0, 0].tolist())}, RGB),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_pixel(tmp_path, kind):
    saved, options, expected = KINDS[kind]
    write(tmp_path / "a.png", saved, **options)
    found = ImageFolder(tmp_path)[0]
    if expected is None:
        np.testing.assert_array_equal(found, np.asarray(saved.convert("RGBA")))
    elif options:
        np.testing.assert_array_equal(found[..., :3], expected)
        assert found.shape[2] == 4 and found[0, 0, 3] == 0 and found[..., 3].max() == 255
    else:
        np.testing.assert_array_equal(found, expected)


def test_print_colours_become_rgb(tmp_path):
    write(tmp_path / "a.jpg", Image.new("CMYK", (4, 6), (0, 255, 255, 0)), quality=100)
    found = ImageFolder(tmp_path)[0].astype(int)
    assert found.shape == (6, 4, 3) and (found[..., 0] > 240).all() and (found[..., 1:] < 16).all()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deep_png(colours):
    """A PNG of 16 bits per channel, 2 × 2."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colours]
    lines = (b"\0" + bytes(4 * channels)) * 2
    head = struct.pack(">IIBBBBB", 2, 2, 16, colours, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("colours", [0, 2, 4, 6])
def test_sixteen_bits_are_refused(tmp_path, colours, refused):
    (tmp_path / "deep.png").write_bytes(deep_png(colours))
    with refused("deep.png", "16 bits", "array"):
        ImageFolder(tmp_path)
    write(tmp_path / "a.png")
    with refused("deep.png", "16 bits"):
        ImageFolder(tmp_path).check()
    with refused("deep.png", "16 bits"):
        ImageFolder(tmp_path, skip_damaged=True, mode="RGB")


@pytest.mark.parametrize("mode", ["I", "F", "I;16"])
def test_numbers_that_are_no_bytes_are_refused(tmp_path, mode, refused):
    write(tmp_path / "a.tif", Image.new(mode, (4, 6)))
    with refused("a.tif", "8 bits"):
        ImageFolder(tmp_path)


def test_unknown_colours_are_refused(tmp_path, refused):
    write(tmp_path / "a.tif", Image.new("LAB", (4, 6)))
    with refused("a.tif", "'LAB'"):
        ImageFolder(tmp_path)


@pytest.mark.parametrize("ending", [".tif", ".webp", ".png"])
def test_several_pictures_in_one_file_are_refused(tmp_path, ending, refused):
    others = [Image.fromarray(RGB[::-1]), Image.fromarray(255 - RGB)]
    write(tmp_path / f"a{ending}", save_all=True, append_images=others)
    with refused(f"a{ending}", "3 pictures"):
        ImageFolder(tmp_path)


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("value", range(1, 9))
def test_pictures_stand_upright(tmp_path, ending, value):
    """What a file says of its camera turns its pixels as Pillow's own viewer does."""
    exif = Image.Exif()
    exif[0x0112] = value
    bright = np.zeros((8, 16), np.uint8)
    bright[:4, :4], bright[:4, 12:] = 250, 120
    options = {"lossless": True} if ending == ".webp" else {}
    write(tmp_path / f"a{ending}", Image.fromarray(bright).convert("RGB"), exif=exif, **options)
    rows = ImageFolder(tmp_path)
    rows.check()
    turned = {
        1: bright, 2: bright[:, ::-1], 3: bright[::-1, ::-1], 4: bright[::-1], 5: bright.T,
        6: bright.T[:, ::-1], 7: bright.T[::-1, ::-1], 8: bright.T[::-1],
    }[value]  # fmt: skip
    np.testing.assert_allclose(rows[0][..., 0], turned, atol=20)


def test_a_camera_s_damaged_notes_are_no_reason(tmp_path):
    write(tmp_path / "a.jpg", exif=b"Exif\0\0nonsense")
    assert ImageFolder(tmp_path)[:].shape == (1, 6, 4, 3)


def test_rows_are_read_like_an_array(tmp_path):
    rows, numbers = numbered(tmp_path), np.arange(30)
    for which in (
        slice(None), slice(3, 7), slice(20, 99), slice(-3, None), slice(10, 2), slice(1, 20, 5), slice(None, None, -7),
        np.array([5, 5, 0, -1]), [2, 1], np.arange(30) % 7 == 0, np.zeros(0, int),
    ):  # fmt: skip
        found = rows[which]
        assert found[:, 0, 0].tolist() == numbers[which].tolist() and found.shape[1:] == (6, 4)
    assert rows[-1].shape == (6, 4) and rows[np.int64(3)][0, 0] == 3
    with pytest.raises(IndexError):
        rows[30]
    with pytest.raises(IndexError):
        rows[np.array([1, 30])]
    with pytest.raises(TypeError, match=r"was to become one array: use"):
        np.asarray(rows)


def test_only_what_is_asked_for_is_opened(tmp_path, opened):
    rows = numbered(tmp_path)
    assert opened == ["00.png"]
    opened.clear()
    assert (rows.shape, rows.dtype, rows.block, len(rows), rows.ndim) == ((30, 6, 4), np.uint8, 8, 30, 3)
    assert opened == []
    rows[4:7]
    assert sorted(opened) == ["04.png", "05.png", "06.png"]
    opened.clear()
    rows[np.array([9, 2])]
    assert sorted(opened) == ["02.png", "09.png"]


def test_the_same_pixels_however_many_are_read_at_once(tmp_path):
    rows = numbered(tmp_path)
    one_by_one = np.concatenate([rows[i : i + 1] for i in range(30)])
    np.testing.assert_array_equal(rows[:], one_by_one)


def test_a_folder_and_its_errors_can_be_pickled(tmp_path):
    rows = numbered(tmp_path, 3)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(rows))[:], rows[:])
    error = pickle.loads(pickle.dumps(pictures.DamagedError("a.png", "cut short")))
    assert error.reason == "cut short" and "'a.png'" in str(error)


def test_large_pictures_are_decoded_side_by_side(tmp_path, refused):
    """By threads, in order; an error is that of the first odd file."""
    for i in range(10):
        write(tmp_path / f"{i}.png", np.full((400, 300), i, np.uint8))
    rows = ImageFolder(tmp_path)
    assert rows[:][:, 0, 0].tolist() == list(range(10))
    write(tmp_path / "4.png", np.zeros((300, 300), np.uint8)), cut_short(tmp_path / "7.png")
    for _ in range(5):
        with refused("4.png", "300 × 300"):
            rows[:]


# Sizes and modes -----------------------------------------------------------------------------------


def test_another_size_is_refused_wherever_it_is_met(tmp_path, refused):
    numbered(tmp_path, 3)
    write(tmp_path / "aa.png", np.zeros((9, 4), np.uint8))
    write(tmp_path / "bb.png", np.zeros((8, 4), np.uint8))
    rows = ImageFolder(tmp_path)
    words = ("aa.png", "9 × 4", "6 × 4", "00.png", "Images(size=(h, w))")
    for read in (rows.check, lambda: rows[:], lambda: rows[3]):
        with refused(*words):
            read()
    assert rows[:3].shape == (3, 6, 4) and rows.sizes().tolist() == [[6, 4]] * 3 + [[9, 4], [8, 4]]
    assert rows.picture(3).shape == (9, 4)


def test_another_mode_is_refused_or_converted(tmp_path, refused):
    write(tmp_path / "a.png", RGB), write(tmp_path / "b.png", GREY)
    rows = ImageFolder(tmp_path)
    for read in (rows.check, rows.sizes, lambda: rows[:]):
        with refused("b.png", "'L'", "'RGB'", "a.png", "mode='RGB'"):
            read()
    for mode, channels in pictures.MODES.items():
        same = ImageFolder(tmp_path, mode=mode)
        same.check()
        assert same[:].shape == same.shape == (2, 6, 4, *channels)
    np.testing.assert_array_equal(
        ImageFolder(tmp_path, mode="RGB")[1], np.broadcast_to(GREY[..., None], (6, 4, 3))
    )


def test_pictures_of_all_sizes_are_resized(tmp_path):
    write(tmp_path / "a.png", RGB), write(tmp_path / "b.png", np.full((40, 30, 3), 9, np.uint8))
    rows = ImageFolder(tmp_path, size=(3, 2))
    rows.check()
    assert rows.shape == (2, 3, 2, 3) and (rows[1] == 9).all() and rows.sizes().tolist() == [[3, 2]] * 2
    np.testing.assert_array_equal(rows[0], pictures.resize(RGB, (3, 2)))
    np.testing.assert_array_equal(ImageFolder(tmp_path).resized((3, 2))[:], rows[:])


def test_nothing_is_skipped_in_shrinking():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    assert np.ptp(pictures.resize(stripes, (8, 8))[:, 1:-1].astype(int)) <= 8, "grey, and not stripes again"
    assert np.array_equal(pictures.resize(stripes, stripes.shape), stripes)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int16, bool])
@pytest.mark.parametrize("shape", [(9, 6), (9, 6, 1), (9, 6, 3), (9, 6, 4), (9, 6, 5)])
def test_arrays_of_every_type_are_resized(dtype, shape):
    picture = (RNG.random(shape) * 200).astype(dtype)
    small = pictures.resize(picture, (3, 2))
    assert small.shape == (3, 2, *shape[2:])
    assert small.dtype == (dtype if np.dtype(dtype).kind == "f" or dtype == np.uint8 else np.float32)
    assert picture.min() <= small.min() and small.max() <= picture.max()


def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size(tmp_path):
    y, x = np.mgrid[:512, :768]
    smooth = (127 + 100 * np.sin(x / 40) * np.cos(y / 60)).astype(np.uint8)
    path = str(write(tmp_path / "a.jpg", smooth, quality=95))
    quick = pictures.decode(path, (16, 24)).astype(int)
    whole = pictures.resize(pictures.decode(path), (16, 24)).astype(int)
    assert np.abs(quick - whole).max() <= 3


# Damaged files -------------------------------------------------------------------------------------


def test_a_file_that_is_cut_short_is_named(tmp_path, refused):
    numbered(tmp_path, 3)
    cut_short(tmp_path / "02.png"), write(tmp_path / "02b.png", GREY)
    rows = ImageFolder(tmp_path, mode="L")
    rows.check()  # its header is whole
    assert rows[:2].shape == (2, 6, 4)
    with refused("02.png", "truncated", "skip_damaged=True"):
        rows[:]


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.tif", "x.webp", "x.bmp"])
def test_what_is_no_picture_is_refused(tmp_path, name, content, refused):
    (tmp_path / name).write_bytes(content)
    with refused(name, "skip_damaged=True"):
        ImageFolder(tmp_path)
    write(tmp_path / "a.png")
    with refused(name, "cannot be read"):
        ImageFolder(tmp_path).check()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
def test_a_damaged_file_never_gets_through_as_an_accident(tmp_path, kind, refused):
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, kind)
    path, whole = tmp_path / "a.png", buffer.getvalue()
    for _ in range(150):
        raw = bytearray(whole)
        raw[rng.integers(0, min(len(raw), 200))] = rng.integers(0, 256)
        path.write_bytes(bytes(raw[: rng.integers(1, 2 * len(raw))]))
        try:
            with warnings.catch_warnings(), refused("a.png"):
                warnings.simplefilter("ignore")  # Pillow's, on what a header says
                ImageFolder(tmp_path)[:]
        except pytest.fail.Exception:
            pass  # a byte that may be anything, such as those of a pixel


def test_damaged_files_are_left_out_with_one_warning(tmp_path):
    numbered(tmp_path, 5)
    cut_short(tmp_path / "01.png"), (tmp_path / "03b.jpg").write_bytes(b"no picture")
    with pytest.warns(
        UserWarning, match=r"Left out 2 of 6 pictures in .*'01.png' \(.*truncated.*'03b.jpg' \("
    ) as seen:
        rows = ImageFolder(tmp_path, skip_damaged=True)
    assert len(seen) == 1 and seen[0].filename == __file__
    assert rows.names == ("00.png", "02.png", "03.png", "04.png") and rows.damaged == ("01.png", "03b.jpg")
    assert rows[:][:, 0, 0].tolist() == [0, 2, 3, 4]


def test_a_warning_names_no_more_than_some(tmp_path):
    numbered(tmp_path, 1)
    for i in range(13):
        (tmp_path / f"x{i:02}.png").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"Left out 13 of 14 .*'x09.png' \([^)]*\) and 3 more"):
        assert len(ImageFolder(tmp_path, skip_damaged=True).damaged) == 13


def test_whole_files_make_no_warning(tmp_path):
    numbered(tmp_path, 3)
    assert ImageFolder(tmp_path, skip_damaged=True).damaged == ()


def test_nothing_but_damaged_files_is_refused(tmp_path, refused):
    cut_short(tmp_path / "a.png")
    with refused("holds 1 picture(s)", "a.png", "none can be read"):
        ImageFolder(tmp_path, skip_damaged=True)


def test_a_file_that_is_gone_is_named(tmp_path, refused):
    rows = numbered(tmp_path, 3)
    (tmp_path / "01.png").unlink()
    with refused("01.png", "No such file"):
        rows[:]


def test_no_pictures_are_refused(tmp_path, refused):
    (tmp_path / "notes.txt").write_text("no picture")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with refused(str(path), "no pictures"):
            ImageFolder(path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        ImageFolder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"mode": "CMYK"}, "'CMYK'"),
        ({"size": 64}, "size=64"),
        ({"size": (0, 4)}, "size=(0, 4)"),
        ({"size": (4, 4, 3)}, "(4, 4, 3)"),
        ({"size": (4.0, 4)}, "(4.0, 4)"),
        ({"size": (True, 4)}, "(True, 4)"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, arguments, given, refused):
    write(tmp_path / "a.png")
    with refused(given):
        ImageFolder(tmp_path, **arguments)


def test_without_pillow_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    write(tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install narrows\[images\]\.$"):
        ImageFolder(tmp_path)
