"""A row's answer does not depend on its company, whatever the network; nothing else changes either."""

import copy
import gc
import pickle
import threading

import numpy as np
import pytest
import torch
from torch import nn

import narrows as nw
from narrows.tasks import products, runner
from narrows.tasks.chunks import through
from narrows.tasks.runner import ALONE, CHUNK, LARGEST

SIZES = [1, 2, 3, 17, 255, 256, 257, 1000]
VERBS = ["transform", "reconstruct", "score_samples"]


def rows(n, shape, dtype=np.float32):
    return np.random.default_rng(0).random((n, *shape)).astype(dtype)


def fitted(recipe, precision="float32", **keywords):
    shape = (12, 10) if "convolutional" in recipe else (90,)
    ae = getattr(nw.recipes, recipe)(7, max_epochs=1, precision=precision, **keywords)
    return ae.fit(rows(70, shape)), shape


def assert_rows_stand_alone(ae, X):
    for verb in VERBS:
        answer = getattr(ae, verb)
        whole = answer(X)
        assert len(whole) == len(X)
        for n in SIZES:
            for start in (0, 5, len(X) - n):
                assert np.array_equal(answer(X[start : start + n]), whole[start : start + n]), (
                    verb,
                    n,
                    start,
                )
    if ae.net_.side is not None:  # the decoder wants more than codes
        return
    codes = ae.transform(X)
    back = ae.inverse_transform(codes)
    for n in SIZES:
        assert np.array_equal(ae.inverse_transform(codes[:n]), back[:n]), n


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("recipe", nw.recipes.__all__)
def test_the_same_bits_in_any_batch(recipe, precision):
    ae, shape = fitted(recipe, precision)
    assert_rows_stand_alone(ae, rows(LARGEST + 300, shape))


@pytest.mark.parametrize("features", [784, 3, 1])
def test_the_same_bits_by_either_library(features, monkeypatch):
    monkeypatch.setattr(products, "_mkl_holds_back", lambda: True)
    monkeypatch.setattr(products, "WORTHWHILE", 1)
    ae = nw.recipes.deep(3, hidden=(40, 30), max_epochs=1).fit(rows(70, (features,)))
    assert_rows_stand_alone(ae, rows(1000, (features,)))


def test_the_libraries_agree(monkeypatch):
    ae, _ = fitted("deep")
    X = rows(300, (90,))
    mine = ae.transform(X)
    monkeypatch.setattr(products, "_mkl_holds_back", lambda: True)
    monkeypatch.setattr(products, "WORTHWHILE", 1)
    again = copy.deepcopy(ae)
    assert np.allclose(again.transform(X), mine, rtol=1e-5, atol=1e-6)
    assert runner.runner(again.fitted_).onednn == products._available()


def test_long_and_narrow_layers_go_to_onednn():
    faster = products.faster
    assert faster(torch.zeros(64, 784)) and faster(torch.zeros(784, 32))
    assert not faster(torch.zeros(8, 100)) and not faster(torch.zeros(64, 784, dtype=torch.float64))


class Skipping(nn.Module):
    """Batch normalisation, and a value kept from the encoder for the decoder."""

    def __init__(self, a, b, kept):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b), nn.Tanh())
        self.kept, self.writes = kept, a > b

    def forward(self, x):
        h = self.layers(x)
        if self.writes:
            self.kept.append(h)
            return h
        return h + self.kept.pop().mean(1, keepdim=True) if self.kept else h


def test_networks_of_ones_own_are_run_one_chunk_at_a_time():
    kept = []
    ae = nw.Autoencoder(5, backbone=(Skipping(40, 5, kept), Skipping(5, 40, kept)), max_epochs=1)
    ae.fit(rows(60, (40,)))
    torch.set_num_threads(2)
    try:
        found = runner.runner(ae.fitted_)
        assert not found.ours and found.threads(10**9)[0] == 1
    finally:
        torch.set_num_threads(1)
    X = rows(600, (40,))
    for verb in (ae.transform, ae.reconstruct):
        whole = verb(X)
        assert np.array_equal(verb(X[:3]), whole[:3]) and np.array_equal(verb(X[300:317]), whole[300:317])


def test_a_network_whose_bits_depend_on_the_batch_gets_one_size():
    class Counting(nn.Linear):
        def forward(self, x):
            return super().forward(x) + 1e-6 * len(x)

    ae = nw.Autoencoder(3, backbone=(Counting(6, 3), nn.Linear(3, 6)), max_epochs=1).fit(rows(60, (6,)))
    X = rows(500, (6,))
    whole = ae.transform(X)
    assert runner.runner(ae.fitted_)._sizes["encode"] == (ALONE,)
    assert all(np.array_equal(ae.transform(X[:n]), whole[:n]) for n in SIZES if n <= len(X))


@pytest.mark.parametrize("n", [3, 16, 64, 600])
@pytest.mark.parametrize("encoder", [nn.ReLU(inplace=True), nn.Identity()], ids=str)
def test_rows_are_never_written_to(n, encoder):
    X = rows(n, (6,)) - 0.5
    ae = nw.Autoencoder(6, backbone=(encoder, nn.Linear(6, 6)), scale=None, max_epochs=1).fit(X)
    before = X.copy()
    codes = ae.transform(X)
    ae.reconstruct(X)
    codes[:] = 9
    assert np.array_equal(X, before)
    X[0, 0] = -np.inf  # which the first layer turns into 0
    with pytest.raises(ValueError, match="infinity"):
        ae.transform(X)


