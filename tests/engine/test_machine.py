"""Threads and precision: chosen for speed, given back afterwards."""

import numpy as np
import pytest
import torch
from torch import nn

import narrows as nw
from narrows.backbones import MLP
from narrows.engine import machine

RNG = np.random.default_rng(0)
X = RNG.random((300, 40)).astype(np.float32)


def settle(pace, cost, steps=200):
    """Let the pace see what each number of threads costs."""
    for _ in range(steps):
        pace.lap(cost[pace.threads])
    return pace.threads


@pytest.mark.parametrize(
    ("cost", "best"), [({1: 1.0, 2: 0.7}, 2), ({1: 1.0, 2: 10.0}, 1), ({1: 1.0, 2: 1.1}, 1)]
)
def test_the_faster_number_of_threads_is_kept(cost, best):
    assert settle(machine.Pace(2), cost) == best


def test_it_is_asked_again_when_cores_become_busy_or_quiet(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(machine.time, "perf_counter", lambda: now[0])
    pace = machine.Pace(2)

    def run(cost, seconds):
        end, used = now[0] + seconds, []
        while now[0] < end:
            used.append(pace.threads)
            now[0] += cost[pace.threads]
            pace.lap(cost[pace.threads])
        return used

    run({1: 0.01, 2: 0.006}, 3)
    assert pace.threads == 2
    used = run({1: 0.01, 2: 0.1}, 10)
    assert used.count(2) < 0.1 * len(used), "a hopeless trial is short"
    run({1: 0.01, 2: 0.006}, 5)
    assert run({1: 0.01, 2: 0.006}, 10).count(1) < 200


def test_one_thread_stays_one():
    assert settle(machine.Pace(1), {1: 1.0}) == 1


@pytest.mark.parametrize(("rows", "fixed", "most"), [(1, 1, 1), (10**6, 1, 2), (10**8, 2, 2)])
def test_small_steps_get_one_thread(rows, fixed, most):
    net = nw.Autoencoder(2, backbone=MLP(()), max_epochs=1).fit(X[:, :4]).net_  # 16 multiply-adds a row
    with machine.threads(2):
        pace = machine.pace_for(net, rows)
    assert (pace.fixed, pace.most) == (fixed, most)


def test_threads_come_back():
    with machine.threads(2):
        with pytest.raises(KeyError), machine.threads(1):
            assert torch.get_num_threads() == 1
            raise KeyError
        with machine.threads():
            torch.set_num_threads(1)
        assert torch.get_num_threads() == 2


def test_threads_and_products_are_given_back_whatever_happens(monkeypatch):
    monkeypatch.setattr(machine, "_has_bfloat16", lambda: hasattr(torch.backends.mkldnn, "matmul"))
    monkeypatch.setattr(machine, "LARGE_PRODUCT", 0.0)
    monkeypatch.setattr(machine, "SMALL", 0.0)
    matmul = getattr(torch.backends.mkldnn, "matmul", None)
    before = torch.get_num_threads(), matmul and matmul.fp32_precision

    class Fail:
        def on_epoch_end(self, state):
            raise KeyError

    nw.Autoencoder(2, max_epochs=2).fit(X)
    with pytest.raises(KeyError):
        nw.Autoencoder(2, max_epochs=2, callbacks=[Fail()]).fit(X)
    assert (torch.get_num_threads(), matmul and matmul.fp32_precision) == before


def test_rounding_products_is_for_large_ones_and_only_if_auto(monkeypatch):
    monkeypatch.setattr(machine, "_has_bfloat16", lambda: True)
    small = nw.Autoencoder(2, backbone=MLP((8,)), max_epochs=1).fit(X).net_
    large = nn.Sequential(nn.Linear(512, 512), nn.Linear(512, 512))
    assert not machine.rounds_products(small, 256, "auto")
    assert machine.rounds_products(large, 256, "auto")
    assert not machine.rounds_products(large, 8, "auto")
    assert not machine.rounds_products(large, 256, "float32")
    assert not machine.rounds_products(large.double(), 256, "float64")
    monkeypatch.setattr(machine, "_has_bfloat16", lambda: False)
    assert not machine.rounds_products(large, 256, "auto")


@pytest.mark.skipif(not machine._has_bfloat16(), reason="this processor has no bfloat16 instructions")
@pytest.mark.slow
def test_rounded_products_lead_to_the_same_loss():
    """Within what seeds differ by (2%), over four of them."""
    rng = np.random.default_rng(0)
    X = 1 / (1 + np.exp(-rng.normal(size=(3000, 8)) @ rng.normal(size=(8, 400))))
    ratios = []
    for seed in range(4):
        how = {"batch_size": 128, "max_epochs": 12, "patience": None, "random_state": seed}
        fits = [nw.recipes.deep(8, precision=p, **how).fit(X[:2500]) for p in ("auto", "float32")]
        rounded, exact = (ae.evaluate(X[2500:])["mse"] for ae in fits)
        assert rounded != exact, "the products were rounded"
        ratios.append(rounded / exact)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.02)


@pytest.mark.skipif(not hasattr(torch.backends.mkldnn, "matmul"), reason="this PyTorch has no such switch")
def test_the_switch_is_turned_back_by_the_last_one_out():
    switch = torch.backends.mkldnn.matmul
    before = switch.fp32_precision
    first, second = machine.rounded_products(True), machine.rounded_products(True)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert switch.fp32_precision == "bf16"
    second.__exit__(None, None, None)
    assert switch.fp32_precision == before


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads(monkeypatch):
    """Trials of thread numbers must not show in the weights."""
    monkeypatch.setattr(machine, "SMALL", 0.0)

    def weights(threads):
        with machine.threads(threads):
            ae = nw.recipes.variational(4, batch_size=64, max_epochs=5, patience=None).fit(X)
        return list(ae.net_.state_dict().values())

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))
