"""The optimiser and its guard, against torch's own and against what they promise."""

import math

import pytest
import torch
from torch import nn

from narrows.engine.adam import BETAS, SPIKE, Adam, DeviceGuard, Guard
from narrows.engine.blocks import decaying
from narrows.engine.solo import DeviceLedger, HostLedger

LEDGERS = [HostLedger, DeviceLedger]


def trained(dtype=torch.float32, ledger=HostLedger):
    weight = torch.zeros(1, 1, dtype=dtype)
    return weight, ledger(Adam([weight]))


def step(book, gradient, loss=1.0, rate=0.1):
    like = book.adam.params[0]
    book.step(torch.tensor([[loss]], dtype=like.dtype), [torch.full_like(like, gradient)], rate, 4)


@pytest.mark.parametrize("ledger", LEDGERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ordinary_steps_are_those_of_adam(dtype, ledger):
    weight, book = trained(dtype, ledger)
    other = nn.Parameter(torch.zeros(1, 1, dtype=dtype))
    adam = torch.optim.Adam([other], lr=0.1, betas=BETAS, fused=True)
    for gradient in (1.0, 0.5, -2.0, 1.5):
        step(book, gradient)
        other.grad = torch.full_like(other, gradient)
        adam.step()
        assert torch.equal(weight, other)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_weight_decay_is_that_of_adamw_and_for_matrices_alone(decay):
    torch.manual_seed(0)
    net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    other.load_state_dict(net.state_dict())
    ours = Adam(list(net.parameters()), decay, [decaying(*named) for named in net.named_parameters()])
    groups = [
        {"params": [other.weight], "weight_decay": decay},
        {"params": [other.bias], "weight_decay": 0.0},
    ]
    theirs = torch.optim.AdamW(groups, lr=0.05, betas=BETAS, fused=True)
    for _ in range(5):
        grads = [torch.randn_like(p) for p in net.parameters()]
        ours.step(grads, 0.05)
        for p, g in zip(other.parameters(), grads, strict=True):
            p.grad = g.clone()
        theirs.step()
    assert torch.equal(net.weight, other.weight) and torch.equal(net.bias, other.bias)


@pytest.mark.parametrize("ledger", LEDGERS)
def test_a_spike_is_clipped_to_a_multiple_of_the_usual_length(ledger):
    _, book = trained(ledger=ledger)
    for _ in range(50):
        step(book, 1.0)
    before = float(book.adam.first[0])
    step(book, 1000.0)
    assert float(book.adam.first[0]) == pytest.approx(BETAS[0] * before + (1 - BETAS[0]) * SPIKE, rel=1e-5)


@pytest.mark.parametrize("ledger", LEDGERS)
def test_a_scale_of_gradients_is_learned_whatever_it_is(ledger):
    """Nothing is clipped for being large, only for being much larger than before."""
    _, book = trained(ledger=ledger)
    for _ in range(5):
        step(book, 1e6)
    assert float(book.adam.second[0]) == pytest.approx(1e12 * (1 - BETAS[1] ** 5), rel=1e-4)


@pytest.mark.parametrize("ledger", LEDGERS)
@pytest.mark.parametrize(
    ("gradient", "loss"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.nan), (1.0, math.inf)]
)
def test_a_non_finite_step_leaves_everything_as_it_was(gradient, loss, ledger):
    weight, book = trained(ledger=ledger)
    step(book, 1.0, loss=3.0)
    adam = book.adam
    state = [weight, adam.count, *adam.first, *adam.second]
    before, norm = [t.clone() for t in state], float(book.guard.norm)
    step(book, gradient, loss)
    assert all(torch.equal(a, b) for a, b in zip(state, before, strict=True))
    assert float(book.guard.norm) == norm
    sums, rows, skipped = book.close()
    assert sums == [12.0] and rows == 4 and skipped == 0.5
    step(book, 1.0)
    assert not torch.equal(weight, before[0])


def test_both_guards_judge_alike():
    host, device = Guard(), DeviceGuard(torch.device("cpu"))
    for norm in (1.0, 2.0, 1.0, 80.0, math.nan, 3.0, 1e6, 0.5):
        divide = host.judge(1.0, norm)
        excess, bad = device.judge(torch.tensor(1.0), torch.tensor(norm))
        assert (divide == 0) == bool(bad)
        if divide:
            assert divide == pytest.approx(float(excess), rel=5e-3)  # the host's is rounded
        assert host.norm == pytest.approx(float(device.norm), rel=5e-3)
