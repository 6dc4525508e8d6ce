"""Sound files: every format of samples, folders, and what is wrong with a file."""

import struct
import warnings

import numpy as np
import pytest
from scipy.io import wavfile

from narrows.sources import wav

TONE = np.sin(np.arange(400) / 7)
FORMATS = {  # what the file holds of a level
    "uint8": lambda x: np.uint8(np.round(x * 127) + 128),
    "int16": lambda x: np.int16(np.round(x * 32767)),
    "int32": lambda x: np.int32(np.round(x * (2**31 - 1))),
    "float32": np.float32,
    "float64": np.float64,
}


RECORDED = FORMATS["int16"](TONE)


def write(path, samples=RECORDED, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, samples)
    return path


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_speaks_of_the_same_levels(tmp_path, name, channels):
    levels = np.stack([TONE, TONE[::-1]][:channels], 1)
    waves = wav.read(write(tmp_path / "a.wav", FORMATS[name](levels), 22050))
    assert (waves.rate, waves.names, len(waves)) == (22050, ("a.wav",), 1)
    assert waves[0].dtype == np.float32 and waves[0].shape == (400, channels)
    np.testing.assert_allclose(waves[0][:], levels, atol={"uint8": 0.02, "int16": 1e-4}.get(name, 1e-6))


def test_one_channel_has_an_axis_of_its_own(tmp_path):
    assert wav.read(write(tmp_path / "a.wav"))[0].shape == (400, 1)


def test_samples_of_24_bits_are_read(tmp_path):
    path = write(tmp_path / "a.wav", np.array([0, 2**30, -(2**31)], np.int32))
    raw = path.read_bytes()
    packed = b"".join(raw[44 + 4 * i + 1 : 44 + 4 * i + 4] for i in range(3)) + b"\0"
    head = bytearray(raw[:44])
    head[4:8] = (36 + len(packed)).to_bytes(4, "little")
    head[28:32], head[32:34], head[34:36] = (24000).to_bytes(4, "little"), b"\3\0", b"\x18\0"
    head[40:44] = (9).to_bytes(4, "little")
    path.write_bytes(bytes(head) + packed)
    np.testing.assert_array_equal(wav.read(path)[0][:][:, 0], [0, 0.5, -1])


def test_a_folder_is_read_in_the_order_of_names(tmp_path):
    for name, length in (
        ("b.wav", 30),
        ("a/z.WAV", 20),
        ("c.wav", 10),
        (".trash/d.wav", 5),
        ("a/._z.wav", 5),
    ):
        write(tmp_path / name, np.ones(length, np.int16))
    (tmp_path / "notes.txt").write_text("not sound")
    waves = wav.read(tmp_path)
    assert waves.names == ("a/z.WAV", "b.wav", "c.wav")
    assert [len(x) for x in waves] == [20, 30, 10]
    assert [file.name for file in wav.wav_files(tmp_path)] == ["z.WAV", "b.wav", "c.wav"]


def test_what_stands_for_wav_files(tmp_path):
    assert wav.wav_files(tmp_path) == []
    assert wav.wav_files(tmp_path / "a.csv") == []
    assert wav.wav_files(tmp_path / "a.wav") == [tmp_path / "a.wav"]


def test_another_sample_rate_is_refused(tmp_path, refused):
    write(tmp_path / "a.wav"), write(tmp_path / "b.wav", rate=44100)
    with refused("b.wav", "44100", "8000", "a.wav", "resample"):
        wav.read(tmp_path)


def test_other_channels_are_refused(tmp_path, refused):
    write(tmp_path / "a.wav"), write(tmp_path / "b.wav", np.zeros((5, 2), np.int16))
    with refused("b.wav", "2 channel(s)", "1 as in", "a.wav"):
        wav.read(tmp_path)


