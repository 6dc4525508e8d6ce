"""Encoder and decoder in turns: who learns when, to the bit, however training is run, stopped and resumed."""

import copy
import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse
import torch

import narrows as nw
from narrows.backbones import MLP, Alternating, Conv1d, Dense
from narrows.bottlenecks import Gaussian
from narrows.contracts import Shapes
from narrows.engine import solo
from narrows.engine.stack import agree
from narrows.inputs import Vectors
from narrows.likelihoods import Normal
from narrows.net import Net
from narrows.numerics import generator, seeded
from narrows.priors import Composite
from narrows.sources import Memory
from narrows.spec import Spec

X = np.random.default_rng(0).normal(size=(64, 2)) @ np.random.default_rng(1).normal(size=(2, 6))


class Weights:
    """The weights at the end of every epoch."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, state):
        self.seen.append({n: p.detach().clone() for n, p in state.net.named_parameters()})


def model(**choices):
    settings = {"max_epochs": 8, "batch_size": 16, "patience": None, "validation_fraction": 0.25}
    backbone = Alternating(MLP((8,)), encoder=3, decoder=1)
    parts = {"backbone": backbone, "bottleneck": Gaussian(), "likelihood": Normal(variance="shared")}
    return nw.Autoencoder(2, **(settings | parts | choices))


def state(ae):
    return {k: v.clone() for k, v in ae.net_.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_only_those_whose_turn_it_is_are_trained():
    look = Weights()
    model(callbacks=[look]).fit(X)
    for epoch, (before, after) in enumerate(itertools.pairwise(look.seen), 2):
        decoding = epoch % 4 == 0
        for name in after:
            is_decoders = name.startswith(("decoder.", "likelihood."))
            moved = not torch.equal(before[name], after[name])
            assert moved == (is_decoders == decoding), (epoch, name)


def test_callbacks_that_look_change_nothing():
    assert same(state(model().fit(X)), state(model(callbacks=[Weights()]).fit(X)))


@pytest.mark.parametrize("choices", [{}, {"weight_decay": 0.1}, {"precision": "float64"}])
def test_replay_gives_the_bits_of_plain_steps(choices, monkeypatch):
    seen, make = [], solo.Replayed

    def noted(*given):
        seen.append(make(*given))
        return seen[-1]

    monkeypatch.setattr(solo, "Replayed", noted)
    fast = model(**choices).fit(X)
    monkeypatch.setattr(solo, "Replayed", lambda step, pace: step)
    plain = model(**choices).fit(X)
    assert same(state(fast), state(plain))
    assert len(seen) == 2, "one for each side"
    assert all(stepper.programs and all(stepper.programs.values()) for stepper in seen)


def test_same_seed_same_bits():
    assert same(state(model().fit(X)), state(model().fit(X)))
    assert not same(state(model().fit(X)), state(model(random_state=1).fit(X)))


def test_each_side_has_one_optimiser_that_waits(monkeypatch):
    made, make = [], solo.Adam

    def noted(*given):
        made.append(make(*given))
        return made[-1]

    monkeypatch.setattr(solo, "Adam", noted)
    model().fit(X)
    assert [int(adam.count) for adam in made] == [6 * 3, 2 * 3], "steps: 48 rows in batches of 16"


def test_weights_that_were_put_back_begin_anew():
    spec = Spec.resolved(Vectors(), None, Alternating(MLP((4,))), None, None, ())
    with seeded(0):
        net = Net(spec, Shapes(row=(6,), latent_dim=2))
    rows = Memory(torch.as_tensor(X, dtype=torch.float32))
    engine = solo.Solo(net, rows, None, size=32, total=100, seed=0)
    for _ in range(4):
        engine.epoch([0.01] * 2)
    before = [p.detach().clone() for p in net.parameters()]
    engine.restart()
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert not engine.waiting and not engine.adam.count
    for turn in (False, False, False, True):
        was = copy.deepcopy(net.state_dict())
        engine.epoch([0.01] * 2)
        moved = {k for k, v in net.state_dict().items() if not torch.equal(v, was[k])} - {"encoder.done"}
        assert moved and all(k.startswith("decoder.") is turn for k in moved)
    engine.close()


def test_a_callback_may_change_the_side_that_waits():
    """What it makes of those weights is where they go on from, and what the others see."""

    class Zero:
        def on_epoch_end(self, state):
            if len(state.history) == 4:
                state.net.encoder.requires_grad_(False)
                for p in state.net.encoder.parameters():
                    p.data = torch.zeros_like(p)

    ae = model(callbacks=[Zero()]).fit(X)
    assert not any(p.any() for p in ae.net_.encoder.parameters())


def test_the_monitor_is_the_same_whoevers_turn_it_is():
    net, rows = model().fit(X).net_, Memory(torch.as_tensor(X, dtype=torch.float32))
    values = []
    for net.encoder.decoding in (True, False):
        values.append(solo.monitor(net, rows, 0))
    assert values[0] == values[1]


def test_what_the_encoder_learns_from_is_dropped_and_what_the_decoder_learns_from_is_not():
    shapes = Shapes(row=(6,), latent_dim=2, input=(6,), code=(2,))
    encoder, _ = Alternating(MLP(()), dropout=0.5).build(shapes)
    x = torch.ones(4000, 6)
    encoder.dropout.gen = generator(0)
    seen = encoder(x)
    assert set(seen.unique().tolist()) == {0.0, 2.0} and abs(float(seen.mean()) - 1) < 0.02
    encoder.decoding = True
    assert torch.equal(encoder(x), x)
    encoder.decoding, encoder.dropout.gen = False, None
    assert torch.equal(encoder(x), x), "and nothing is dropped where nothing is trained"


def test_more_training_takes_up_the_round_from_memory_or_a_file(tmp_path):
    ae = model(max_epochs=3, bottleneck=Gaussian(prior=Composite(every=4)), validation_fraction=0).fit(X)
    ae.save(tmp_path / "m.safetensors")
    before = state(ae)
    again = nw.load(tmp_path / "m.safetensors")
    assert np.array_equal(again.transform(X), ae.transform(X))
    more = [one.set_params(warm_start=True, max_epochs=1).fit(X) for one in (ae, again)]
    after = state(more[0])
    assert same(after, state(more[1]))
    assert int(after["encoder.done"]) == 4
    trained = {k for k in after if not torch.equal(before[k], after[k])}
    assert {k for k in trained if k.startswith(("encoder.network", "bottleneck.project"))} == set()
    assert {k for k in trained if k.startswith("decoder.")}


def test_rows_in_parts_reach_both_sides():
    ae = model()
    states = [state(ae.partial_fit(X)) for _ in range(4)]
    assert torch.equal(states[1]["decoder.layers.0.weight"], states[2]["decoder.layers.0.weight"])
    assert not torch.equal(states[2]["decoder.layers.0.weight"], states[3]["decoder.layers.0.weight"])
    assert all(torch.equal(states[2][k], states[3][k]) for k in states[2] if k.startswith("encoder.network"))


def test_beside_others_each_is_trained_as_alone():
    """Their turns do not go together."""
    models = [model(random_state=seed, validation_fraction=0) for seed in (0, 1)]
    assert not agree(*(m.fit(X).net_ for m in models))
    together = nw.fit_many([model(random_state=seed, validation_fraction=0) for seed in (0, 1)], X)
    assert all(same(state(m), state(t)) for m, t in zip(models, together, strict=True))


@dataclass(frozen=True)
class Overlapping:
    """A penalty of nothing, whose module lets all weights be trained in odd epochs, the decoder's in even ones."""

    def build(self, shapes):
        return _Overlapping()


