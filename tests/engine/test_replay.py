"""Replayed steps are the plain ones, bit for bit, whatever the network is made of."""

import numpy as np
import pytest
import torch
from torch import nn

import narrows as nw
from narrows import bottlenecks, corruptions, likelihoods, penalties, priors
from narrows.backbones import MLP, Conv2d
from narrows.contracts import Batch
from narrows.engine import machine, solo, steps
from narrows.engine.plan import Program
from narrows.engine.record import Recorder, UnrepeatableError

RNG = np.random.default_rng(0)
X = RNG.random((90, 12)).astype(np.float32)
IMAGES = RNG.random((70, 8, 6)).astype(np.float32)

MODELS = {
    name: getattr(nw.recipes, name)(latent_dim=3)
    for name in nw.recipes.__all__
    # Linear recommenders are not trained; where zeros are passed over steps differ in how much there is.
    if name not in ("topk", "sparse", "ease", "edlae", "ease_hybrid", "mult_vae")
    and "convolutional" not in name
} | {
    "topk": nw.recipes.topk(latent_dim=20, k=4),
    "sparse": nw.recipes.sparse(latent_dim=20),
    "dropout": nw.Autoencoder(3, backbone=MLP((8, 6), activation="gelu", dropout=0.3)),
    "tied": nw.Autoencoder(3, backbone=MLP((8,), activation="tanh", tied=True)),
    "saltpepper": nw.Autoencoder(3, corruption=corruptions.SaltPepper(0.2), likelihood="laplace"),
    "masking": nw.Autoencoder(3, corruption=corruptions.Masking(0.3), likelihood="bernoulli"),
    "feature": nw.Autoencoder(3, likelihood=likelihoods.Normal(variance="feature")),
    "probes": nw.Autoencoder(3, backbone=MLP((8,), "tanh"), penalties=[penalties.Contractive(0.1, probes=2)]),
    "exact": nw.Autoencoder(3, backbone=MLP((8,), "tanh"), penalties=[penalties.Contractive(0.1)]),
    "free bits": nw.Autoencoder(3, bottleneck=bottlenecks.Gaussian(free_bits=0.5)),
    "warmup": nw.Autoencoder(3, bottleneck=bottlenecks.Gaussian(warmup=0.5)),
    "mixture": nw.Autoencoder(3, bottleneck=bottlenecks.Gaussian(prior=priors.Mixture(4))),
    "vamp": nw.Autoencoder(3, bottleneck=bottlenecks.Gaussian(prior=priors.Vamp(5))),
    "composite": nw.Autoencoder(3, bottleneck=bottlenecks.Gaussian(prior=priors.Composite())),
    "flow": nw.Autoencoder(3, bottleneck=bottlenecks.Gaussian(prior=priors.Flow(hidden=8))),
    "double": nw.recipes.variational(latent_dim=3, precision="float64"),
    "decay": nw.recipes.undercomplete(latent_dim=3, weight_decay=0.1),
}
CONVOLUTIONS = {
    "stride": nw.Autoencoder(3, backbone=Conv2d((4, 6))),
    "pool": nw.Autoencoder(3, backbone=Conv2d((4, 6), resample="pool", dropout=0.2)),
    "variational": nw.recipes.convolutional_variational(latent_dim=3),
}
SHORT = {"max_epochs": 3, "batch_size": 16, "patience": None}


def outcome(ae, X):
    ae = ae.fit(X)
    return [t.clone() for t in ae.net_.state_dict().values()], [
        {k: v for k, v in row.items() if k != "seconds"} for row in ae.history_
    ]


def both(ae, X, monkeypatch):
    """What replay and plain steps lead to, and the stepper that replayed."""
    seen = []
    make = solo.Replayed

    def noted(*args):
        seen.append(make(*args))
        return seen[-1]

    monkeypatch.setattr(solo, "Replayed", noted)
    fast = outcome(ae, X)
    monkeypatch.setattr(solo, "Replayed", lambda step, pace: step)
    return fast, outcome(ae, X), seen[0]


