"""One model, one file: the same bits in another process, a clear refusal of anything else."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import safetensors
import safetensors.torch
import torch
from sklearn.base import clone
from torch import nn

import narrows as nw
from narrows import artifact
from narrows.backbones import MLP
from narrows.bottlenecks import Gaussian
from narrows.corruptions import SaltPepper
from narrows.likelihoods import Normal
from narrows.penalties import L1, Contractive

RNG = np.random.default_rng(0)
X = np.abs(RNG.normal(size=(40, 2)) @ RNG.normal(size=(2, 6)) + 3)  # some recipes want counts
PICTURES = RNG.integers(0, 256, (40, 6, 5)).astype(np.uint8)
ANSWERS = ("transform", "reconstruct", "score_samples", "sample")


def rows_for(name):
    return PICTURES if "convolutional" in name else X


def answers(ae, rows):
    verbs = ANSWERS if ae.net_.side is None else ANSWERS[:-1]  # whose decoder also sees the row draws none
    return {verb: np.asarray(ae.sample(5) if verb == "sample" else getattr(ae, verb)(rows)) for verb in verbs}


MODELS = {
    name: (lambda name=name: getattr(nw.recipes, name)(3, max_epochs=2)) for name in nw.recipes.__all__
} | {
    "double": lambda: nw.Autoencoder(3, precision="float64", max_epochs=2, scale="robust"),
    "learned spreads": lambda: nw.Autoencoder(
        3, likelihood=Normal("feature"), bottleneck="gaussian", max_epochs=2
    ),
    "tied and corrupted": lambda: nw.Autoencoder(
        3,
        backbone=MLP((5,), tied=True),
        corruption=SaltPepper(0.2),
        penalties=(L1(0.1), Contractive()),
        max_epochs=2,
    ),
    "pooled convolutional": lambda: nw.Autoencoder(
        3, backbone=nw.backbones.Conv2d((4,), resample="pool"), max_epochs=2
    ),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Every model fitted, and the folder of its files."""
    folder = tmp_path_factory.mktemp("models")
    fitted = {name: make().fit(rows_for(name)) for name, make in MODELS.items()}
    for name, ae in fitted.items():
        ae.save(folder / f"{name}.safetensors")
    return fitted, folder