class _Overlapping(torch.nn.Module):
    replayable = True

    def __init__(self):
        super().__init__()
        self.epochs = 0

    def turn(self, net):
        self.epochs += 1
        names = {name for name, _ in net.named_parameters()}
        asked = self.epochs - 1  # once before the first epoch, too
        return names if asked % 2 else {name for name in names if name.startswith("decoder.")}

    def forward(self, net, p):
        return p.code.mean.new_zeros(())


def test_sets_that_overlap_begin_anew(monkeypatch):
    def fitted():
        look = Weights()
        model(backbone=MLP((8,)), penalties=(Overlapping(),), max_epochs=5, callbacks=[look]).fit(X)
        return look.seen

    fast = fitted()
    for epoch, (before, after) in enumerate(itertools.pairwise(fast), 2):
        moved = {name for name in after if not torch.equal(before[name], after[name])}
        assert any(name.startswith("decoder.") for name in moved)
        assert any(name.startswith("encoder.") for name in moved) is (epoch % 2 == 1)
    monkeypatch.setattr(solo, "Replayed", lambda step, pace: step)
    assert all(same(a, b) for a, b in zip(fast, fitted(), strict=True))


def test_it_learns():
    figures = model(max_epochs=200, backbone=Alternating(MLP((8,)), dropout=0.0)).fit(X).evaluate(X)
    assert figures["r2"] > 0.7


def test_sparse_rows_go_through_the_recipe():
    R = scipy.sparse.csr_array((np.random.default_rng(0).random((60, 30)) < 0.2).astype(float))
    ae = nw.recipes.rec_vae(4, hidden=8, max_epochs=4).fit(R)
    assert ae.transform(R).shape == (60, 4) and np.isfinite(ae.score_samples(R)).all()


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"backbone": "mlp"}, "'mlp'"),
        ({"backbone": MLP}, "MLP"),
        ({"encoder": 0}, "encoder=0"),
        ({"decoder": 1.5}, "decoder=1.5"),
        ({"dropout": 1}, "dropout=1"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments, given, refused):
    with refused(given):
        Alternating(**arguments)


def test_it_stands_for_the_backbone_within():
    assert Alternating(Conv1d()).signals and not Alternating(Dense()).signals
    assert Alternating(Dense()).side is None
