"""Linear recommenders: their closed forms, and what stands beside them before and after training."""

import itertools

import numpy as np
import pytest
import scipy.sparse
import torch

import narrows as nw
from narrows.backbones import MLP, ItemItem, item_weights
from narrows.backbones._item_weights import _among_items, _among_users, more_rows
from narrows.backbones._least_squares import item_factors
from narrows.backbones.item_item import SOFT, log_softplus
from narrows.contracts import Shapes
from narrows.net import Net
from narrows.numerics import generator, seeded
from narrows.sources import Memory
from narrows.spec import Spec

HAND = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 1, 1]], float)


def clicks(users, items, seed=0, share=0.4):
    return (np.random.default_rng(seed).random((users, items)) < share).astype(float)


def ease(x, l2):
    """Steck 2019, equation 8."""
    p = np.linalg.inv(x.T @ x + l2 * np.eye(x.shape[1]))
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0)
    return b


def net_of(part, x, latent_dim=3):
    spec = Spec.resolved(nw.inputs.Counts("none"), None, part, None, "multinomial", ())
    with seeded(0):
        net = Net(spec, Shapes(row=(x.shape[1],), latent_dim=latent_dim)).double()
    net.prepare(Memory(torch.from_numpy(x)), generator(0))
    return net


# The closed form