def test_nothing_to_read_is_refused(tmp_path, refused):
    with refused(str(tmp_path), "no wav file"):
        wav.read(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        wav.read(tmp_path / "a.wav")


def test_a_file_without_samples_is_refused(tmp_path, refused):
    with refused("a.wav", "no samples"):
        wav.read(write(tmp_path / "a.wav", np.zeros(0, np.int16)))


@pytest.mark.parametrize("length", [0, 3, 10, 20, 30, 40, 44, 45, 46, 100, 101, 843])
def test_a_file_that_is_cut_short_is_refused(tmp_path, length, refused):
    path = write(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes()[:length])
    with refused("a.wav", "write it again"):
        wav.read(path)


def test_a_damaged_file_never_gets_through_as_an_accident(tmp_path, refused):
    rng = np.random.default_rng(0)
    path = write(tmp_path / "a.wav", np.ones(50, np.int16))
    whole = path.read_bytes()
    for _ in range(300):
        raw = bytearray(whole)
        raw[rng.integers(0, 44)] = rng.integers(0, 256)
        path.write_bytes(bytes(raw))
        try:
            with warnings.catch_warnings(), refused("a.wav"):
                warnings.simplefilter("error")
                wav.read(path)
        except pytest.fail.Exception:
            pass  # a byte that may be anything, such as those of the rate


def test_compressed_sound_is_refused(tmp_path, refused):
    path = write(tmp_path / "a.wav")
    raw = bytearray(path.read_bytes())
    raw[20] = 6  # A-law
    path.write_bytes(bytes(raw))
    with refused("a.wav", "PCM"):
        wav.read(path)


def test_notes_beside_the_sound_are_ignored(tmp_path):
    path = write(tmp_path / "a.wav")
    raw = path.read_bytes() + b"note" + (4).to_bytes(4, "little") + b"ring"
    path.write_bytes(raw[:4] + (len(raw) - 8).to_bytes(4, "little") + raw[8:])
    assert len(wav.read(path)[0]) == 400


def header(samples, word=1, channels=1, bits=16, order="<", form=None, more=b"", rate=8000, frame=None):
    """A wav file by hand."""
    frame = bits // 8 * channels if frame is None else frame
    chunk = struct.pack(f"{order}HHIIHH", word, channels, rate, rate * frame, frame, bits) + more
    body = b"WAVEfmt " + struct.pack(f"{order}I", len(chunk)) + chunk
    body += b"data" + struct.pack(f"{order}I", len(samples)) + samples
    name = form or (b"RIFX" if order == ">" else b"RIFF")
    return name + struct.pack(f"{order}I", len(body)) + body


def extensible(word, tail="800000aa00389b71"):
    return struct.pack("<HHIIHH", 22, 16, 4, word, 0, 16) + bytes.fromhex(tail)


def test_other_forms_of_the_header_are_read(tmp_path):
    levels = np.array([0, 2**14, -(2**15)], "<i2")
    long = header(levels.tobytes(), form=b"RF64")
    sizes = b"ds64" + struct.pack("<IQQQI", 28, 0, 6, 3, 0)
    long = long[:12] + sizes + long[12:-10] + struct.pack("<I", 2**32 - 1) + long[-6:]
    for raw in (
        header(levels.tobytes()),
        header(levels.astype(">i2").tobytes(), order=">"),
        header(levels.tobytes(), word=0xFFFE, more=extensible(1)),
        header((levels / 2**15).astype("<f4").tobytes(), word=3, bits=32),
        header(levels.tobytes(), bits=12, frame=2),  # in the upper bits of two bytes
        long,
    ):
        (tmp_path / "a.wav").write_bytes(raw)
        assert wav.read(tmp_path / "a.wav")[0][:][:, 0].tolist() == [0, 0.5, -1]


ODD = {
    "halves": (header(bytes(8), word=3), "floats of 16 bits"),
    "24-bit floats": (header(bytes(9), word=3, bits=24), "floats of 24 bits"),
    "µ-law": (header(bytes(8), word=7, bits=8), "µ-law"),
    "unknown": (header(bytes(8), word=999), "format 999"),
    "40 bits": (header(bytes(10), bits=40), "40 bits"),
    "no channels": (header(bytes(8), channels=0), "0 channels"),
    "no rate": (header(bytes(8), rate=0), "0 samples per second"),
    "another extension": (header(bytes(8), word=0xFFFE, more=extensible(1, "00" * 8)), "format 65534"),
    "half a sample": (header(bytes(7)), "last sample is not whole"),
    "24 bits backwards": (header(bytes(9), bits=24, order=">"), "highest of them first"),
    "no format": (b"RIFF" + bytes(4) + b"WAVEdata" + struct.pack("<I", 4) + bytes(4), "ends before"),
    "no wav": (b"RIFF" + bytes(4) + b"AVI " + bytes(50), "no wav file"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path, refused, name):
    raw, reason = ODD[name]
    (tmp_path / "a.wav").write_bytes(raw)
    with refused("a.wav", reason, "PCM"):
        wav.read(tmp_path / "a.wav")


@pytest.mark.parametrize("name", FORMATS)
def test_a_stretch_is_read_by_itself(tmp_path, name):
    sound = wav.Sound(write(tmp_path / "a.wav", FORMATS[name](np.stack([TONE, -TONE], 1))))
    whole = np.asarray(sound)
    for start, stop in ((0, 1), (17, 300), (390, 500), (5, 5)):
        assert np.array_equal(sound[start:stop], whole[start:stop])


def test_a_file_cut_short_meanwhile_is_refused(tmp_path, refused):
    sound = wav.Sound(write(tmp_path / "a.wav"))
    sound.path.write_bytes(sound.path.read_bytes()[:100])
    with refused("a.wav", "cut short"):
        sound[:]


def test_what_is_written_comes_back(tmp_path):
    series = np.stack([TONE, 3 * TONE], 1).astype(np.float32)
    wav.write(tmp_path / "a.wav", series, 11025)
    sound = wav.Sound(tmp_path / "a.wav")
    assert sound.rate == 11025 and np.array_equal(sound[:], series)
