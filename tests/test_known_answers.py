"""Models whose optimum is known in closed form, trained to it.

400 rows in 5 dimensions whose covariance has exactly the eigenvalues 9, 4, 1, ¼, 0.04.  Two latents can
explain 9 and 4; what is left is 1.29 in all, or 0.43 per left-over direction.
"""

import math

import numpy as np
import pytest
from scipy.linalg import subspace_angles

import narrows as nw
from narrows.backbones import MLP
from narrows.likelihoods import Normal

EIGENVALUES = np.array([9, 4, 1, 0.25, 0.04])


@pytest.fixture(scope="module")
def basis():
    """A random orthogonal basis; its columns are the principal directions."""
    return np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]


@pytest.fixture(scope="module")
def X(basis):
    noise = np.random.default_rng(0).normal(size=(400, 5))
    white = np.linalg.qr(noise - noise.mean(0))[0] * math.sqrt(400)  # covariance exactly I
    return white * np.sqrt(EIGENVALUES) @ basis.T


def trained(X, learning_rate, **choices):
    """Full batches on all rows, in double precision and in the rows' own units."""
    ae = nw.Autoencoder(
        2,
        backbone=MLP(hidden=()),
        scale=None,
        precision="float64",
        validation_fraction=0,
        batch_size=len(X),
        learning_rate=learning_rate,
        **choices,
    )
    return ae.fit(X)


def test_the_data_are_what_they_should_be(X):
    assert np.allclose(X.mean(0), 0, atol=1e-12)
    assert np.allclose(np.linalg.eigvalsh(X.T @ X / 400)[::-1], EIGENVALUES)


@pytest.mark.parametrize(("learning_rate", "epochs"), [("auto", 2000), (2e-2, 1000)])
def test_a_linear_autoencoder_is_pca(X, basis, learning_rate, epochs):
    """Baldi & Hornik 1989: the minimum is the plane of the two leading directions."""
    ae = trained(X, learning_rate, max_epochs=epochs)
    error = np.square(X - ae.reconstruct(X)).sum(1).mean()
    assert error == pytest.approx(1.29, rel=1e-3)
    assert error >= 1.29 - 1e-9, "no linear map of rank 2 can do better"
    plane = ae.net_.decoder.layers[-1].weight.detach().numpy()
    assert subspace_angles(plane, basis[:, :2]).max() < 1e-2
    got = ae.evaluate(X)
    assert got["pca_mse"] == pytest.approx(1.29 / 5)
    assert got["r2"] == pytest.approx(13 / EIGENVALUES.sum(), rel=1e-3)


@pytest.mark.parametrize("learning_rate", ["auto", 2e-2])
def test_a_linear_variational_autoencoder_is_probabilistic_pca(X, learning_rate):
    """Lucas et al. 2019: at the optimum the bound is tight and σ² is the mean left-over variance."""
    ae = trained(
        X, learning_rate, bottleneck="gaussian", likelihood=Normal(variance="shared"), max_epochs=4000
    )
    nats = -0.5 * (5 * math.log(2 * math.pi) + math.log(9 * 4) + 3 * math.log(0.43) + 5)
    assert nats == pytest.approx(-7.62049703, abs=1e-8)
    assert ae.score(X) == pytest.approx(nats, abs=0.005)
    assert ae.score(X) <= nats + 1e-9, "a lower bound"
    assert ae.net_.likelihood.variance().item() == pytest.approx(0.43, rel=5e-3)
    assert ae.evaluate(X)["pca_nll"] == pytest.approx(-nats)
