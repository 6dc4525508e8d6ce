"""What the contract promises to parts that do not exist yet: one throw-away part per promise.

Typed columns, missing values, an embedding, a side input, discrete codes and the four hooks of the
loop are carried by the contract from the first day; these parts use them as later ones will.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

import narrows as nw
from narrows.backbones import MLP
from narrows.bottlenecks import Deterministic
from narrows.contracts import Code, Part, Shapes
from narrows.corruptions import Gaussian as GaussianNoise
from narrows.fitted import Fitted
from narrows.inputs import Vectors
from narrows.net import Net
from narrows.numerics import generator, seeded
from narrows.sources import Memory
from narrows.spec import Spec
from narrows.training import Settings
from narrows.training.loop import train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2)) @ RNG.normal(size=(2, 5))


def quick(**choices):
    return nw.Autoencoder(**{"latent_dim": 2, "max_epochs": 3, "batch_size": 20, "scale": None} | choices)


# Typed columns and missing values -----------------------------------------------------------------

LEVELS = (0, 3, 0)  # a number, one of three categories, a number


@dataclass(frozen=True)
class TypedInput:
    """Rows of numbers and categories with gaps: one-hot columns and missing flags for the encoder."""

    def build(self, shapes: Shapes) -> nn.Module:
        return _OneHot(shapes.levels)


class _OneHot(nn.Module):
    def __init__(self, levels):
        super().__init__()
        self.levels = levels
        self.shape = (sum(max(k, 1) + 1 for k in levels),)

    def forward(self, x):
        columns = []
        for column, k in zip(x.unbind(1), self.levels, strict=True):
            gap = column.isnan()
            known = column.nan_to_num()
            columns.append(nn.functional.one_hot(known.long(), k).to(x) if k else known[:, None])
            columns.append(gap[:, None].to(x))
        return torch.cat(columns, 1)


@dataclass(frozen=True)
class TypedLikelihood:
    """Squared error on numbers, cross-entropy on categories: as many channels as levels."""

    unit = False
    typed = True

    @property
    def channels(self):
        return tuple(max(k, 1) for k in LEVELS)

    def build(self, shapes: Shapes) -> nn.Module:
        return _Typed(shapes)


class _Typed(nn.Module):
    continuous, unit = True, False

    def __init__(self, shapes):
        super().__init__()
        self.levels, self.missing = shapes.levels, shapes.missing
        self.channels = tuple(max(k, 1) for k in shapes.levels)

    def nll(self, out, x):
        answers = []
        for column, part, k in zip(x.unbind(1), out.split(self.channels, 1), self.levels, strict=True):
            known = column.nan_to_num()
            nll = (
                nn.functional.cross_entropy(part, known.long(), reduction="none")
                if k
                else (part[:, 0] - known) ** 2
            )
            answers.append(torch.where(column.isnan(), 0.0, nll))
        return torch.stack(answers, 1)


def test_typed_columns_reach_every_room():
    spec = Spec(TypedInput(), GaussianNoise(1.0), MLP((4,)), Deterministic(), TypedLikelihood(), ())
    with seeded(0):
        net = Net(spec, Shapes(row=(3,), latent_dim=2, levels=LEVELS, missing=True))
    assert net.shapes.input == (8,) and net.shapes.channels == (1, 3, 1) and net.shapes.out == (5,)
    assert not net.encoder_is_identity

    x = torch.tensor([[0.5, 2.0, float("nan")], [float("nan"), 0.0, 1.0], [1.0, float("nan"), 2.0]])
    p = net(x, generator(0))
    assert torch.equal(p.x_in[:2, 1], x[:2, 1]), "noise is for numbers only"
    assert torch.equal(p.x_in.isnan(), x.isnan())
    assert p.out.shape == (3, 5)
    nll = net.likelihood.nll(p.out, p.x)
    assert (nll[x.isnan()] == 0).all() and (nll[~x.isnan()] > 0).all()

    state = train(net, Memory(x.repeat(20, 1)), None, Settings(max_epochs=60, batch_size=30), seed=0)
    assert state.history[-1]["nll"] < 0.5 * state.history[0]["nll"], "and a model is learned through the gaps"


# A side input -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Skip:
    """A network whose decoder also sees the input: a linear map beside the bottleneck."""

    side = "input"

    def build(self, shapes: Shapes):
        encoder, decoder = MLP(hidden=()).build(shapes.but(side=None))
        return encoder, _Skip(decoder, shapes)


class _Skip(nn.Module):
    def __init__(self, decoder, shapes):
        super().__init__()
        self.decoder = decoder
        self.linear = nn.Linear(shapes.side[0], shapes.out[0])

    def forward(self, z, side=None):
        return self.decoder(z) + self.linear(side)


@pytest.fixture(scope="module")
def beside():
    return quick(backbone=Skip(), max_epochs=300, latent_dim=1, validation_fraction=0).fit(X)


def test_a_decoder_may_see_the_input(beside):
    """One latent cannot carry two factors: what is reconstructed came past the bottleneck."""
    assert beside.evaluate(X)["r2"] > 0.99
    assert quick(backbone=MLP(hidden=()), max_epochs=300, latent_dim=1).fit(X).evaluate(X)["r2"] < 0.98
    assert beside.transform(X).shape == (60, 1)
    assert np.isfinite(beside.score_samples(X)).all()


def test_scores_see_the_input_too(beside):
    nll = 0.5 * ((X - beside.reconstruct(X)) ** 2 + np.log(2 * np.pi)).sum(1)
    assert np.allclose(beside.score_samples(X), -nll, atol=1e-4)


@pytest.mark.parametrize(
    ("verb", "use"),
    [
        ("inverse_transform", lambda ae: ae.inverse_transform(ae.transform(X))),
        ("sample", lambda ae: ae.sample(3)),
        ("interpolate", lambda ae: ae.interpolate(X[0], X[1])),
        ("traverse", lambda ae: ae.traverse(X[0])),
    ],
)
def test_verbs_that_have_only_codes_refuse(beside, verb, use, refused):
    with refused(verb, "input", "use reconstruct"):
        use(beside)


# Discrete codes -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rounding:
    """Codes rounded to whole numbers −m … m (straight through), each costing ln(2m+1) nats."""

    m: int = 3

    def build(self, shapes: Shapes) -> nn.Module:
        return _Rounding(self.m, shapes)


class _Rounding(nn.Module):
    def __init__(self, m, shapes):
        super().__init__()
        self.m = m
        self.linear = nn.Linear(shapes.hidden[0], shapes.latent_dim)

    def forward(self, h, gen=None):
        a = self.linear(h).tanh() * self.m
        z = a + (a.round() - a).detach()
        rate = torch.full_like(z[:, 0], z.shape[1] * float(np.log(2 * self.m + 1)))
        return Code(z=z, mean=z, rate=rate, loss={}, indices=(a.round() + self.m).long())

    def from_indices(self, i):
        return i.to(self.linear.weight) - self.m


def test_discrete_codes_are_carried():
    ae = quick(bottleneck=Rounding(), max_epochs=30).fit(X)
    net = ae.net_
    with torch.no_grad():
        code = net.encode(torch.as_tensor(X, dtype=torch.float32))
    assert code.indices.dtype == torch.int64 and code.indices.min() >= 0 and code.indices.max() <= 6
    assert torch.allclose(net.bottleneck.from_indices(code.indices), code.z)
    assert np.array_equal(ae.transform(X), ae.transform(X).round())


def test_a_rate_enters_every_score():
    ae = quick(bottleneck=Rounding()).fit(X)
    nll = 0.5 * ((X - ae.reconstruct(X)) ** 2 + np.log(2 * np.pi)).sum(1)
    assert np.allclose(ae.score_samples(X), -nll - 2 * np.log(7), atol=1e-4)
    assert ae.evaluate(X)["rate"] == pytest.approx(2 * np.log(7), rel=1e-6)


def test_a_bottleneck_without_a_prior_is_sampled_from_its_training_codes():
    assert quick(bottleneck=Rounding()).fit(X).sample(9).shape == (9, 5)


@dataclass(frozen=True)
class Grid:
    """A code with a shape of its own: latent_dim numbers as two rows."""

    def code_shape(self, latent_dim):
        return (2, latent_dim // 2)

    def build(self, shapes: Shapes) -> nn.Module:
        assert shapes.code == (2, shapes.latent_dim // 2)
        return _Grid(shapes)


class _Grid(nn.Module):
    def __init__(self, shapes):
        super().__init__()
        self.linear, self.code = nn.Linear(shapes.hidden[0], shapes.latent_dim), shapes.code

    def forward(self, h, gen=None):
        z = self.linear(h).unflatten(1, self.code)
        return Code(z=z, mean=z, rate=None, loss={})


def test_codes_with_a_shape_are_flattened_for_the_user():
    ae = quick(bottleneck=Grid(), latent_dim=4).fit(X)
    assert ae.transform(X).shape == (60, 4)
    assert np.allclose(ae.inverse_transform(ae.transform(X)), ae.reconstruct(X), atol=1e-5)
    assert ae.sample(3).shape == (3, 5) and np.isfinite(ae.score(X))


# The hooks of the loop ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Recorder:
    """A penalty of nothing, whose module writes down how it was called."""

    log: list

    def build(self, shapes: Shapes) -> nn.Module:
        return _Recorder(self.log)


class _Recorder(nn.Module):
    def __init__(self, log):
        super().__init__()
        self.log = log

    def forward(self, net, p):
        return torch.zeros_like(p.code.mean[:, 0])

    def tie(self, net):
        self.log.append(("tie", net))

    def prepare(self, net, source, gen):
        self.log.append(("prepare", net, len(source), source.head(7).shape, isinstance(gen, torch.Generator)))

    def on_step(self, net, step, total):
        self.log.append(("on_step", step, total, net.training))

    def on_epoch(self, net, epoch):
        self.log.append(("on_epoch", epoch))


def test_hooks_are_called_with_the_right_arguments_at_the_right_times():
    log = []
    ae = quick(penalties=(Recorder(log),), max_epochs=2, batch_size=20, validation_fraction=0).fit(X)
    assert log[0] == ("tie", ae.net_), "once, when the net is assembled"
    assert log[1] == ("prepare", ae.net_, 60, (7, 5), True), "once, before the first step"
    steps = [("on_step", step, 6, True) for step in range(1, 7)]
    assert log[2:] == [*steps[:3], ("on_epoch", 1), *steps[3:], ("on_epoch", 2)]


@dataclass(frozen=True)
class WarmStart:
    """A bottleneck that starts at the principal plane of the rows it is given."""

    def build(self, shapes: Shapes) -> nn.Module:
        return _WarmStart(shapes)


class _WarmStart(nn.Module):
    def __init__(self, shapes):
        super().__init__()
        self.linear = nn.Linear(shapes.hidden[0], shapes.latent_dim)

    def prepare(self, net, source, gen):
        rows = source.head(1000)
        _, _, v = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
        with torch.no_grad():
            self.linear.weight.copy_(v[: len(self.linear.weight)])
            self.linear.bias.zero_()
            net.decoder.layers[-1].weight.copy_(self.linear.weight.T)

    def forward(self, h, gen=None):
        z = self.linear(h)
        return Code(z=z, mean=z, rate=None, loss={})


def test_a_start_may_depend_on_the_data():
    choices = {"backbone": MLP(hidden=()), "max_epochs": 1, "learning_rate": 1e-6}
    assert quick(bottleneck=WarmStart(), **choices).fit(X - X.mean(0)).evaluate(X - X.mean(0))["r2"] > 0.99
    assert quick(**choices).fit(X - X.mean(0)).evaluate(X - X.mean(0))["r2"] < 0.9


def test_throw_away_parts_keep_the_contract():
    for part in (
        TypedInput(),
        TypedLikelihood(),
        Skip(),
        Rounding(),
        Grid(),
        Recorder([]),
        WarmStart(),
        Vectors(),
    ):
        assert isinstance(part, Part)
    assert Fitted.__dataclass_params__.frozen


# Callbacks ----------------------------------------------------------------------------------------


class Diary:
    def __init__(self, stop_after=None):
        self.entries, self.stop_after = [], stop_after

    def on_fit_start(self, state):
        self.entries.append(("start", len(state.history), state.net, state.settings.max_epochs))

    def on_epoch_end(self, state):
        self.entries.append(("epoch", len(state.history), dict(state.history[-1])))
        state.stop = len(state.history) == self.stop_after

    def on_fit_end(self, state):
        self.entries.append(("end", len(state.history)))


class OnlyEpochs:
    def __init__(self):
        self.calls = 0

    def on_epoch_end(self, state):
        self.calls += 1


def test_callbacks_see_the_fit():
    diary, partial = Diary(), OnlyEpochs()
    ae = quick(callbacks=(diary, partial), max_epochs=3).fit(X)
    assert diary.entries[0] == ("start", 0, ae.net_, 3)
    assert [entry[:2] for entry in diary.entries[1:]] == [
        ("epoch", 1),
        ("epoch", 2),
        ("epoch", 3),
        ("end", 3),
    ]
    assert [entry[2] for entry in diary.entries[1:-1]] == ae.history_
    assert partial.calls == 3, "a callback has the methods it wants"
    assert {"epoch", "loss", "nll", "val_loss", "learning_rate", "seconds"} <= set(ae.history_[0])


def test_a_callback_may_stop_the_fit():
    diary = Diary(stop_after=2)
    ae = quick(callbacks=(diary,), max_epochs=50).fit(X)
    assert len(ae.history_) == 2
    assert diary.entries[-1] == ("end", 2)
