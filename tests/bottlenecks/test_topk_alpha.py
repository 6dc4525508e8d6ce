"""TopK codes that are features keep αk units; everything else keeps k."""

import copy
import json
import math

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

import narrows as nw
from narrows import artifact, tasks
from narrows.bottlenecks import Deterministic, Gaussian, TopK
from narrows.contracts import Shapes
from narrows.penalties import L1

WIDTH, K = 24, 3
QUICK = {"max_epochs": 4, "validation_fraction": 0.2}


def built(part, width):
    """The module on features that are its units already."""
    shapes = Shapes(row=(9,), latent_dim=width, hidden=(width,), code=(width,), encoded=True)
    return part.build(shapes).double().eval()


def losses(ae):
    return [(epoch["loss"], epoch["val_loss"]) for epoch in ae.history_]


@pytest.fixture(scope="module")
def plain(digits):
    return nw.recipes.topk(WIDTH, k=K, precision="float64", **QUICK).fit(digits)


@pytest.fixture(scope="module")
def wide(digits):
    return nw.recipes.topk(WIDTH, k=K, alpha=3.0, precision="float64", **QUICK).fit(digits)


# The module


@pytest.mark.parametrize(("alpha", "kept"), [(1, 2), (1.5, 3), (2, 4), (9, 5)])
def test_features_are_the_largest_alpha_k_units(alpha, kept):
    module = built(TopK(2, alpha), 5)
    a = torch.tensor([[1.0, 5.0, 2.0, 4.0, 3.0]], dtype=torch.float64)
    code = module.encode(a)
    assert torch.equal(code.mean, torch.where(a > 5 - kept, a, 0.0))
    assert torch.equal(code.z, torch.where(a > 3, a, 0.0))
    assert torch.equal(module(a).mean, code.z), "training, scores and penalties know nothing of α"


def test_what_is_decoded_of_features_is_the_code():
    """Also where units below 0 are among them, and where one that is not would come first by its boost."""
    module = built(TopK(2, 1.5), 4)
    module.boost[:] = torch.tensor([0.0, 0.0, 0.0, 5.0])
    a = torch.tensor([[3.0, -1.0, -2.0, -9.0], [3.0, 1.0, 2.0, -3.5]], dtype=torch.float64)
    code = module.encode(a)
    assert code.mean.tolist() == [[3, -1, -2, 0], [3, 0, 2, -3.5]]
    assert code.z.tolist() == [[3, -1, 0, 0], [3, 0, 2, 0]]
    assert torch.equal(module.decodable(code.mean), code.z)
    assert torch.equal(module.decodable(code.z), code.z)


