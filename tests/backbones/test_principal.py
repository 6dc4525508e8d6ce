"""A network that begins at PCA."""

import numpy as np
import pytest
import torch
from torch import nn

import narrows as nw
from narrows.backbones import Principal
from narrows.baseline import principal
from narrows.contracts import Shapes
from narrows.likelihoods import Normal
from narrows.net import Net
from narrows.numerics import generator, seeded
from narrows.sources import Memory
from narrows.spec import Spec


def prepared(rows, latent_dim, part, bottleneck=None):
    kind = {2: nw.inputs.Vectors(), 4: nw.inputs.Images()}[rows.ndim]
    spec = Spec.resolved(kind, None, part, bottleneck, Normal(), ())
    with seeded(0):
        net = Net(spec, Shapes(row=tuple(rows.shape[1:]), latent_dim=latent_dim)).to(rows.dtype)
    net.prepare(Memory(rows), generator(0))
    return net.eval()


def test_before_the_first_step_it_is_pca(digits):
    rows = torch.from_numpy(digits / 16)
    net = prepared(rows, 10, Principal((32, 16)), nn_free())
    pca = principal(rows.numpy(), 10, 0)
    with torch.no_grad():
        p = net(rows)
    assert np.allclose(p.out.numpy(), pca.reconstruct(rows.numpy()), atol=1e-12)
    assert np.allclose(p.code.mean.numpy(), (rows.numpy() - pca.mean) @ pca.components.T, atol=1e-12)


def nn_free():
    return nw.bottlenecks.Deterministic()


@pytest.mark.parametrize("hidden", [(), (8,)])
def test_rows_of_any_shape_are_flattened(hidden):
    rows = torch.rand(50, 1, 4, 3, generator=generator(1))
    net = prepared(rows, 5, Principal(hidden))
    flat = rows.flatten(1).numpy()
    expected = principal(flat, 5, 0).reconstruct(flat).reshape(rows.shape)
    assert np.allclose(net(rows).out.detach().numpy(), expected, atol=1e-5)


def test_components_that_the_rows_have_not_are_zero():
    rows = torch.rand(3, 8, generator=generator(1), dtype=torch.float64)
    out = prepared(rows, 6, Principal()).forward(rows).out
    assert torch.allclose(out, rows), "three rows lie in a plane"


def test_with_a_code_to_be_stored_it_starts_as_rounded_components(digits):
    rows = torch.from_numpy(digits / 16)
    net = prepared(rows, 10, Principal(), nw.bottlenecks.Factorised(beta=0.01))
    pca, step = principal(rows.numpy(), 10, 0), np.sqrt(0.12)
    codes = (rows.numpy() - pca.mean) @ pca.components.T
    code = net(rows).code
    assert np.array_equal(code.indices.numpy(), np.round(codes / step))
    assert torch.allclose(net.bottleneck.density.spread, torch.from_numpy(codes.std(0)))


def test_training_improves_on_pca(digits):
    ae = nw.Autoencoder(4, backbone=Principal((64,)), likelihood=Normal(), max_epochs=30, random_state=0)
    found = ae.fit(digits).evaluate(digits)
    assert found["mse"] < 0.9 * found["pca_mse"]


def test_without_branches_training_stays_at_pca(plane):
    ae = nw.Autoencoder(
        2, backbone=Principal(()), likelihood=Normal(), max_epochs=10, validation_fraction=0.0
    )
    found = ae.fit(plane).evaluate(plane)
    assert found["mse"] == pytest.approx(found["pca_mse"], rel=0.02)
    assert not any(isinstance(m, nn.Linear) for m in ae.net_.modules())


def test_a_table_with_gaps_is_refused(refused):
    with refused("5 numbers"):
        Principal().build(Shapes(row=(3,), latent_dim=2, input=(5,), code=(2,)))


@pytest.mark.parametrize("hidden", [(0,), (2.5,)])
def test_impossible_widths_are_refused(hidden, refused):
    with refused(repr(hidden)):
        Principal(hidden)
