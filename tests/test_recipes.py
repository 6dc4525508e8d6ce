"""Models of the literature: each is what its name says, and each does its work on real digits."""

import inspect

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

import narrows as nw
from narrows.backbones import MLP, ItemItem
from narrows.bottlenecks import FSQ, VQ, Deterministic, Factorised, TopK
from narrows.corruptions import Gaussian as GaussianNoise
from narrows.corruptions import Masking
from narrows.likelihoods import Bernoulli
from narrows.penalties import L1, Contractive, KLSparsity

every = pytest.mark.parametrize("recipe", nw.recipes.__all__)


def rows_for(recipe, digits):
    return digits.reshape(-1, 8, 8) if "convolutional" in recipe else digits


def made(recipe, *arguments, **keywords):
    return getattr(nw.recipes, recipe)(*arguments, **keywords)


@every
def test_a_recipe_is_a_plain_unfitted_estimator(recipe):
    ae = made(recipe, 7)
    assert type(ae) is nw.Autoencoder and ae.latent_dim == 7 and not hasattr(ae, "fitted_")
    assert made(recipe, latent_dim=7).get_params() == ae.get_params()


@every
def test_a_recipe_takes_every_keyword_of_the_estimator_and_it_wins(recipe):
    keywords = {
        "backbone": MLP((3,)),
        "bottleneck": Deterministic("sigmoid"),
        "likelihood": "laplace",
        "corruption": Masking(0.9),
        "penalties": (L1(7.0),),
        "scale": "robust",
        "max_epochs": 3,
        "random_state": 5,
        "verbose": 1,
    }
    ae = made(recipe, 2, **keywords)
    assert {name: getattr(ae, name) for name in keywords} == keywords


@every
def test_a_recipe_says_what_it_is_and_whence(recipe):
    text = inspect.getdoc(getattr(nw.recipes, recipe))
    assert len(text.splitlines()[0]) > 20
    assert any(str(year) in text for year in range(1980, 2030)), "a paper"
    assert ">>> " in text, "an example that is run"


# What linear recommenders say of a row is what it might have, no proportions: tests of their own.
@pytest.mark.parametrize(
    "recipe", [r for r in nw.recipes.__all__ if r not in ("ease", "edlae", "ease_hybrid")]
)
def test_a_recipe_learns_digits(recipe, digits):
    X = rows_for(recipe, digits)
    # What asks for more needs more: a code that is to be sparse its width, a warm-up its steps.
    special = {
        "topk": {"latent_dim": 64, "k": 16},
        "sparse": {"latent_dim": 256},
        "beta_variational": {"latent_dim": 16, "max_epochs": 100},
        "mult_dae": {"latent_dim": 16, "max_epochs": 200},
    }
    arguments = {"max_epochs": 30} | special.get(recipe, {"latent_dim": 16})
    ae = getattr(nw.recipes, recipe)(**arguments).fit(X)
    got = ae.evaluate(X)
    losses = [row["val_loss"] for row in ae.history_]
    assert got["r2"] > 0.3, "better than the mean digit by far"
    assert min(losses) < losses[0]
    assert ae.sample(3).shape == X[:3].shape and np.isfinite(ae.score(X))


def test_linear_comes_close_to_pca_and_never_beats_it(digits):
    ae = nw.recipes.linear(8, max_epochs=400, validation_fraction=0).fit(digits)
    pca = PCA(8).fit(digits)
    best = np.square(digits - pca.inverse_transform(pca.transform(digits))).mean()
    assert best - 1e-6 <= ae.evaluate(digits)["mse"] < 1.01 * best


def test_vanilla_is_the_model_of_the_tutorials():
    X = np.random.default_rng(0).uniform(size=(64, 784)).astype(np.float32)
    ae = nw.recipes.vanilla(latent_dim=32, max_epochs=1).fit(X)
    net = ae.net_
    assert sorted(tuple(p.shape) for p in net.parameters()) == [(32,), (32, 784), (784,), (784, 32)]
    w1, b1 = net.bottleneck.project.linear.weight, net.bottleneck.project.linear.bias
    w2, b2 = net.decoder.layers[-1].weight, net.decoder.layers[-1].bias
    with torch.no_grad():
        codes = torch.relu(torch.from_numpy(X) @ w1.T + b1)
        expected = torch.sigmoid(codes @ w2.T + b2).numpy()
    assert np.allclose(ae.transform(X), codes, atol=1e-5), "data in [0, 1] are taken as they are"
    assert np.allclose(ae.reconstruct(X), expected, atol=1e-5)
    half_squares = 0.5 * (np.square(X - expected) + np.log(2 * np.pi)).sum(1)
    assert np.allclose(ae.score_samples(X), -half_squares, rtol=1e-4)


def test_vanilla_under_cross_entropy():
    X = np.random.default_rng(0).uniform(size=(64, 784))
    ae = nw.recipes.vanilla(latent_dim=32, likelihood="bernoulli", max_epochs=1).fit(X)
    assert ae.fitted_.spec.likelihood == Bernoulli()
    p = ae.reconstruct(X)
    assert np.allclose(ae.score_samples(X), (X * np.log(p) + (1 - X) * np.log(1 - p)).sum(1), rtol=1e-4)


