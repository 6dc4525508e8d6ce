"""The loop: what it does on good days, on bad ones, and when it is interrupted."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

import narrows as nw
from narrows.backbones import MLP
from narrows.training import TrainingError, loop

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 2)) @ RNG.normal(size=(2, 5)) + 0.1 * RNG.normal(size=(100, 5))


def quick(**choices):
    """A small model: 100 rows are five steps an epoch."""
    defaults = {
        "latent_dim": 2,
        "backbone": MLP((8,)),
        "max_epochs": 4,
        "batch_size": 20,
        "validation_fraction": 0,
    }
    return nw.Autoencoder(**defaults | choices)


def weights(net):
    return [tensor.detach().clone() for tensor in net.state_dict().values()]


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


class Keep:
    """A callback that keeps the weights of every epoch, or does something else at its end."""

    def __init__(self, then=None):
        self.kept, self.then = [], then

    def on_fit_start(self, state):
        self.start = weights(state.net)

    def on_epoch_end(self, state):
        self.kept.append(weights(state.net))
        if self.then is not None:
            self.then(state)

    def on_fit_end(self, state):
        self.end, self.reason = weights(state.net), state.reason


@dataclass(frozen=True)
class Trouble:
    """A penalty that is ``value`` at some steps of training (counted from 1), and nothing at others."""

    steps: tuple = ()
    value: float = math.nan
    always: bool = False
    interrupt: int = 0

    def build(self, shapes):
        return _Trouble(self)


class _Trouble(nn.Module):
    def __init__(self, part):
        super().__init__()
        self.part, self.step = part, 1

    def on_step(self, net, step, total):
        if step == self.part.interrupt:
            raise KeyboardInterrupt
        self.step = step + 1

    def forward(self, net, p):
        bad = self.part.always or (net.training and self.step in self.part.steps)
        return p.code.mean.sum() * (self.part.value if bad else 0.0)


# What is minimised


def test_history_tells_the_objective():
    """At a vanishing rate nothing moves, so the mean over an epoch is the objective at the weights."""
    ae = quick(bottleneck="gaussian", penalties="l1", max_epochs=1, learning_rate=1e-30, scale=None)
    ae.fit(X)
    (row,) = ae.history_
    with torch.no_grad():
        code = ae.net_.encode(torch.as_tensor(X, dtype=torch.float32))
    assert row["kl"] == pytest.approx(float(code.rate.mean()), rel=1e-5)
    assert row["l1"] == pytest.approx(1e-3 * float(code.mean.abs().sum(1).mean()), rel=1e-5)
    assert row["loss"] == pytest.approx(row["nll"] + row["kl"] + row["l1"])
    assert row["epoch"] == 1 and row["seconds"] > 0


@pytest.mark.parametrize("batch_size", [7, 33, 100])
def test_history_counts_every_row_once(batch_size):
    ae = quick(max_epochs=1, learning_rate=1e-30, batch_size=batch_size, scale=None).fit(X)
    nll = 0.5 * ((X - ae.reconstruct(X)) ** 2 + math.log(2 * math.pi)).sum(1).mean()
    assert ae.history_[0]["nll"] == pytest.approx(nll, rel=1e-5)


def test_the_monitor_is_the_objective_on_held_out_rows():
    ae = quick(scale=None).fit(X[:80], validation_data=X[80:])
    nll = 0.5 * ((X[80:] - ae.reconstruct(X[80:])) ** 2 + math.log(2 * math.pi)).sum(1).mean()
    assert min(row["val_loss"] for row in ae.history_) == pytest.approx(nll, rel=1e-5)


@pytest.mark.parametrize(
    "choices", [{"corruption": nw.corruptions.Gaussian(0.5)}, {"bottleneck": "gaussian"}]
)
def test_the_monitor_sees_the_same_noise_every_epoch(choices):
    ae = quick(validation_fraction=0.2, learning_rate=1e-30, max_epochs=5, **choices).fit(X)
    assert len({row["val_loss"] for row in ae.history_}) == 1


def test_the_monitor_does_not_move_with_the_warm_up():
    warm = nw.bottlenecks.Gaussian(warmup=1.0)
    ae = quick(bottleneck=warm, validation_fraction=0.2, learning_rate=1e-30, max_epochs=4).fit(X)
    assert len({row["val_loss"] for row in ae.history_}) == 1
    kl = [row["kl"] for row in ae.history_]
    assert kl == sorted(kl) and kl[0] < 0.5 * kl[-1], "while what is trained does"


def test_it_learns():
    ae = quick(max_epochs=60).fit(X)
    assert ae.evaluate(X)["r2"] > 0.95
    assert ae.history_[-1]["loss"] < ae.history_[0]["loss"]


def test_the_rate_warms_up_and_falls_to_nothing():
    rates = [row["learning_rate"] for row in quick(max_epochs=40, learning_rate=0.01).fit(X).history_]
    assert max(rates) == pytest.approx(0.01)
    assert rates[0] < 0.01 and rates[-1] < 0.001


@pytest.mark.parametrize("n", [64, 65, 33])
def test_the_rate_falls_to_nothing_whatever_the_remainder(n):
    """A last batch of one row joins the one before it, and that is a step less."""
    rates = [row["learning_rate"] for row in quick(max_epochs=40, batch_size=32).fit(X[:n]).history_]
    assert rates[-1] < 0.1 * max(rates)


def test_weight_decay_shrinks_weights():
    sizes = [
        sum(
            float(p.detach().square().sum())
            for p in quick(max_epochs=60, weight_decay=d).fit(X).net_.parameters()
        )
        for d in (0.0, 1.0)
    ]
    assert sizes[1] < 0.8 * sizes[0]


# Which weights stay


def test_without_held_out_rows_the_last_weights_stay():
    keep = Keep()
    ae = quick(callbacks=(keep,)).fit(X)
    assert equal(weights(ae.net_), keep.kept[-1])
    assert "val_loss" not in ae.history_[0] and len(ae.history_) == 4


def test_early_stopping_restores_the_best_weights():
    """Few noisy rows and a wide net: what fits them better soon explains the others worse."""
    noise = np.random.default_rng(1).normal(size=(60, 5))
    keep = Keep()
    ae = quick(
        backbone=MLP((64, 64)),
        learning_rate=0.01,
        max_epochs=300,
        patience=5,
        callbacks=(keep,),
        latent_dim=4,
    ).fit(noise[:30], validation_data=noise[30:])
    losses = [row["val_loss"] for row in ae.history_]
    best = int(np.argmin(losses))
    assert 0 < best < len(losses) - 1 < 299
    assert equal(weights(ae.net_), keep.kept[best])
    assert not equal(weights(ae.net_), keep.kept[-1])
    assert "no gain" in keep.reason


def test_without_patience_all_epochs_are_done():
    noise = np.random.default_rng(1).normal(size=(60, 5))
    ae = quick(patience=None, max_epochs=30, learning_rate=0.05).fit(noise[:30], validation_data=noise[30:])
    assert len(ae.history_) == 30


def test_validation_data_replaces_the_share_held_out():
    for given in (X[80:], (X[80:], np.zeros(20))):
        ae = quick(validation_fraction=0.5).fit(X[:80], validation_data=given)
        assert (ae.fitted_.training["rows"], ae.fitted_.training["validation_rows"]) == (80, 20)
    ae = quick(validation_fraction=0.25).fit(X)
    assert (ae.fitted_.training["rows"], ae.fitted_.training["validation_rows"]) == (75, 25)


# Bad days


def test_a_non_finite_step_is_skipped():
    keep = Keep()
    ae = quick(batch_size=5, max_epochs=2, penalties=Trouble(steps=(25, 27)), callbacks=(keep,)).fit(X)
    assert all(tensor.isfinite().all() for tensor in weights(ae.net_))
    assert all(math.isfinite(row["loss"]) for row in ae.history_), "and is not counted"
    assert not equal(keep.kept[0], keep.kept[1]), "the others are taken"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_bad_epoch_is_rolled_back_and_the_rate_lowered(value):
    """Epoch 3 of 5 steps is spoilt: the weights of epoch 2 come back, and a lower rate."""
    keep, plain = Keep(), Keep()
    spoilt = quick(max_epochs=8, penalties=Trouble((12, 13), value), callbacks=(keep,)).fit(X)
    sound = quick(max_epochs=8, penalties=Trouble(), callbacks=(plain,)).fit(X)
    assert equal(keep.kept[1], plain.kept[1])
    assert equal(keep.kept[2], keep.kept[1])
    rates = [
        b["learning_rate"] / a["learning_rate"] for a, b in zip(sound.history_, spoilt.history_, strict=True)
    ]
    assert rates[:3] == pytest.approx([1] * 3) and rates[3:] == pytest.approx([loop.SLOWER] * 5)
    assert not equal(keep.kept[3], keep.kept[2]) and all(t.isfinite().all() for t in keep.end)


def test_a_loss_that_stays_infinite_ends_in_a_clear_error():
    keep = Keep()
    with pytest.raises(TrainingError) as caught:
        quick(max_epochs=50, penalties=Trouble(always=True), callbacks=(keep,)).fit(X)
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".") and "pass scale='robust'" in message
    assert len(keep.kept) == loop.TRIES, "after bounded tries"


def test_a_fit_without_a_single_good_step_is_an_error_however_short():
    with pytest.raises(TrainingError):
        quick(max_epochs=2, penalties=Trouble(always=True)).fit(X)


def test_an_error_of_the_users_own_comes_through():
    def fail(state):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        quick(callbacks=(Keep(fail),)).fit(X)


# Interrupts


def test_an_interrupt_at_the_end_of_an_epoch_keeps_the_best_model():
    def interrupt(state):
        if len(state.history) == 3:
            raise KeyboardInterrupt

    keep = Keep(interrupt)
    ae = quick(max_epochs=50, callbacks=(keep,), validation_fraction=0.2).fit(X)
    best = int(np.argmin([row["val_loss"] for row in ae.history_]))
    assert len(ae.history_) == 3 and "interrupted" in ae.fitted_.training["stopped"]
    assert equal(weights(ae.net_), keep.kept[best])
    assert np.isfinite(ae.transform(X)).all()


def test_an_interrupt_within_an_epoch_keeps_the_last_whole_one():
    keep = Keep()
    ae = quick(max_epochs=50, callbacks=(keep,), penalties=Trouble(interrupt=7)).fit(X)
    assert len(ae.history_) == 1
    assert equal(weights(ae.net_), keep.kept[-1])
    assert np.isfinite(ae.reconstruct(X)).all()


def test_an_interrupt_before_the_first_epoch_is_done_has_nothing_to_keep():
    ae = quick(penalties=Trouble(interrupt=2))
    with pytest.raises(KeyboardInterrupt):
        ae.fit(X)
    assert not hasattr(ae, "fitted_")


# Odd shapes of data


@pytest.mark.parametrize(
    "rows",
    [X[:1], X[:2], X[:3], X[:19], X[:21], X[:41], X[:, :1], np.tile(X[:, :1], 3), np.column_stack([X, np.ones(100)]),
     np.ones((30, 4)), np.zeros((5, 1)), X[:40] * 1e12, X[:40] * 1e-12, X + 1e6],
    ids=["n=1", "n=2", "n=3", "less than a batch", "one over", "two batches and one", "one feature", "equal columns",
         "a constant column", "constants only", "zeros", "huge", "tiny", "far away"],
)  # fmt: skip
@pytest.mark.parametrize(
    "choices", [{}, {"bottleneck": "gaussian", "likelihood": nw.likelihoods.Normal("feature")}]
)
@pytest.mark.parametrize("fraction", [0, 0.1])
def test_odd_data_are_learned_too(rows, choices, fraction):
    ae = quick(validation_fraction=fraction, **choices).fit(rows)
    assert np.isfinite(ae.transform(rows)).all() and ae.transform(rows).shape == (len(rows), 2)
    assert np.isfinite(ae.reconstruct(rows)).all()
    assert np.isfinite(ae.score(rows))
    assert ae.sample(2).shape == (2, rows.shape[1])


def test_a_batch_normalised_network_never_sees_a_single_row():
    pair = (nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)), nn.Linear(2, 5))
    ae = quick(backbone=pair, batch_size=20).fit(X[:41])
    assert np.isfinite(ae.transform(X)).all()


# What is seen


def test_quiet_by_default(capfd):
    quick(validation_fraction=0.1).fit(X)
    assert capfd.readouterr() == ("", "")


def test_plain_lines_where_there_is_no_terminal(capfd):
    quick(verbose=1, max_epochs=30, validation_fraction=0.1).fit(X)
    out, err = capfd.readouterr()
    lines = err.splitlines()
    assert out == "" and "\x1b" not in err and "\r" not in err
    assert (
        lines[0].startswith("epoch 1/30")
        and "loss" in lines[0]
        and "validation" in lines[0]
        and "rate" in lines[0]
    )
    assert "left" in lines[0] and "epochs in" in lines[-1]
    assert 3 <= len(lines) <= 15, "not one for every epoch"