@pytest.fixture(scope="module")
def elsewhere(saved):
    """What a fresh process makes of the files."""
    _, folder = saved
    np.savez(folder / "rows.npz", vectors=X, pictures=PICTURES)
    script = f"""
import numpy as np, torch, narrows as nw
torch.set_num_threads({torch.get_num_threads()})
folder = {str(folder)!r}
rows = np.load(f"{{folder}}/rows.npz")
for name in {list(MODELS)!r}:
    ae = nw.load(f"{{folder}}/{{name}}.safetensors")
    x = rows["pictures" if "convolutional" in name else "vectors"]
    drawn = {{"sample": ae.sample(5)}} if ae.net_.side is None else {{}}
    np.savez(f"{{folder}}/{{name}}.npz", transform=ae.transform(x), reconstruct=ae.reconstruct(x),
             score_samples=ae.score_samples(x), **drawn)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_a_fresh_process_answers_the_same_bits(saved, elsewhere, name):
    fitted, _ = saved
    with np.load(elsewhere / f"{name}.npz") as got:
        for verb, expected in answers(fitted[name], rows_for(name)).items():
            assert np.array_equal(got[verb], expected) and got[verb].dtype == expected.dtype, verb


@pytest.mark.filterwarnings("ignore:The posterior has collapsed")  # of those that were hardly trained
@pytest.mark.parametrize("name", MODELS)
def test_everything_comes_back(saved, name):
    fitted, folder = saved
    ae, again = fitted[name], nw.load(folder / f"{name}.safetensors")
    for verb, expected in answers(ae, rows_for(name)).items():
        assert np.array_equal(answers(again, rows_for(name))[verb], expected), verb
    assert again.history_ == ae.history_
    assert again.fitted_.training == ae.fitted_.training
    assert again.fitted_.spec == ae.fitted_.spec and again.fitted_.schema == ae.fitted_.schema
    assert (again.n_features_in_, again.latent_dim_) == (ae.n_features_in_, ae.latent_dim_)
    assert again.evaluate(rows_for(name)) == ae.evaluate(rows_for(name))
    assert again.get_params() == ae.get_params()
    assert not any(module.training for module in again.net_.modules())
    state, expected = again.net_.state_dict(), ae.net_.state_dict()
    assert list(state) == list(expected) and all(torch.equal(state[k], expected[k]) for k in state)


@pytest.mark.parametrize("name", ["tied and corrupted", "contractive"])
def test_ties_come_back_tied(saved, name):
    net = nw.load(saved[1] / f"{name}.safetensors").net_
    assert net.decoder._mirrored[0] is net.bottleneck.project.linear
    assert not any(tensor.is_meta for tensor in (*net.parameters(), *net.buffers()))


@pytest.mark.parametrize("name", ["variational", "tied and corrupted", "convolutional"])
def test_a_loaded_model_can_be_saved_fitted_and_cloned_again(saved, tmp_path, name):
    fitted, folder = saved
    first, second = folder / f"{name}.safetensors", tmp_path / "again.safetensors"
    again = nw.load(first)
    again.save(second)
    assert artifact.describe(second) == artifact.describe(first)
    assert (
        safetensors.torch.load(second.read_bytes()).keys()
        == safetensors.torch.load(first.read_bytes()).keys()
    )
    expected = fitted[name].transform(rows_for(name))
    assert np.array_equal(nw.load(second).transform(rows_for(name)), expected)
    assert np.array_equal(clone(again).fit(rows_for(name)).transform(rows_for(name)), expected)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_come_back_as_frames(tmp_path, library):
    frame = pd.DataFrame(X, columns=list("uvwxyz"))
    frame = frame if library == "pandas" else pl.DataFrame({name: X[:, i] for i, name in enumerate("uvwxyz")})
    ae = nw.Autoencoder(2, max_epochs=1).fit(frame)
    ae.save(tmp_path / "m.safetensors")
    again = nw.load(tmp_path / "m.safetensors")
    assert list(again.feature_names_in_) == list("uvwxyz")
    assert isinstance(again.sample(3), type(frame)) and isinstance(again.reconstruct(frame), type(frame))
    assert list(again.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again.transform(frame)


@pytest.mark.parametrize(
    "parameters",
    [
        {"random_state": np.random.RandomState(0)},
        {"random_state": np.int64(3), "latent_dim": np.int64(2)},
        {"random_state": None},
        {"bottleneck": "gaussian", "penalties": ["l1", L1(0.1)], "corruption": "masking", "input": "vectors"},
        {"callbacks": (object(),)},
        {"bottleneck": Gaussian(beta=np.float64(2.0))},
        {"backbone": MLP(hidden=[4, 3])},
        {"patience": None, "scale": None},
    ],
    ids=lambda parameters: repr(parameters)[:40],
)
def test_any_way_of_giving_parameters_can_be_saved(tmp_path, parameters):
    ae = nw.Autoencoder(**{"latent_dim": 2, "max_epochs": 1} | parameters).fit(X)
    ae.save(tmp_path / "m.safetensors")
    again = nw.load(tmp_path / "m.safetensors")
    assert np.array_equal(again.transform(X), ae.transform(X))
    assert again.bottleneck == ae.bottleneck and list(again.penalties) == list(ae.penalties)


# Networks of the user's own


def pair():
    return nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)), nn.Linear(2, 6)


@pytest.fixture
def own(tmp_path):
    ae = nw.Autoencoder(2, backbone=pair(), max_epochs=2).fit(X)
    ae.save(tmp_path / "own.safetensors")
    return ae, tmp_path / "own.safetensors"


def test_networks_of_the_users_own_are_asked_for(own, refused):
    ae, path = own
    with refused("modules=(encoder, decoder)"):
        nw.load(path)
    again = nw.load(path, modules=pair())
    assert np.array_equal(again.transform(X), ae.transform(X))
    assert np.array_equal(again.reconstruct(X), ae.reconstruct(X)), "running means included"


@pytest.mark.parametrize(
    "modules",
    [(nn.Linear(6, 2), nn.Linear(2, 6)), (nn.Linear(5, 2), nn.Linear(2, 6)), (pair()[0], nn.Linear(3, 6))],
)
def test_other_networks_than_those_fitted_are_refused(own, modules, refused):
    with refused():
        nw.load(own[1], modules=modules)


def test_the_networks_passed_to_load_stay_as_they_are(own):
    modules = pair()
    before = [tensor.clone() for network in modules for tensor in network.state_dict().values()]
    nw.load(own[1], modules=modules)
    after = [tensor for network in modules for tensor in network.state_dict().values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


# Damage


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "m.safetensors"
    nw.Autoencoder(2, backbone=MLP((3,)), bottleneck="gaussian", max_epochs=2).fit(X).save(path)
    return path.read_bytes()


def header_end(content):
    return 8 + int.from_bytes(content[:8], "little")


def test_every_truncation_is_refused(small, tmp_path, refused):
    path = tmp_path / "cut.safetensors"
    lengths = {
        *range(20),
        *range(20, len(small), 97),
        header_end(small) - 1,
        header_end(small),
        len(small) - 1,
    }
    for length in lengths:
        path.write_bytes(small[:length])
        with refused(str(path), "copy it again"):
            nw.load(path)


def test_anything_appended_is_refused(small, tmp_path, refused):
    path = tmp_path / "long.safetensors"
    for extra in (b"\0", b"more", small):
        path.write_bytes(small + extra)
        with refused(str(path)):
            nw.load(path)


@pytest.mark.parametrize("part", ["header", "weights"])
def test_every_flipped_bit_is_refused(small, tmp_path, part, refused):
    """Not one of them may load, above all not as a different model."""
    path = tmp_path / "flipped.safetensors"
    end = header_end(small)
    places = range(0, end, 2) if part == "header" else range(end, len(small), 5)
    for place in places:
        content = bytearray(small)
        content[place] ^= 1 << (place // 2 % 8)
        path.write_bytes(content)
        with refused(str(path)):
            nw.load(path)


def rewritten(small, path, change, checksum=True):
    """The same file with its document changed, and the checksum made to agree."""
    path.write_bytes(small)
    with safetensors.safe_open(path, "pt") as file:
        document = json.loads(file.metadata()["narrows"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del document["checksum"]
    change(document, tensors)
    text = json.dumps(document)
    text = artifact.sealed(text, tensors) if checksum else text
    path.write_bytes(safetensors.torch.save(tensors, {"narrows": text}))


@pytest.mark.parametrize("choice", ["input", "corruption", "backbone", "bottleneck", "likelihood"])
def test_unknown_parts_are_refused(small, tmp_path, choice, refused):
    path = tmp_path / "newer.safetensors"

    def change(document, tensors):
        document["spec"][choice] = {"part": "Hologram"}

    rewritten(small, path, change)
    with refused("'Hologram'", choice):
        nw.load(path)


def test_a_name_in_the_file_runs_nothing(small, tmp_path, refused):
    path = tmp_path / "evil.safetensors"
    for name in ("Net", "os", "__builtins__", "dataclass"):
        rewritten(
            small, path, lambda document, _, name=name: document["spec"].update(likelihood={"part": name})
        )
        with refused(repr(name)):
            nw.load(path)


def test_weights_that_do_not_fit_are_refused(small, tmp_path, refused):
    path = tmp_path / "m.safetensors"
    rewritten(small, path, lambda document, _: document.update(latent_dim=3))
    with refused(str(path)):
        nw.load(path)
    rewritten(
        small, path, lambda _, tensors: tensors.pop(next(k for k in tensors if k.startswith("net.encoder")))
    )
    with refused(str(path)):
        nw.load(path)


def test_a_file_without_a_checksum_is_refused(small, tmp_path, refused):
    rewritten(small, tmp_path / "m.safetensors", lambda document, tensors: None, checksum=False)
    with refused("checksum"):
        nw.load(tmp_path / "m.safetensors")


def test_another_format_is_refused(small, tmp_path, refused):
    rewritten(small, tmp_path / "m.safetensors", lambda document, tensors: document.update(format=99))
    with refused("99", "install"):
        nw.load(tmp_path / "m.safetensors")


def test_files_of_others_are_refused(tmp_path, refused):
    path = tmp_path / "other.safetensors"
    path.write_bytes(safetensors.torch.save({"weight": torch.zeros(3)}))
    with refused(str(path), "without a narrows model"):
        nw.load(path)
    path.write_bytes(safetensors.torch.save({"weight": torch.zeros(3)}, {"format": "pt"}))
    with refused(str(path), "without a narrows model"):
        nw.load(path)
    for content in (
        b"",
        b"some text, not a model at all",
        b"\x93NUMPY",
        json.dumps({"a": 1}).encode(),
        b"\0" * 100,
    ):
        path.write_bytes(content)
        with refused(str(path), "damaged"):
            nw.load(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        nw.load(tmp_path / "nothing.safetensors")


# Writing


def test_a_failed_write_leaves_the_old_file(saved, tmp_path, monkeypatch):
    fitted, _ = saved
    path = tmp_path / "m.safetensors"
    fitted["linear"].save(path)
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError("the disk is full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="full"):
        fitted["variational"].save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_interrupted_write_leaves_nothing(saved, tmp_path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("safetensors.torch.save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        saved[0]["linear"].save(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_the_header_can_be_read_without_the_weights(saved):
    document = artifact.describe(saved[1] / "variational.safetensors")
    assert document["spec"]["bottleneck"]["part"] == "Gaussian"
    assert document["latent_dim"] == 3 and document["dtype"] == "float32"
    assert set(document["versions"]) == {"narrows", "torch", "numpy"}
    assert document["schema"]["features"] == 6


KEYS = [
    "spec",
    "schema",
    "latent_dim",
    "bounded",
    "dtype",
    "noise",
    "seed",
    "params",
    "names",
    "training",
    "history",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_forged_document_without_a_key_is_refused(small, tmp_path, key, refused):
    path = tmp_path / "m.safetensors"
    rewritten(small, path, lambda document, _: document.pop(key))
    with refused(str(path)):
        nw.load(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dtype", "load"), ("dtype", "int8"), ("latent_dim", "9"), ("history", 5), ("seed", "x"), ("spec", []),
        ("schema", {"kind": "Hologram"}), ("schema", {"kind": "Vectors", "features": 3, "spare": 1}),
        ("params", {"spare": 1}),
    ],
)  # fmt: skip
def test_a_forged_document_with_nonsense_is_refused(small, tmp_path, key, value, refused):
    path = tmp_path / "m.safetensors"
    rewritten(small, path, lambda document, _: document.update({key: value}))
    with refused(str(path)):
        nw.load(path)


@pytest.mark.parametrize("name", ["scale.shift", "scale.scale", "pca.mean", "pca.components"])
def test_forged_tensors_of_another_shape_are_refused(small, tmp_path, name, refused):
    path = tmp_path / "m.safetensors"
    rewritten(small, path, lambda _, tensors: tensors.update({name: tensors[name].new_zeros(2, 17)}))
    with refused(str(path)):
        nw.load(path)


def test_saving_twice_gives_the_same_bytes(small, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(small)
    nw.load(tmp_path / "a.safetensors").save(tmp_path / "b.safetensors")
    nw.load(tmp_path / "b.safetensors").save(tmp_path / "c.safetensors")
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "c.safetensors").read_bytes()