@pytest.mark.parametrize(
    ("recipe", "arguments", "parameters"),
    [
        ("linear", {}, {"backbone__hidden": ()}),
        ("deep", {"hidden": (9, 5)}, {"backbone__hidden": (9, 5)}),
        ("denoising", {"noise": 0.25}, {"corruption": GaussianNoise(0.25)}),
        ("denoising", {"corruption": "masking"}, {"corruption": "masking"}),
        ("sparse", {"l1": 1e-5}, {"penalties": (L1(1e-5),)}),
        ("kl_sparse", {"target": 0.1, "weight": 2}, {"penalties": (KLSparsity(2, 0.1),)}),
        ("kl_sparse", {}, {"bottleneck__activation": "sigmoid"}),
        ("topk", {"k": 5}, {"bottleneck": TopK(5)}),
        ("topk", {"k": 5, "alpha": 3}, {"bottleneck": TopK(5, alpha=3)}),
        ("contractive", {"weight": 0.3}, {"penalties": (Contractive(0.3),)}),
        ("variational", {}, {"bottleneck__beta": 1.0}),
        ("beta_variational", {"beta": 4}, {"bottleneck__beta": 4}),
        ("rate_distortion", {"beta": 0.3, "classes": 2}, {"bottleneck": Factorised(0.3, True, 2)}),
        ("vector_quantised", {"codes": 9, "groups": 2}, {"bottleneck": VQ(9, 2)}),
        ("finite_scalar", {"levels": (5, 5)}, {"bottleneck": FSQ((5, 5))}),
        ("convolutional", {"channels": (4, 8)}, {"backbone__channels": (4, 8)}),
        ("denoising_convolutional", {"noise": 0.3}, {"corruption": GaussianNoise(0.3)}),
        ("convolutional_variational", {"beta": 2}, {"bottleneck__beta": 2}),
        ("mult_dae", {"noise": 0.3, "hidden": (9,)}, {"backbone": MLP((9,), "tanh", input_dropout=0.3)}),
        ("mult_vae", {"beta": 2, "warmup": 0.1}, {"bottleneck__beta": 2, "bottleneck__warmup": 0.1}),
        ("ease", {"l2": 7}, {"backbone": ItemItem(7)}),
        ("edlae", {"l2": 7, "dropout": 0.1}, {"backbone": ItemItem(7, 0.1)}),
        ("ease_hybrid", {"noise": 0.3}, {"corruption": Masking(0.3)}),
        ("ease_hybrid", {"hidden": (9,)}, {"backbone__network": MLP((9,), "tanh", sparse=True)}),
    ],
)
def test_conveniences_set_parts(recipe, arguments, parameters):
    got = made(recipe, **arguments).get_params()
    assert {name: got[name] for name in parameters} == parameters


def test_variational_of_beta_one_is_beta_variational():
    assert nw.recipes.variational(3).get_params() == nw.recipes.beta_variational(3, beta=1.0).get_params()


# What each of them is for


def test_sparse_is_sparser_the_more_it_costs(digits):
    active = [
        (np.abs(nw.recipes.sparse(64, l1=l1, max_epochs=40).fit(digits).transform(digits)) > 1e-6).mean()
        for l1 in (0.0, 0.3)
    ]
    assert active[1] < 0.5 * active[0]


def test_kl_sparse_meets_its_target(digits):
    activity = (
        nw.recipes.kl_sparse(32, target=0.1, weight=10.0, max_epochs=60).fit(digits).transform(digits).mean(0)
    )
    assert np.allclose(activity, 0.1, atol=0.05)


def test_topk_has_exactly_k_active_units(digits):
    codes = nw.recipes.topk(64, k=5, max_epochs=5).fit(digits).transform(digits)
    assert ((codes != 0).sum(1) == 5).all()


def test_contractive_codes_move_less(digits):
    """‖J‖² over the rows, at equal size and training."""

    def stiffness(weight):
        net = nw.recipes.contractive(16, weight=weight, max_epochs=30).fit(digits).net_
        x = torch.as_tensor(digits / 16, dtype=torch.float32)
        return float(net.bottleneck.jacobian_norm(x).mean().detach())

    assert stiffness(1.0) < 0.5 * stiffness(0.0)


def test_denoising_removes_more_noise_than_leaving_it(digits):
    noisy = digits + np.random.default_rng(1).normal(0, 0.5 * 16, digits.shape)
    ae = nw.recipes.denoising(16, noise=0.5, max_epochs=60).fit(digits)
    assert np.square(ae.reconstruct(noisy) - digits).mean() < 0.5 * np.square(noisy - digits).mean()


def test_the_warm_up_of_mult_vae_counts_steps_across_epochs(digits):
    """Liang et al. 2018, section 2.2.2: β grows by steps, and not anew with every epoch."""

    class Watch:
        def __init__(self):
            self.weights = []

        def on_epoch_end(self, state):
            part = state.net.bottleneck
            training = part.train()(torch.ones(3, *state.net.shapes.hidden))
            self.weights.append(float((training.loss["kl"] / training.rate).mean().detach()))
            part.eval()

    watch = Watch()
    ae = made("mult_vae", 4, beta=0.3, warmup=0.4, hidden=(8,), batch_size=50, max_epochs=10)
    ae.set_params(validation_fraction=0.0, callbacks=(watch,)).fit(digits)
    assert np.allclose(watch.weights, np.minimum(np.arange(1, 11) / 4, 1) * 0.3), "four of ten epochs"


def test_beta_buys_fewer_nats(digits):
    rates = [
        nw.recipes.beta_variational(8, beta=beta, hidden=(64,), max_epochs=40)
        .fit(digits)
        .evaluate(digits)["rate"]
        for beta in (1.0, 8.0)
    ]
    assert rates[1] < rates[0]