@pytest.mark.parametrize("l2", [0.5, 1.0, 100.0])
def test_ease_is_its_closed_form(l2):
    b, pivots = item_weights(scipy.sparse.csr_array(HAND), l2)
    assert b.dtype == pivots.dtype == np.float64 and (np.diag(b) == 0).all()
    np.testing.assert_allclose(b, ease(HAND, l2), rtol=0, atol=1e-10)
    inverse = np.linalg.inv(HAND.T @ HAND + l2 * np.eye(4))
    np.testing.assert_allclose(pivots, np.diag(inverse), rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", [(30, 7), (7, 30), (12, 12), (1, 5), (5, 1), (1, 1)])
def test_inverses_among_users_and_among_items_agree(shape):
    x = scipy.sparse.csr_array(clicks(*shape, seed=sum(shape)))
    loads = np.random.default_rng(1).uniform(0.5, 5, shape[1])
    expected = np.linalg.inv(x.toarray().T @ x.toarray() + np.diag(loads))
    for way in (_among_users, _among_items):
        np.testing.assert_allclose(way(x, loads), expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(item_weights(x, 2.0)[0], ease(x.toarray(), 2.0), rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", [(30, 7), (7, 30), (1, 1)])
def test_large_inverses_are_the_same(shape, monkeypatch, refused):
    x = scipy.sparse.csr_array(clicks(*shape, seed=3))
    small = item_weights(x, 3.0, 0.25)
    monkeypatch.setitem(item_weights.__globals__, "LARGE", 0)
    for a, b in zip(item_weights(x, 3.0, 0.25), small, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    with refused("l2"):
        item_weights(scipy.sparse.csr_array(np.ones((3, 2))), 1e-30)


def test_it_is_made_dense_in_pieces(monkeypatch):
    x = scipy.sparse.csr_array(clicks(40, 23))
    whole = item_weights(x, 3.0, 0.25)
    monkeypatch.setitem(item_weights.__globals__, "BLOCK", 50)
    monkeypatch.setitem(item_weights.__globals__, "PIECE", 4)
    np.testing.assert_allclose(item_weights(x, 3.0, 0.25)[0], whole[0], rtol=0, atol=1e-12)
    added = more_rows(*item_weights(x[:25], 3.0), x[25:])
    np.testing.assert_allclose(added[0], ease(x.toarray(), 3.0), rtol=0, atol=1e-10)


@pytest.mark.parametrize("p", [0.0, 0.25, 0.8])
def test_edlae_is_the_optimum_of_what_it_says(p):
    """Off the diagonal the gradient of ‖X − XB‖² + ‖Λ^½B‖² is 0."""
    x = clicks(50, 9) * np.random.default_rng(2).uniform(0.5, 2, (50, 9))
    b, _ = item_weights(scipy.sparse.csr_array(x), 4.0, p)
    loads = 4.0 + p / (1 - p) * np.square(x).sum(0)
    gradient = x.T @ (x @ b - x) + loads[:, None] * b
    np.fill_diagonal(gradient, 0)
    assert abs(gradient).max() < 1e-10 and abs(b).max() > 0.01


def test_edlae_is_what_learns_from_all_ways_to_drop_items():
    p, l2 = 0.3, 0.7
    b, _ = item_weights(scipy.sparse.csr_array(HAND), l2, p)
    gradient = l2 * b
    for kept in itertools.product((0, 1), repeat=4):
        chance = np.prod([1 - p if k else p for k in kept])
        shown = HAND * kept / (1 - p)
        gradient += chance * shown.T @ (shown @ b - HAND)
    np.fill_diagonal(gradient, 0)
    assert abs(gradient).max() < 1e-10


@pytest.mark.parametrize(("first", "more"), [(20, 15), (3, 30), (30, 1)])
def test_rows_that_come_later_are_as_good_as_first_ones(first, more):
    a, c = clicks(first, 8, seed=1), clicks(more, 8, seed=2)
    b, pivots = more_rows(*item_weights(scipy.sparse.csr_array(a), 2.0), scipy.sparse.csr_array(c))
    both = item_weights(scipy.sparse.csr_array(np.vstack([a, c])), 2.0)
    np.testing.assert_allclose(b, both[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(pivots, both[1], rtol=0, atol=1e-9)
    assert (np.diag(b) == 0).all()


def test_nobody_and_items_that_nobody_has():
    x = clicks(10, 6)
    x[3], x[:, 2] = 0, 0
    b, _ = item_weights(scipy.sparse.csr_array(x), 1.0)
    np.testing.assert_allclose(b, ease(x, 1.0), rtol=0, atol=1e-10)
    assert not b[2].any() and not b[:, 2].any()
    assert not item_weights(scipy.sparse.csr_array((3, 4)), 1.0)[0].any()
    assert not item_weights(scipy.sparse.csr_array((4, 3)), 1.0)[0].any()


def test_weights_that_are_not_determined_are_refused(refused):
    with refused("l2"):
        item_weights(scipy.sparse.csr_array(np.ones((3, 2))), 1e-30)


# Alone


@pytest.mark.parametrize("x", [HAND, clicks(4, 11), clicks(40, 11)], ids=["hand", "wide", "long"])
def test_a_recommender_scores_by_the_closed_form(x):
    recommender = nw.Recommender(nw.recipes.ease(l2=0.8)).fit(x)
    b = ease(x, 0.8)
    net = recommender.ae_.net_
    np.testing.assert_allclose(net.decoder.weight.numpy(), b, rtol=0, atol=1e-10)
    ids, scores = recommender.recommend(x, k=x.shape[1], exclude_seen=False)
    told = np.empty(x.shape)
    np.put_along_axis(told, ids, scores, 1)
    np.testing.assert_allclose(told[x.any(1)], (x @ b)[x.any(1)], rtol=0, atol=1e-10)
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.parametrize("recipe", ["ease", "edlae"])
def test_partial_fit_adds_rows(recipe):
    a, c = clicks(25, 9, seed=1), clicks(14, 9, seed=2)
    ae = getattr(nw.recipes, recipe)(l2=3.0)
    later = nw.Recommender(ae).fit(a).partial_fit(c).ae_
    alone = getattr(nw.recipes, recipe)(l2=3.0, validation_fraction=0).fit(a).partial_fit(c)
    b = later.net_.decoder.weight.numpy()
    np.testing.assert_allclose(alone.net_.decoder.weight.numpy(), b, rtol=0, atol=1e-12)
    if recipe == "ease":
        both = nw.Recommender(ae).fit(np.vstack([a, c]))
        np.testing.assert_allclose(b, both.ae_.net_.decoder.weight.numpy(), rtol=0, atol=1e-9)
    else:  # the loads are those of the first rows
        loads = 3.0 + a.sum(0) / 3
        p = np.linalg.inv(a.T @ a + c.T @ c + np.diag(loads))
        expected = -p / np.diag(p)
        np.fill_diagonal(expected, 0)
        np.testing.assert_allclose(b, expected, rtol=0, atol=1e-9)


def test_it_is_as_long_as_its_rows_are_full():
    """Rows of nothing are as good as any, wherever they stand."""
    net = net_of(ItemItem(1.0), HAND)
    for places in ((0,), (4,), (0, 2, 4), range(5)):
        x = HAND.copy()
        x[list(places)] = 0
        np.testing.assert_allclose(net(torch.from_numpy(x)).out.numpy(), x @ ease(HAND, 1.0), atol=1e-12)


def test_values_weigh_and_gradients_pass():
    net, x = net_of(ItemItem(1.0), HAND), torch.from_numpy(HAND * [1, 2, 0.5, 3])
    np.testing.assert_allclose(net(x).out.numpy(), x.numpy() @ ease(HAND, 1.0), atol=1e-12)


def test_codes_are_projections_on_singular_vectors():
    x = clicks(30, 8)
    codes = net_of(ItemItem(1.0), x, 3).encode(torch.from_numpy(x)).z.numpy()
    _, s, v = np.linalg.svd(x, full_matrices=False)
    np.testing.assert_allclose(abs(codes), abs(x @ v[:3].T), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=0), s[:3], atol=1e-6)
    wide = net_of(ItemItem(1.0), x[:4], 6).encode(torch.from_numpy(x)).z
    assert not wide[:, 4:].any(), "there are no more than four"


def test_there_is_nothing_to_train():
    ae = nw.recipes.ease(2, l2=1.0, max_epochs=50).fit(clicks(20, 5))
    assert not any(p.requires_grad for p in ae.net_.parameters())
    assert ae.history_ == [] and "closed form" in ae.fitted_.training["stopped"] and not ae.net_.training
    again = nw.recipes.ease(2, l2=1.0, random_state=7).fit(clicks(20, 5))
    assert torch.equal(ae.net_.decoder.weight, again.net_.decoder.weight)


# Beside a network


HYBRID = ItemItem(2.0, 0.25, MLP((5,), "tanh"), share=0.3, unseen=0.2, ridge=0.05)


def linear_sum(net, x):
    """xB and ``share`` of the products of vectors of users and of items."""
    b, _ = item_weights(scipy.sparse.csr_array(x), HYBRID.l2, HYBRID.dropout)
    Y, found = net.encoder.items.numpy(), np.zeros(x.shape)
    for i, row in enumerate(x):
        A = (Y * (row + HYBRID.unseen)[:, None]).T @ Y
        A += HYBRID.ridge * (row.sum() + HYBRID.unseen * len(row)) * np.eye(Y.shape[1])
        found[i] = Y @ np.linalg.solve(A, Y.T @ row)
    return x @ b + HYBRID.share * found


@pytest.mark.parametrize("latent_dim", [3, 8, 11])
def test_it_begins_at_the_sum_of_two_linear_models(latent_dim):
    x = clicks(60, 8, seed=5)
    x[4] = 0
    net = net_of(HYBRID, x, latent_dim)
    out = net(torch.from_numpy(x)).out.detach()
    y = linear_sum(net, x)
    np.testing.assert_allclose(out.numpy(), log_softplus(torch.from_numpy(y) / SOFT).numpy(), atol=1e-6)
    full = x.any(1)
    assert (np.argsort(out.numpy()[full], 1) == np.argsort(y[full], 1)).all(), "which keeps the order"
    assert abs(linear_sum(net, x) - x @ item_weights(scipy.sparse.csr_array(x), 2.0, 0.25)[0]).max() > 0.01


def test_codes_are_the_vectors_of_users():
    x = clicks(60, 8, seed=5)
    net = net_of(HYBRID, x, 3)
    expected = item_factors(scipy.sparse.csr_array(x), 3, 0.2, 0.05, generator(0))
    torch.testing.assert_close(net.encoder.items, expected, rtol=0, atol=1e-12)
    z = net.encode(torch.from_numpy(x)).z.detach()
    torch.testing.assert_close(net.encode(torch.from_numpy(3 * x)).z.detach(), z, rtol=0, atol=1e-12)
    assert z.std() > 0.05
    factor = net.decoder.factor.detach()
    assert float(factor.square().mean().sqrt()) == pytest.approx(1, abs=1e-6), (
        "as large as steps are made for"
    )


def test_training_moves_all_but_the_linear_map():
    net = net_of(HYBRID, clicks(60, 8), latent_dim=3)
    x = torch.from_numpy(clicks(20, 8, seed=3))
    for parameter in net.parameters():  # branches that start at zero have left it after a step
        if not parameter.any():
            torch.nn.init.constant_(parameter, 0.1)
    net.likelihood.nll(net(x).out, x).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    assert not isinstance(net.decoder.weight, torch.nn.Parameter)


def test_a_fit_keeps_the_linear_map_and_lowers_the_loss():
    rng = np.random.default_rng(0)
    taste = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 20))
    x = (taste + rng.gumbel(size=taste.shape) > 2).astype(float)
    ae = nw.recipes.ease_hybrid(4, l2=5.0, hidden=(6,), max_epochs=30, validation_fraction=0)
    ae.set_params(precision="float64").fit(x)
    b, _ = item_weights(scipy.sparse.csr_array(x), 5.0, 0.25)
    np.testing.assert_allclose(ae.net_.decoder.weight.numpy(), b, atol=1e-12)
    assert ae.history_[-1]["loss"] < 0.9 * ae.history_[0]["loss"]
    assert float(ae.net_.decoder.gain.detach()) != 1.0


def test_softplus_is_its_logarithm_everywhere():
    y = torch.tensor([-1e6, -40.0, -15.0, -1.0, 0.0, 1.0, 40.0, 1e6], dtype=torch.float64, requires_grad=True)
    expected = torch.where(y < -30, y, torch.nn.functional.softplus(y).clamp(min=1e-300).log())
    torch.testing.assert_close(log_softplus(y), expected, rtol=1e-6, atol=1e-6)
    (slope,) = torch.autograd.grad(log_softplus(y).sum(), y)
    assert slope.isfinite().all() and (slope > 0).all() and (slope.diff() <= 1e-6).all()


# What cannot be built


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"l2": 0}, "l2=0"),
        ({"l2": -1.0}, "l2=-1.0"),
        ({"l2": float("nan")}, "l2=nan"),
        ({"ridge": 0.0}, "ridge=0.0"),
        ({"unseen": 0.0}, "unseen=0.0"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"dropout": -0.1}, "dropout=-0.1"),
        ({"share": -0.1}, "share=-0.1"),
        ({"network": "mlp"}, "network='mlp'"),
        ({"network": nw.backbones.Conv2d()}, "Conv2d"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments, given, refused):
    with refused(given):
        ItemItem(**arguments)


@pytest.mark.parametrize("part", [ItemItem(), HYBRID], ids=["alone", "beside"])
@pytest.mark.parametrize(
    ("shapes", "given"),
    [
        ({"row": (1, 3, 2), "input": (1, 3, 2)}, "(1, 3, 2)"),
        ({"row": (6,), "input": (9,)}, "(9,)"),
        ({"row": (6,), "input": (6,), "channels": 2}, "(12,)"),
        ({"row": (6,), "input": (6,), "missing": True}, "Counts"),
    ],
)
def test_other_rows_are_refused(part, shapes, given, refused):
    with refused(given, "likelihood='multinomial'"):
        part.build(Shapes(latent_dim=2, code=(2,), **shapes))


def test_other_inputs_are_refused_when_it_is_fitted(refused):
    ae = nw.Autoencoder(2, backbone=ItemItem(), max_epochs=1)
    frame = {"a": ["x", "y", "x", "z"] * 5, "b": [1.0, 2.0, 3.0, 4.0] * 5}
    import pandas as pd

    with refused("ItemItem"):
        ae.fit(pd.DataFrame(frame))