@pytest.mark.parametrize("name", [*MODELS, *(f"conv {name}" for name in CONVOLUTIONS)])
def test_replay_gives_the_bits_of_plain_steps(name, monkeypatch):
    conv = name.startswith("conv ")
    ae = CONVOLUTIONS[name[5:]] if conv else MODELS[name]
    fast, plain, stepper = both(ae.set_params(**SHORT), IMAGES if conv else X, monkeypatch)
    assert all(torch.equal(a, b) for a, b in zip(fast[0], plain[0], strict=True))
    assert fast[1] == plain[1]
    assert stepper.programs and all(stepper.programs.values()), "every batch shape was replayed"


def test_a_network_of_the_users_is_run_as_it_reads():
    class Counting(nn.Module):
        """Does something else every time, which a recording could not know."""

        def __init__(self):
            super().__init__()
            self.layer, self.calls = nn.Linear(12, 3), 0

        def forward(self, x):
            self.calls += 1
            return self.layer(x) * (1 + self.calls % 2)

    ae = nw.Autoencoder(3, backbone=(Counting(), nn.Linear(3, 12)), **SHORT).fit(X)
    assert ae.net_.encoder.module.calls > 3 * 5


def test_a_step_that_asks_for_a_value_cannot_be_recorded():
    with pytest.raises(UnrepeatableError), Recorder():
        float(torch.ones(3).sum())


def replayed(step, *inputs):
    """A function of tensors, recorded and then run on other ones."""
    with Recorder() as tape:
        out = step(*inputs)
    program = Program(tape.calls, inputs, out if isinstance(out, tuple) else (out,))

    def run(*given):
        for place, t in zip(program.inputs, given, strict=True):
            place.copy_(t)
        with torch.inference_mode():
            program()
        return [t.clone() for t in program.outputs]

    return run


CASES = {
    "views": lambda a, b: (a.t() @ b).t().reshape(-1)[2:7] * 2,
    "an operand is read twice, once transposed": lambda a, b: (a @ a.t()) * (a @ a.t()).t() + 1,
    "writes in place": lambda a, b: a.exp().add_(b).clamp_(max=3).mul_(2).sum(0),
    "a fresh tensor is written": lambda a, b: torch.zeros_like(a).index_add_(
        0, torch.tensor([0, 0, 2, 3]), b
    ),
    "constants": lambda a, b: a * torch.arange(4.0)[:, None] + torch.eye(4),
    "several results": lambda a, b: tuple(a.topk(2, dim=1)) + tuple(b.max(dim=0)),
    "lists": lambda a, b: torch.cat([a, b, torch.stack([a[0], b[1]])]).std(0),
    "an intermediate is the answer": lambda a, b: ((c := a + b), c * 2, c.view(-1).relu()),
    "unused work": lambda a, b: ((a - b).exp(), a.sum())[1],
    "splits": lambda a, b: torch.addcmul(*a.chunk(2)[0].split(1), b[:1]),
}


@pytest.mark.parametrize("name", CASES)
def test_programs_compute_what_was_recorded_on_new_data(name):
    gen = torch.Generator().manual_seed(0)
    first, *others = [[torch.randn(4, 4, generator=gen) for _ in range(2)] for _ in range(4)]
    run = replayed(CASES[name], *(t.clone() for t in first))
    for given in (*others, first):
        wanted = CASES[name](*(t.clone() for t in given))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        assert all(torch.equal(a, b) for a, b in zip(run(*given), wanted, strict=True))


def test_noise_goes_on_where_it_was():
    gen = torch.Generator().manual_seed(3)

    def noisy(a):
        return a + torch.empty_like(a).normal_(generator=gen) + torch.rand(4, generator=gen)

    a = torch.zeros(4)
    run = replayed(noisy, a)
    got = [run(a)[0] for _ in range(2)]
    gen.manual_seed(3)
    wanted = [noisy(torch.zeros(4)) for _ in range(3)]
    assert [torch.equal(x, y) for x, y in zip(got, wanted[1:], strict=True)] == [True, True]


def test_memory_is_used_again():
    """A long chain of operations needs two places, not one for each."""
    a = torch.randn(1000)

    def chain(a):
        for _ in range(20):
            a = a.sin().cumsum(0)
        return a

    with Recorder() as tape:
        out = chain(a)
    program = Program(tape.calls, [a], [out])
    places = {
        t.data_ptr() for s in program._steps for t in s.keywords.values() if isinstance(t, torch.Tensor)
    }
    assert len(places) <= 3


# What a recording is compared with, and what happens when it does not agree


