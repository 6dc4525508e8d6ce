"""What is held back is asked for, and nothing else."""

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.contracts import Shapes
from narrows.corruptions import Withheld
from narrows.net import Net
from narrows.numerics import generator, seeded
from narrows.spec import Spec


def rows(n, features=12, dtype=torch.float32):
    x = torch.rand(n, features, generator=generator(3)).to(dtype)
    return torch.where(x < 0.4, torch.ceil(x * 10), 0.0)


def net_of(x):
    mlp = nw.backbones.MLP((5,))
    spec = Spec.resolved(nw.inputs.Counts("l2"), Withheld(0.4), mlp, None, "multinomial", ())
    with seeded(0):
        return Net(spec, Shapes(row=x.shape[1:], latent_dim=3)).to(x.dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_every_entry_is_shown_or_asked_for(n, dtype):
    x = rows(n, dtype=dtype)
    before = x.clone()
    module = Withheld(0.4).build(Shapes(row=(12,), latent_dim=2))
    shown, asked = module.targeted(x, generator(0))
    assert shown.dtype == asked.dtype == dtype and torch.equal(x, before), "a copy"
    assert torch.equal(shown, module(x, generator(0)))
    hidden = ~asked.isnan()
    assert torch.equal(asked[hidden], x[hidden]) and not shown[hidden].any()
    assert torch.equal(shown[~hidden], x[~hidden]) and (x[~hidden] != 0).all()
    assert hidden[x == 0].all(), "what is not there is asked for, always"


def test_the_share_and_the_generator():
    x = rows(3000)
    module = Withheld(0.3).build(Shapes(row=(12,), latent_dim=2))
    _, asked = module.targeted(x, generator(0))
    assert float((~asked[x != 0].isnan()).float().mean()) == pytest.approx(0.3, abs=0.02)
    module.eval()  # the mode never decides
    assert torch.equal(asked.isnan(), module.targeted(x, generator(0))[1].isnan())
    assert not torch.equal(asked.isnan(), module.targeted(x, generator(1))[1].isnan())
    shown, asked = Withheld(1.0).build(Shapes(row=(12,), latent_dim=2)).targeted(x, generator(0))
    assert not shown.any() and torch.equal(asked, x)


def test_only_entries_that_were_not_shown_count():
    """−Σ xⱼ ln softmaxⱼ among those that are asked for, by hand."""
    x = rows(9, dtype=torch.float64)
    net = net_of(x)
    p = net(x, generator(5))
    shown, asked = Withheld(0.4).build(net.shapes).targeted(x, generator(5))
    assert torch.equal(p.x_in, shown) and torch.equal(p.x.isnan(), asked.isnan())
    out, expected = p.out.detach().numpy(), []
    for row, target in zip(out, asked.numpy(), strict=True):
        there = ~np.isnan(target)
        log_p = row[there] - np.log(np.exp(row[there]).sum())
        expected.append(-(target[there] * log_p).sum())
    np.testing.assert_allclose(net.row_nll(p.out, p.x).detach().numpy(), expected, rtol=1e-12)
    (slope,) = torch.autograd.grad(net.terms(p)["nll"], p.out)
    assert slope.isfinite().all() and not slope[asked.isnan()].any(), "nothing is said of what was shown"
    assert net(x).x is x and not net(x).x_in.isnan().any(), "without a generator rows are whole"


@pytest.mark.parametrize("recipe", ["mult_dae", "mult_vae"])
def test_models_learn_from_it(recipe):
    x = np.kron(np.eye(3), np.ones((40, 4))) * (np.random.default_rng(0).random((120, 12)) < 0.8)
    ae = getattr(nw.recipes, recipe)(4, hidden=(16,), noise=0.0, corruption=Withheld(0.5), learning_rate=0.01)
    ae.set_params(max_epochs=40, validation_fraction=0.2).fit(x)
    assert (
        np.isfinite([row["val_loss"] for row in ae.history_]).all() and np.isfinite(ae.score_samples(x)).all()
    )
    told = ae.reconstruct([[1, 1, 0, 0] + [0] * 8])[0]
    assert told[2:4].min() > told[4:].max(), "what else belongs to such rows"


@pytest.mark.parametrize("p", [0, 0.0, -0.1, 1.5, float("nan")])
def test_shares_that_are_none_are_refused(p, refused):
    with refused(repr(p)):
        Withheld(p)
