"""Going on: ``partial_fit`` on rows as they come, ``warm_start``."""

import numpy as np
import pandas as pd
import pytest
import torch

import narrows as nw


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4000, 3)) @ rng.normal(size=(3, 12)) + 0.05 * rng.normal(size=(4000, 12))


def test_passes_over_pieces_come_near_a_fit(X):
    whole = nw.Autoencoder(3, random_state=0).fit(X).evaluate(X)["r2"]
    ae, seen = nw.Autoencoder(3, random_state=0), []
    for _ in range(6):
        for start in range(0, len(X), 500):
            ae.partial_fit(X[start : start + 500])
            seen.append(ae.evaluate(X)["r2"])
    assert seen[0] < seen[10] < seen[-1] and seen[-1] > 0.97 * whole
    assert [row["epoch"] for row in ae.history_] == list(range(1, 49))


def test_the_first_rows_decide_what_rows_are(X):
    ae = nw.Autoencoder(3).partial_fit(X[:1000])
    affine, pca = ae.fitted_.affine, ae.fitted_.baseline
    ae.partial_fit(X[1000:] * 100)
    assert ae.fitted_.affine is affine and ae.fitted_.baseline is pca
    with pytest.raises(ValueError, match="11 features"):
        ae.partial_fit(X[:, 1:])


def test_a_table_whose_later_pieces_look_simpler():
    frame = pd.DataFrame({"a": [1.0, None] * 50, "b": np.arange(100.0)})
    ae = nw.Autoencoder(1).partial_fit(frame)
    before = ae.transform(frame)
    ae.partial_fit(frame.dropna())
    assert not np.array_equal(ae.transform(frame), before)
    with pytest.warns(UserWarning, match="not seen"):
        nw.Autoencoder(1).partial_fit(pd.DataFrame({"a": ["x", "y"] * 9})).partial_fit(
            pd.DataFrame({"a": ["x", "z"] * 9})
        )


def test_the_same_seed_gives_the_same_bits(X):
    def made():
        return nw.Autoencoder(3, random_state=3).partial_fit(X[:500]).partial_fit(X[500:900]).transform(X)

    assert np.array_equal(made(), made())


def test_a_loaded_model_goes_on(X, tmp_path):
    ae = nw.Autoencoder(3).partial_fit(X[:1000])
    ae.save(tmp_path / "m.safetensors")
    loaded = nw.load(tmp_path / "m.safetensors")
    assert np.array_equal(loaded.partial_fit(X[1000:]).transform(X), ae.partial_fit(X[1000:]).transform(X))


def test_what_others_hold_does_not_change(X):
    ae = nw.Autoencoder(3).partial_fit(X[:500])
    net = ae.net_
    before = [p.clone() for p in net.parameters()]
    ae.partial_fit(X[500:])
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), before, strict=True))


def test_a_warm_start_begins_where_the_last_fit_ended(X):
    short = {"max_epochs": 2, "patience": None, "validation_fraction": 0}
    ae = nw.Autoencoder(3, warm_start=True, **short).fit(X)
    first = ae.evaluate(X)["r2"]
    for _ in range(4):
        ae.fit(X)
    cold = nw.Autoencoder(3, **short).fit(X)
    assert cold.evaluate(X)["r2"] == first < ae.evaluate(X)["r2"]
    assert len(ae.history_) == 10
    ae.set_params(latent_dim=4)
    with pytest.raises(ValueError, match="choices have changed"):
        ae.fit(X)
    assert ae.set_params(warm_start=False).fit(X).latent_dim_ == 4


def test_parts_that_start_from_the_data_start_once(X):
    ae = nw.recipes.topk(16, k=4).partial_fit(X)
    ae.partial_fit(X)
    assert np.isfinite(ae.evaluate(X)["mse"]) and ae.history_[1]["loss"] < ae.history_[0]["loss"]