def test_features_of_random_units_lead_back_to_their_codes():
    a = torch.randn(200, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for alpha in (1, 2.5, 8):
        module = built(TopK(5, alpha), 40)
        module.boost[:] = torch.rand(40, generator=torch.Generator().manual_seed(1))
        code = module.encode(a)
        assert ((code.mean != 0).sum(1) == round(5 * alpha)).all()
        assert torch.equal(module.decodable(code.mean), code.z)


def test_codes_of_alpha_one_are_decoded_as_they_are():
    """Also those with more than k units, as between two rows."""
    between = torch.ones(1, 6, dtype=torch.float64)
    assert built(TopK(2), 6).decodable(between) is between


def test_slopes_go_through_all_features():
    module = built(TopK(1, 2), 4)
    a = torch.tensor([[3.0, 1.0, 2.0, 0.0]], dtype=torch.float64, requires_grad=True)
    module.encode(a).mean.sum().backward()
    assert a.grad.tolist() == [[1.0, 0.0, 1.0, 0.0]]


@pytest.mark.parametrize("alpha", [0, 0.5, -1, math.nan, math.inf, "3", None])
def test_what_is_no_multiple_is_refused(alpha, refused):
    with refused(repr(alpha)):
        TopK(5, alpha)


# The model


def test_transform_keeps_alpha_k_units(plain, wide, digits):
    codes, features = plain.transform(digits), wide.transform(digits)
    assert ((codes != 0).sum(1) == K).all() and ((features != 0).sum(1) == 3 * K).all()
    assert np.array_equal(np.where(codes != 0, features, 0), codes), "the k are among them"


def test_training_and_every_other_answer_are_as_without(plain, wide, digits):
    assert losses(plain) == losses(wide)
    for before, after in zip(plain.net_.parameters(), wide.net_.parameters(), strict=True):
        assert torch.equal(before, after)
    assert np.array_equal(plain.reconstruct(digits), wide.reconstruct(digits))
    assert np.array_equal(plain.score_samples(digits), wide.score_samples(digits))
    assert np.array_equal(plain.sample(20), wide.sample(20))


def test_training_is_as_without_under_a_penalty_of_codes(digits):
    plain, wide = (
        nw.recipes.topk(8, k=2, alpha=alpha, penalties=(L1(0.1),), max_epochs=2).fit(digits[:100])
        for alpha in (1, 3)
    )
    assert losses(plain) == losses(wide)


def test_the_way_back_from_features_is_the_reconstruction(wide, digits):
    assert np.allclose(wide.inverse_transform(wide.transform(digits)), wide.reconstruct(digits), atol=1e-12)
    ends = wide.interpolate(digits[0], digits[1], steps=5)[[0, -1]]
    assert np.allclose(ends, wide.reconstruct(digits[:2]), atol=1e-12)


def test_verbs_of_features_see_all_of_them(wide, digits):
    """The slope of a linear unit is its weight in the rows in which it is kept, else 0."""
    features = wide.transform(digits)
    moves = features.std(0) > 0
    weight = np.abs(wide.net_.bottleneck.project.linear.weight.detach().numpy())
    slope = (features != 0).mean(0)[:, None] * weight * (digits / wide.fitted_.affine.scale).std(0)
    expected = slope[moves] / features.std(0)[moves, None]
    assert np.allclose(tasks.importance(wide, digits, per_latent=True)[moves], expected)


# After training


def test_alpha_can_be_chosen_after_training(plain, wide, digits):
    codes = plain.transform(digits)
    later = plain.with_params(bottleneck__alpha=3.0)
    assert np.array_equal(later.transform(digits), wide.transform(digits))
    assert np.array_equal(later.reconstruct(digits), plain.reconstruct(digits))
    assert later.bottleneck == later.fitted_.spec.bottleneck == TopK(K, 3.0)
    assert plain.bottleneck == TopK(K) and np.array_equal(plain.transform(digits), codes), "a copy"
    again = later.with_params(bottleneck__alpha=1.0)
    assert np.array_equal(again.transform(digits), codes)


def test_a_copy_of_another_alpha_is_a_model_like_any_other(plain, digits, tmp_path):
    torch_state = torch.get_rng_state()
    later = plain.with_params(bottleneck__alpha=2.0)
    assert torch.equal(torch_state, torch.get_rng_state())
    later.save(tmp_path / "m.safetensors")
    loaded = nw.load(tmp_path / "m.safetensors")
    assert loaded.bottleneck == TopK(K, 2.0)
    assert np.array_equal(loaded.transform(digits), later.transform(digits))
    weights = copy.deepcopy(plain.net_.state_dict())
    assert len(later.partial_fit(digits).history_) == len(plain.history_) + 1
    assert all(torch.equal(weights[name], now) for name, now in plain.net_.state_dict().items())


def test_what_training_depends_on_is_refused(plain, digits, refused):
    for params in ({"bottleneck__k": 5}, {"max_epochs": 3}, {"bottleneck": TopK(2)}):
        with refused(repr(next(iter(params))), "bottleneck__alpha"):
            plain.with_params(**params)
    for bottleneck in (Gaussian(), Deterministic()):
        ae = nw.Autoencoder(2, bottleneck=bottleneck, max_epochs=1).fit(digits[:50])
        with refused("'bottleneck__beta'"):
            ae.with_params(bottleneck__beta=2.0)


def test_files_from_before_there_was_an_alpha_are_read(plain, digits, tmp_path):
    path = tmp_path / "old.safetensors"
    plain.save(path)
    with safetensors.safe_open(path, "pt") as file:
        document = json.loads(file.metadata()["narrows"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del (
        document["checksum"],
        document["spec"]["bottleneck"]["alpha"],
        document["params"]["bottleneck"]["alpha"],
    )
    text = artifact.sealed(json.dumps(document), tensors)
    path.write_bytes(safetensors.torch.save(tensors, {"narrows": text}))
    assert nw.load(path).bottleneck == TopK(K)
    assert np.array_equal(nw.load(path).transform(digits), plain.transform(digits))
