"""Many networks side by side end up where each would alone."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

import narrows as nw
from narrows import bottlenecks, corruptions, penalties, priors
from narrows.backbones import MLP, Conv2d
from narrows.engine import stack
from narrows.training import loop, many

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(130, 3)) @ RNG.normal(size=(3, 9)) + 0.1 * RNG.normal(size=(130, 9))).astype(np.float32)
UNIT = RNG.random((80, 9)).astype(np.float32)
HELD = X[100:]
# In double precision: Adam divides by gradients' lengths and makes the first rounding errors large.
SHORT = {"max_epochs": 4, "batch_size": 16, "precision": "float64"}


def family(make, numbers):
    return [make(seed, number).set_params(random_state=seed, **SHORT) for seed, number in enumerate(numbers)]


FAMILIES = {
    "seeds": lambda s, _: nw.Autoencoder(2, backbone=MLP((6,))),
    "rates": lambda s, v: nw.Autoencoder(2, learning_rate=v),
    "noise": lambda s, v: nw.recipes.denoising(2, hidden=(8,), noise=v),
    "masking": lambda s, v: nw.Autoencoder(2, corruption=corruptions.Masking(v)),
    "beta": lambda s, v: nw.recipes.variational(
        2, backbone=MLP((6,)), bottleneck=bottlenecks.Gaussian(beta=v)
    ),
    "warm-up": lambda s, v: nw.Autoencoder(2, bottleneck=bottlenecks.Gaussian(beta=v, warmup=0.5)),
    **{
        repr(prior): lambda s, _, prior=prior: nw.Autoencoder(2, bottleneck=bottlenecks.Gaussian(prior=prior))
        for prior in (priors.Mixture(3), priors.Vamp(4), priors.Flow(hidden=6))
    },
    "l1": lambda s, v: nw.Autoencoder(12, penalties=[penalties.L1(v)], weight_decay=0.01),
    "sparsity": lambda s, v: nw.recipes.kl_sparse(6, penalties=[penalties.KLSparsity(v)]),
    "topk": lambda s, _: nw.recipes.topk(12, k=3),
    "dropout": lambda s, _: nw.Autoencoder(2, backbone=MLP((8,), dropout=0.2)),
    "tied": lambda s, _: nw.Autoencoder(2, backbone=MLP((8,), tied=True)),
}


def compare(members, X, tolerance, **held):
    alone = [clone(m).fit(X, **held) for m in members]
    together = nw.fit_many(members, X, **held)
    assert together == members
    for a, b in zip(alone, together, strict=True):
        assert len(a.history_) == len(b.history_)
        for p, q in zip(a.net_.state_dict().values(), b.net_.state_dict().values(), strict=True):
            assert torch.allclose(p, q, atol=tolerance, rtol=tolerance)
            assert p.is_contiguous() and q.untyped_storage().nbytes() == p.untyped_storage().nbytes()
        for p, q in zip(a.history_, b.history_, strict=True):
            assert p.keys() == q.keys()
            assert all(np.isclose(p[k], q[k], rtol=1e-6) for k in p if k != "seconds")


@pytest.fixture
def crowds(monkeypatch):
    """The sizes of the crowds that were trained side by side."""
    seen = []
    train_many = loop.train_many
    monkeypatch.setattr(
        many, "train_many", lambda nets, *a: (seen.append(len(nets)), train_many(nets, *a))[1]
    )
    return seen


@pytest.mark.parametrize("name", FAMILIES)
def test_members_end_where_they_would_alone(name, crowds):
    members = family(FAMILIES[name], (0.02, 0.1, 0.05))
    compare(members, X, 1e-7, validation_data=HELD)
    assert crowds == [3]


def test_convolutions_go_together_too(crowds):
    images = RNG.random((50, 6, 6)).astype(np.float32)
    compare(
        family(lambda s, _: nw.Autoencoder(2, backbone=Conv2d((3, 4)), validation_fraction=0), range(2)),
        images,
        1e-7,
    )
    assert crowds == [2]


def test_members_may_stop_at_different_times(crowds):
    members = [
        nw.Autoencoder(2, backbone=MLP((6,)), patience=None).set_params(
            random_state=s, **SHORT | {"max_epochs": e}
        )
        for s, e in enumerate((2, 6, 4))
    ]
    compare(members, X, 1e-7, validation_data=HELD)
    assert [len(m.history_) for m in members] == [2, 6, 4] and crowds == [3]


def test_patience_is_each_members_own():
    members = family(lambda s, v: nw.Autoencoder(2, learning_rate=v, patience=2), (1e-2, 1e-5, 0.3))
    for m in members:
        m.set_params(max_epochs=25)
    compare(members, X, 1e-6, validation_data=HELD)


def test_other_shapes_are_trained_in_crowds_of_their_own(crowds):
    members = [nw.Autoencoder(k, random_state=i, **SHORT) for i, k in enumerate((2, 3, 2, 3, 4))]
    nw.fit_many(members, X)
    assert sorted(crowds) == [2, 2] and [m.latent_dim_ for m in members] == [2, 3, 2, 3, 4]


def test_parts_without_a_stacked_form_are_trained_in_turn():
    members = family(lambda s, v: nw.recipes.contractive(2, backbone=MLP((6,), "tanh")), range(2))
    alone = [clone(m).fit(X, validation_data=HELD) for m in members]
    for a, b in zip(alone, nw.fit_many(members, X, validation_data=HELD), strict=True):
        assert all(
            torch.equal(p, q)
            for p, q in zip(a.net_.state_dict().values(), b.net_.state_dict().values(), strict=True)
        )


def test_networks_of_the_users_are_trained_in_turn(crowds):
    members = [nw.Autoencoder(2, backbone=(nn.Linear(9, 2), nn.Linear(2, 9)), **SHORT) for _ in range(2)]
    nw.fit_many(members, X)
    assert crowds == []


def test_the_same_seeds_give_the_same_bits():
    def weights():
        members = family(FAMILIES["noise"], (0.1, 0.2))
        return [t for m in nw.fit_many(members, X) for t in m.net_.state_dict().values()]

    assert all(torch.equal(a, b) for a, b in zip(weights(), weights(), strict=True))


def test_a_member_that_never_has_a_finite_loss_fails_as_it_does_alone():
    members = family(lambda s, v: nw.Autoencoder(2, learning_rate=v, validation_fraction=0), (1e-2, 1e30))
    with pytest.raises(nw.training.TrainingError):
        clone(members[1]).fit(X)
    with pytest.raises(nw.training.TrainingError):
        nw.fit_many(members, X)


class Interrupt:
    """Ctrl-C, at the start of a fit or at the end of its second epoch."""

    def __init__(self, at):
        self.at = at

    def on_fit_start(self, state):
        if self.at == 0:
            raise KeyboardInterrupt

    def on_epoch_end(self, state):
        if len(state.history) == self.at:
            raise KeyboardInterrupt


def test_an_interrupt_stops_everybody_and_keeps_what_there_is():
    members = [nw.Autoencoder(2, random_state=s, **SHORT) for s in range(3)]
    members[1].set_params(callbacks=[Interrupt(2)])
    nw.fit_many(members, X)
    assert all(len(m.history_) <= 2 and "interrupted" in m.fitted_.training["stopped"] for m in members)
    assert all(np.isfinite(m.transform(X)).all() for m in members)


def test_an_interrupt_before_there_is_anything_is_one():
    members = [nw.Autoencoder(2, callbacks=[Interrupt(0)], **SHORT), nw.Autoencoder(2, **SHORT)]
    with pytest.raises(KeyboardInterrupt):
        nw.fit_many(members, X)


@pytest.mark.parametrize("epochs", [(4, 4), (3, 9)])
def test_warm_ups_are_each_members_own(epochs, crowds):
    members = [
        nw.Autoencoder(2, bottleneck=bottlenecks.Gaussian(warmup=w), patience=None, random_state=i)
        .set_params(**SHORT | {"max_epochs": n})
        for i, (w, n) in enumerate(zip((0.2, 0.8), epochs, strict=True))
    ]  # fmt: skip
    compare(members, X, 1e-7, validation_data=HELD)
    assert crowds == [2]


@dataclass(frozen=True)
class Own:
    """A part of the user's, which draws from torch's own state."""

    def build(self, shapes):
        return _Own(nw.bottlenecks.Deterministic().build(shapes))


class _Own(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner, self.dropout = inner, nn.Dropout(0.3)

    def forward(self, h, gen=None):
        return self.inner(self.dropout(h), gen)


def test_parts_of_the_users_are_trained_in_turn_and_leave_no_trace(crowds):
    def weights():
        members = [nw.Autoencoder(2, bottleneck=Own(), random_state=s, **SHORT) for s in range(2)]
        return [t for m in nw.fit_many(members, X) for t in m.net_.state_dict().values()]

    before = torch.get_rng_state()
    first = weights()
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first, weights(), strict=True)) and crowds == []


def test_a_fit_that_cannot_be_stacked_calls_back_once():
    class Log:
        def __init__(self):
            self.seen = []

        def on_fit_start(self, state):
            self.seen.append("start")

        def on_fit_end(self, state):
            self.seen.append("end")

    logs = [Log(), Log()]
    members = [
        nw.recipes.contractive(2, backbone=MLP((6,), "tanh"), callbacks=[log], **SHORT) for log in logs
    ]
    nw.fit_many(members, X)
    assert [log.seen for log in logs] == [["start", "end"]] * 2


def test_an_error_in_one_ends_all_at_once(capsys):
    class Fail:
        def on_epoch_end(self, state):
            raise KeyError("mine")

    members = [nw.Autoencoder(2, verbose=1, **SHORT), nw.Autoencoder(2, callbacks=[Fail()], **SHORT)]
    with pytest.raises(KeyError, match="mine"):
        nw.fit_many(members, X)
    assert "stopped with the others" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("estimators", "error", "words"),
    [
        ([nw.recipes], TypeError, "Autoencoders"),
        ([same := nw.Autoencoder(2), same], ValueError, "clones"),
        ([nw.Autoencoder(2), nw.Autoencoder(2, input="images")], ValueError, "one input"),
        ([nw.Autoencoder(2), nw.Autoencoder(0)], ValueError, "latent_dim=0"),
        ([nw.Autoencoder(2), nw.Autoencoder(2.5)], ValueError, "latent_dim=2.5"),
        ([nw.Autoencoder(2), nw.Autoencoder(2, scale=[1])], ValueError, "scale="),
    ],
)
def test_wrong_estimators_are_refused(estimators, error, words):
    with pytest.raises(error, match=words):
        nw.fit_many(estimators, X)


def test_nobody_is_nobody():
    assert nw.fit_many([], X) == []


def test_stacking_refuses_what_differs_in_kind():
    nets = [nw.Autoencoder(2, backbone=MLP((6,), a), max_epochs=1).fit(X).net_ for a in ("relu", "tanh")]
    with pytest.raises(stack.UnstackableError, match="kind"):
        stack.Stacked(nets, [torch.Generator() for _ in nets])


def test_large_networks_are_trained_one_after_another(monkeypatch):
    """A processor gains nothing by stacking them: each ends up, bit for bit, where its own fit does."""
    monkeypatch.setattr(many, "LARGE", 1)
    monkeypatch.setattr(many, "train_many", None)  # to be called by nobody
    members = [nw.Autoencoder(2, max_epochs=2, learning_rate=rate) for rate in (1e-3, 1e-2)]
    alone = [nw.Autoencoder(2, max_epochs=2, learning_rate=rate).fit(X) for rate in (1e-3, 1e-2)]
    for a, b in zip(alone, nw.fit_many(members, X), strict=True):
        assert (a.transform(X) == b.transform(X)).all()
