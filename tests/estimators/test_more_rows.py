"""Going on: ``partial_fit`` on rows as they come, ``warm_start``."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

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


def test_networks_of_the_users_own_go_on(X):
    def pair():
        return nn.Linear(12, 3), nn.Linear(3, 12)

    ae = nw.Autoencoder(3, backbone=pair()).partial_fit(X[:500])
    before = ae.score(X)
    assert ae.partial_fit(X[500:]).score(X) > before
    warm = nw.Autoencoder(3, backbone=pair(), warm_start=True, max_epochs=2).fit(X)
    assert len(warm.fit(X).history_) == 4


@pytest.mark.parametrize("likelihood", ["bernoulli", nw.likelihoods.Normal(mean="sigmoid")])
def test_rows_beyond_the_first_ones_range_are_clipped_in_training(likelihood):
    rows = np.random.default_rng(0).random((400, 6))
    ae = nw.Autoencoder(2, likelihood=likelihood, scale="minmax").partial_fit(rows)
    with pytest.warns(UserWarning, match=r"from -\d.* to \d.* is clipped"):
        ae.partial_fit(rows * 9 - 4)
    assert np.isfinite(ae.history_[-1]["loss"]) and ae.history_[-1]["loss"] > 0
    fresh = nw.Autoencoder(2, likelihood=likelihood, scale=None)
    with pytest.raises(ValueError, match="explains values in"):
        fresh.fit(rows * 9)


def test_a_later_piece_without_a_column():
    frame = pd.DataFrame({"a": np.arange(100.0), "b": np.arange(100.0) % 7, "c": list("xy") * 50})
    ae = nw.Autoencoder(1, input="table").partial_fit(frame)
    ae.partial_fit(frame.assign(a=np.nan))
    assert np.isfinite(ae.history_[-1]["loss"])
    with pytest.raises(ValueError, match="missing in every row"):
        nw.Autoencoder(1, input="table").partial_fit(frame.assign(a=np.nan))


def test_codes_of_all_pieces_are_drawn_from(X):
    ae = nw.Autoencoder(3).partial_fit(X)
    before = ae.fitted_.codes
    ae.partial_fit(X[:10] + 5)
    assert before.rows == len(X) and ae.fitted_.codes.rows == len(X) + 10
    new = torch.from_numpy(ae.transform(X[:10] + 5).mean(0)).float()
    torch.testing.assert_close(ae.fitted_.codes.mean, before.mean + (new - before.mean) * 10 / (len(X) + 10))


def test_a_warm_up_is_over_once(X, monkeypatch):
    ae = nw.Autoencoder(3, bottleneck=nw.bottlenecks.Gaussian(warmup=1.0)).partial_fit(X[:640])
    kind, seen = type(ae.net_.bottleneck), []
    advance = kind.on_step

    def watched(self, net, step, total):
        seen.append(step / total)
        advance(self, net, step, total)

    monkeypatch.setattr(kind, "on_step", watched)
    nw.Autoencoder(3, bottleneck=nw.bottlenecks.Gaussian(warmup=1.0)).partial_fit(X[:640])
    first, seen[:] = list(seen), []
    ae.partial_fit(X[:640])
    assert first == pytest.approx(np.linspace(0, 1, len(first) + 1)[1:]) and set(seen) == {1.0}


def test_a_fit_that_fails_leaves_the_model_before_it(X):
    frame = pd.DataFrame(X, columns=list("abcdefghijkl"))
    ae = nw.Autoencoder(3).fit(frame)
    before = ae.transform(frame)
    with pytest.raises(ValueError):
        ae.set_params(likelihood="bernoulli", scale=None).fit(X[:, :5])
    assert ae.n_features_in_ == 12 and list(ae.feature_names_in_) == list("abcdefghijkl")
    assert np.array_equal(ae.transform(frame), before)


def test_models_of_counts_and_of_numbers_are_not_scaled_alike():
    counts = np.random.default_rng(0).poisson(3, (300, 6)).astype(np.float64)
    members = [nw.Autoencoder(2, max_epochs=3, likelihood=name) for name in ("normal", "poisson")]
    normal, poisson = nw.estimators.fit_many(members, counts)
    assert poisson.fitted_.affine.identity and not normal.fitted_.affine.identity