class Sabotaged(Program):
    """Computes something else than was recorded."""

    def __call__(self):
        super().__call__()
        self.harm()

    def harm(self):
        for g in self.outputs[1:]:
            g.mul_(-1)


class OnOneThread(Sabotaged):
    def harm(self):
        if torch.get_num_threads() == 1:
            self.outputs[1].add_(1.0)


def stepper(monkeypatch, program=Program, most=2):
    """A replayed step of a small network, and the plain one beside it."""
    monkeypatch.setattr(steps, "Program", program)
    made = []
    for _ in range(2):
        ae = nw.recipes.undercomplete(2, max_epochs=1, precision="float64").fit(X)
        net = ae.net_.train()
        made.append(steps.Plain(net, torch.Generator().manual_seed(0)))
    return steps.Replayed(made[0], machine.Pace(most)), made[1]


def batch(start):
    return Batch(torch.from_numpy(X[start : start + 16]).double())


def test_a_program_with_wrong_gradients_is_not_used_and_leaves_the_right_ones(monkeypatch):
    fast, plain = stepper(monkeypatch, Sabotaged)
    for start in (0, 16, 32):
        values, grads = fast(batch(start))
        wanted, right = plain(batch(start))
        assert torch.equal(values, wanted)
        assert all(torch.equal(a, b) for a, b in zip(grads, right, strict=True))
    assert list(fast.programs.values()) == [None]


def test_gradients_that_depend_on_threads_bind_the_number_of_threads(monkeypatch):
    with machine.threads(2):
        fast, _ = stepper(monkeypatch, OnOneThread)
        for start in (0, 16, 32):
            fast(batch(start))
        assert all(fast.programs.values()) and not fast.free
        fast, _ = stepper(monkeypatch, Program)
        fast(batch(0))
        assert len(fast.free) == 1


def test_what_is_the_same_on_one_batch_is_tried_on_another(monkeypatch):
    class Stuck(Program):
        """Takes what it saw first for a constant."""

        def __call__(self):
            super().__call__()
            self.first = getattr(self, "first", [t.clone() for t in self.outputs])
            for t, first in zip(self.outputs, self.first, strict=True):
                t.copy_(first)

    fast, plain = stepper(monkeypatch, Stuck, most=1)
    for start in (0, 16, 32):
        values, _ = fast(batch(start))
        assert torch.equal(values, plain(batch(start))[0])
    assert list(fast.programs.values()) == [None]


# Callbacks that change more than numbers


class Between:
    """Does something to the net at the end of the second epoch."""

    def __init__(self, action):
        self.action, self.kl = action, []

    def on_epoch_end(self, state):
        self.kl.append(state.history[-1].get("kl"))
        if len(state.history) == 2:
            self.action(state.net)


def changed(action, **choices):
    look = Between(action)
    ae = nw.recipes.variational(
        2, backbone=MLP((6,)), max_epochs=5, patience=None, callbacks=[look], **choices
    )
    return ae.fit(X), look


def test_a_callback_may_change_a_number_that_was_recorded():
    _, look = changed(lambda net: setattr(net.bottleneck, "beta", 0.0))
    assert all(look.kl[:2]) and not any(look.kl[2:])


def test_a_callback_may_give_a_parameter_other_memory():
    def replace(net):
        for p in net.parameters():
            p.data = p.data.clamp(min=0)

    ae, _ = changed(replace)
    again, _ = changed(lambda net: [p.data.clamp_(min=0) for p in net.parameters()])
    pairs = zip(ae.net_.state_dict().values(), again.net_.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert any((p < 0).any() for p in ae.net_.parameters()), "training went on"


def test_a_callback_may_freeze_layers():
    seen = {}

    def freeze(net):
        net.encoder.requires_grad_(False)
        seen["encoder"] = [p.clone() for p in net.encoder.parameters()]
        seen["decoder"] = [p.clone() for p in net.decoder.parameters()]

    ae, _ = changed(freeze, validation_fraction=0)
    for name, same in (("encoder", True), ("decoder", False)):
        now = list(getattr(ae.net_, name).parameters())
        assert all(torch.equal(a, b) for a, b in zip(seen[name], now, strict=True)) is same


def test_a_callback_may_hook_into_the_net():
    calls = []
    ae, _ = changed(lambda net: net.decoder.register_forward_hook(lambda *_: calls.append(1)), batch_size=16)
    assert len(calls) >= 3 * 5 and ae.history_