# Several chunks at once


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.fixture
def eager(monkeypatch):
    """Helpers even for little work."""
    monkeypatch.setattr(runner, "SMALL", 0.0)
    monkeypatch.setattr(runner, "LARGEST", 64)


@pytest.mark.parametrize("recipe", ["vanilla", "variational", "topk", "convolutional"])
def test_chunks_at_once_answer_like_one_after_the_other(recipe, two_threads, eager):
    ae, shape = fitted(recipe)
    X = rows(1000, shape)
    assert runner.runner(ae.fitted_).threads(len(X)) == (2, 1)
    together = [getattr(ae, verb)(X) for verb in VERBS]
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    assert all(np.array_equal(getattr(ae, verb)(X), a) for verb, a in zip(VERBS, together, strict=True))


@pytest.mark.parametrize("recipe", ["vanilla", "variational", "denoising_convolutional"])
def test_callers_at_once_get_their_own_answers(recipe, two_threads, eager):
    ae, shape = fitted(recipe)
    X = rows(400, shape)
    expected = {verb: getattr(ae, verb)(X) for verb in VERBS}
    fresh = copy.deepcopy(ae)  # which has to find everything out, with all asking at once
    wrong, began = [], threading.Barrier(6)

    def ask(seed):
        rng = np.random.default_rng(seed)
        began.wait()
        for _ in range(15):
            verb, n = VERBS[rng.integers(3)], rng.integers(1, 400)
            start = rng.integers(0, 400 - n)
            if not np.array_equal(
                getattr(fresh, verb)(X[start : start + n]), expected[verb][start : start + n]
            ):
                wrong.append((verb, start, n))

    callers = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


@pytest.mark.parametrize("at", [0, 130, 999])
def test_errors_in_any_chunk_come_out(at, two_threads, eager):
    ae, _ = fitted("vanilla")
    X = rows(1000, (90,))
    X[at, 4] = np.nan
    for verb in VERBS:
        with pytest.raises(ValueError, match=f"NaN at row {at}, column 4"):
            getattr(ae, verb)(X)
    calls = []

    def failing(x):
        calls.append(len(x))
        if len(calls) == 3:
            raise RuntimeError("the third chunk")
        return x[:, :1]

    with pytest.raises(RuntimeError, match="the third chunk"):
        through(ae.fitted_, rows(2000, (90,)), failing)
    assert torch.get_num_threads() == 2 and threading.active_count() == 1


# What is looked at, and what is left behind


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 20, 700])
def test_rows_that_are_not_finite_are_refused(value, dtype, n, monkeypatch, refused):
    monkeypatch.setattr(products, "WORTHWHILE", 1)  # the first layer's output is looked at instead
    ae = nw.recipes.vanilla(8, max_epochs=1).fit(rows(30, (600,)))
    assert runner.runner(ae.fitted_).onednn == products._available()
    X = rows(n, (600,), dtype)
    X[n // 2, 599] = value
    for verb in VERBS:
        with refused(f"row {n // 2}, column 599"):
            getattr(ae, verb)(X)


def test_rows_whose_sum_overflows_are_answered():
    ae = nw.Autoencoder(2, max_epochs=1, scale=None).fit(rows(30, (6,)))
    X = np.full((3, 6), 3e38, np.float32)
    assert ae.transform(X).shape == (3, 2)


def test_answers_follow_the_weights():
    ae, _ = fitted("deep")
    X = rows(300, (90,))
    ae.transform(X[:1])
    first = ae.net_.encoder.layers[1]
    before = ae.transform(X)
    first.weight.data.mul_(2)
    changed = ae.transform(X)
    assert not np.allclose(changed, before)
    with torch.no_grad():
        expected = ae.net_.encode(ae.fitted_.affine.forward(X, torch.float32)).mean.numpy()
    assert np.allclose(changed, expected, atol=1e-5)
    ae.net_.double()
    assert ae.transform(X.astype(np.float64)).dtype == np.float64
    assert runner.runner(ae.fitted_).dtype == torch.float64
    ae.net_.train()
    assert np.allclose(ae.transform(X), changed, atol=1e-5) and not ae.net_.training


def test_nothing_is_left_behind():
    ae, _ = fitted("variational")
    size, state = len(pickle.dumps(ae)), torch.get_rng_state()
    for verb in VERBS:
        getattr(ae, verb)(rows(5, (90,)))
    assert torch.equal(state, torch.get_rng_state()) and torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled() and torch.get_num_threads() == 1
    assert len(pickle.dumps(ae)) == size
    held = len(runner._runners)
    del ae
    gc.collect()
    assert len(runner._runners) < held


@pytest.mark.parametrize("turn", [lambda a: a[::-1], lambda a: a[:, ::2], np.asfortranarray, lambda a: a[1:]])
def test_rows_may_lie_in_memory_as_they_like(turn):
    whole = rows(601, (180,))
    X = turn(whole)
    ae = nw.Autoencoder(3, max_epochs=1).fit(X[:50])
    X.flags.writeable = False
    assert np.array_equal(ae.transform(X), ae.transform(np.array(X, order="C")))


def test_a_step_without_a_name_gets_chunks_of_one_size():
    ae, _ = fitted("linear")
    seen = []
    through(ae.fitted_, rows(300, (90,)), lambda x: seen.append(len(x)) or x[:, :1])
    assert seen == [CHUNK, CHUNK]
