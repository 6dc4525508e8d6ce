"""Ordinary data that are hard for a careless default: small values, large offsets, sorted rows, odd names."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import narrows as nw
from narrows.engine.blocks import decaying


def plane(rows, columns, seed=0):
    """Non-negative rows on a plane."""
    rng = np.random.default_rng(seed)
    return np.abs(rng.normal(size=(rows, 2))) @ np.abs(rng.normal(size=(2, columns)))


@pytest.mark.parametrize(
    "X",
    [
        np.random.default_rng(0).dirichlet(np.full(50, 0.3), 600),
        plane(600, 20) / plane(600, 20).max() * 1e-3,
        (plane(600, 64) / plane(600, 64).max() * 1e-3).reshape(-1, 8, 8),
    ],
    ids=["shares", "tiny", "dark images"],
)
def test_values_far_below_one_are_learned(X):
    figures = nw.Autoencoder(latent_dim=10, max_epochs=40).fit(X).evaluate(X)
    assert figures["r2"] > 0.3  # the mean row alone has 0


def test_a_large_offset_costs_no_digits():
    X = np.random.default_rng(0).normal(size=(400, 2)) @ np.random.default_rng(1).normal(size=(2, 6))
    near = nw.Autoencoder(latent_dim=2, max_epochs=30, scale="standard").fit(X)
    far = nw.Autoencoder(latent_dim=2, max_epochs=30, scale="standard").fit(X + 1e9)
    assert near.evaluate(X)["r2"] > 0.95
    assert far.evaluate(X + 1e9)["r2"] == pytest.approx(near.evaluate(X)["r2"], abs=1e-3)
    assert far.evaluate(X + 1e9)["pca_r2"] > 0.99


def test_unscaled_rows_with_a_large_mean_have_their_plane_found():
    X = 5000 + np.random.default_rng(0).normal(size=(500, 3)) @ np.random.default_rng(1).normal(size=(3, 100))
    ae = nw.Autoencoder(scale=None, max_epochs=2).fit(X.astype(np.float32))
    assert ae.latent_dim_ <= 3
    assert ae.evaluate(X)["pca_r2"] > 0.9


@pytest.mark.parametrize("names", [[0, 1, 2], [("a", 0), ("a", 1), ("b", 0)]], ids=["numbers", "pairs"])
def test_pandas_names_that_are_not_text_come_back(names):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)))
    frame.columns = names
    ae = nw.Autoencoder(latent_dim=2, max_epochs=2).fit(frame)
    pd.testing.assert_index_equal(ae.reconstruct(frame).columns, frame.columns)
    assert list(ae.sample(2).columns) == list(frame.columns)


def test_sorted_rows_do_not_bias_what_is_drawn():
    rng = np.random.default_rng(0)
    centres = np.array([[-8.0, 0.0, 3.0], [0.0, 5.0, 0.0], [8.0, -5.0, -3.0]])
    X = np.repeat(centres, 8000, axis=0) + rng.normal(size=(24000, 3))
    ae = nw.recipes.linear(latent_dim=2, max_epochs=2).fit(X, validation_data=X[::50])
    assert np.abs(ae.sample(2000).mean(0) - X.mean(0)).max() < 0.7


@dataclass(frozen=True)
class Breaking:
    """A linear bottleneck whose 30th pass is interrupted in the middle."""

    def build(self, shapes):
        module = nw.bottlenecks.Deterministic().build(shapes)
        whole, passes = module.forward, []

        def forward(h, gen=None):
            passes.append(1)
            if len(passes) == 30:
                raise KeyboardInterrupt
            return whole(h, gen)

        module.forward = forward
        return module


def test_an_interrupt_inside_a_pass_leaves_dropout_off():
    X = np.random.default_rng(0).normal(size=(100, 6))
    mlp = nw.backbones.MLP((16,), dropout=0.5)
    ae = nw.Autoencoder(latent_dim=2, backbone=mlp, bottleneck=Breaking(), max_epochs=50).fit(X)
    assert "interrupted" in ae.fitted_.training["stopped"]
    assert all(layer.gen is None for layer in ae.net_._dropouts)
    np.testing.assert_array_equal(ae.transform(X), ae.transform(X))


class Shifted(nn.Module):
    """A network that makes a tensor of its own in every pass."""

    def __init__(self, a, b):
        super().__init__()
        self.layer = nn.Linear(a, b)

    def forward(self, x):
        return self.layer(x) + torch.arange(self.layer.out_features)


def test_networks_that_make_tensors_load(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 5))
    pair = (Shifted(5, 2), Shifted(2, 5))
    ae = nw.Autoencoder(latent_dim=2, backbone=pair, max_epochs=2).fit(X)
    ae.save(tmp_path / "m.safetensors")
    back = nw.load(tmp_path / "m.safetensors", modules=pair)
    np.testing.assert_array_equal(back.transform(X), ae.transform(X))


def test_networks_that_share_weights_still_do():
    encoder, decoder = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    decoder.weight = encoder.weight
    net = nw.Autoencoder(latent_dim=4, backbone=(encoder, decoder), max_epochs=2).fit(np.eye(4)).net_
    assert net.encoder.module.weight is net.decoder.module.weight
    assert net.encoder.module.weight is not encoder.weight


def test_numbers_of_numpy_are_saved(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 4))
    parts = {
        "bottleneck": nw.bottlenecks.Gaussian(beta=np.int64(2)),
        "backbone": nw.backbones.MLP((np.int64(8),)),
        "penalties": [nw.penalties.L1(np.float32(0.5))],
    }
    ae = nw.Autoencoder(latent_dim=np.int64(2), max_epochs=np.int64(2), **parts).fit(X)
    ae.save(tmp_path / "m.safetensors")
    assert nw.load(tmp_path / "m.safetensors").bottleneck.beta == 2


@pytest.mark.parametrize("key", ["likelihood__variance", "backbone__hidden", "bottleneck__activation"])
def test_parts_left_to_the_default_can_be_reached(key):
    value = {"likelihood__variance": "shared", "backbone__hidden": (8,), "bottleneck__activation": "relu"}[
        key
    ]
    ae = nw.Autoencoder().set_params(**{key: value})
    assert ae.get_params()[key] == value


def test_networks_for_a_model_that_has_its_own_are_refused(tmp_path, refused):
    nw.Autoencoder(latent_dim=2, max_epochs=1).fit(np.eye(4)).save(tmp_path / "m.safetensors")
    with refused("MLP", "modules"):
        nw.load(tmp_path / "m.safetensors", modules=(nn.Linear(4, 2), nn.Linear(2, 4)))


def test_weight_decay_leaves_learned_spreads_alone():
    part = nw.likelihoods.Normal(variance="feature")
    ae = nw.Autoencoder(latent_dim=2, likelihood=part, max_epochs=1).fit(np.zeros((20, 3, 3)) + np.eye(3))
    decays = {name: decaying(name, p) for name, p in ae.net_.named_parameters()}
    assert decays["likelihood.theta"] is False
    assert decays["bottleneck.project.linear.weight"] is True


def test_drawn_codes_of_a_rectified_layer_are_not_negative():
    X = np.random.default_rng(0).random((200, 6))
    ae = nw.recipes.vanilla(latent_dim=4, max_epochs=3).fit(X)
    assert nw.tasks.generate.draw_codes(ae.fitted_, 500, 0).min() >= 0
