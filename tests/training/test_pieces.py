"""The pieces behind the loop, each on its own."""

import io
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from torch import nn

import narrows as nw
from narrows.contracts import Source
from narrows.numerics import generator
from narrows.sources import Memory
from narrows.training import Settings, devices, progress
from narrows.training.checkpoint import Best
from narrows.training.schedule import Schedule

# Schedule


@given(total=st.integers(1, 5000), peak=st.floats(1e-5, 1.0))
def test_the_rate_rises_once_and_then_falls(total, peak):
    schedule = Schedule(peak, total)
    rates = [schedule.rate(step) for step in range(schedule.end)]
    top = rates.index(max(rates))
    assert len(rates) == total
    assert max(rates) == pytest.approx(peak)
    assert all(rate > 0 for rate in rates)
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)
    assert schedule.rate(total) == 0 or total == 1


@given(total=st.integers(10, 5000), share=st.floats(0.05, 0.45))
def test_the_end_can_come_nearer_but_never_farther(total, share):
    schedule = Schedule(1.0, total)
    step = max(schedule.rise, int(share * total))
    before = schedule.rate(step)
    schedule.finish(step)
    assert step < schedule.end <= total
    assert schedule.rate(step) <= before
    assert schedule.rate(schedule.end - 1) < schedule.rate(step) or schedule.end - step <= 1
    assert schedule.cooling(step)
    end = schedule.end
    schedule.finish(step + 1)
    assert schedule.end == end, "once is enough"


# Checkpoint


def test_the_best_weights_are_kept_and_come_back():
    net = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    best = Best(net)
    for epoch, (value, fill) in enumerate([(3.0, 1.0), (1.0, 2.0), (2.0, 3.0), (math.nan, 4.0), (1.0, 5.0)]):
        for tensor in (*net.parameters(), *net.buffers()):
            tensor.data.fill_(fill)
        assert best.offer(value, epoch) == (epoch < 2)
    assert (best.value, best.epoch) == (1.0, 1)
    best.restore()
    assert {float(t) for t in net.state_dict().values()} == {2.0}, "parameters and buffers"


# Devices


def test_devices_by_name():
    assert devices.device("cpu") == torch.device("cpu")
    assert devices.device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "cpu:x", "meta7"])
def test_devices_that_are_not_there_are_refused(name, refused):
    with refused(repr(name), "'cpu'"):
        devices.device(name)


# Sources


@given(n=st.integers(1, 50), size=st.integers(1, 20), shuffled=st.booleans())
def test_batches_hold_every_row_once_and_never_one_alone(n, size, shuffled):
    source: Source = Memory(torch.arange(float(n))[:, None])
    batches = [batch.x[:, 0].clone() for batch in source.batches(size, generator(0) if shuffled else None)]
    seen = torch.cat(batches)
    assert sorted(seen.tolist()) == list(range(n)) and len(source) == n
    assert shuffled or torch.equal(seen, torch.arange(float(n)))
    assert all(len(batch) == size for batch in batches[:-1])
    assert len(batches[-1]) > 1 or n == 1 or size == 1
    assert len(batches[-1]) <= size + 1


def test_batches_keep_inputs_and_sides_beside_their_rows():
    x = torch.arange(10.0)[:, None]
    for batch in Memory(x, x_in=x + 100, side=-x).batches(3, generator(0)):
        assert torch.equal(batch.x_in, batch.x + 100) and torch.equal(batch.side, -batch.x)


def test_the_order_is_new_every_epoch_and_the_same_every_time():
    source = Memory(torch.arange(20.0)[:, None])

    def epochs(seed):
        gen = generator(seed)
        return [torch.cat([batch.x.clone() for batch in source.batches(6, gen)]) for _ in range(2)]

    first, again = epochs(0), epochs(0)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(*first)


# Progress


def test_a_bar_on_a_terminal():
    screen = io.StringIO()
    bar = progress.Bar(Console(file=screen, force_terminal=True, width=150, color_system=None))
    bar.start(4)
    for epoch in range(1, 5):
        bar.epoch({"epoch": epoch, "loss": 1.25, "val_loss": 2.5, "learning_rate": 0.01, "seconds": 0.1}, 4)
    bar.progress.refresh()
    bar.stop("done at last")
    shown = screen.getvalue()
    for words in ("epoch", "4/4", "loss 1.25", "validation 2.5", "rate 1.0e-02", "0:00:", "done at last"):
        assert words in shown


@pytest.mark.parametrize(
    ("verbose", "kind"), [(0, progress.Silent), (1, progress.Lines), (True, progress.Lines)]
)
def test_the_screen_suits_where_it_is(verbose, kind):
    assert isinstance(progress.reporter(verbose), kind)


# Settings


def test_precisions():
    got = [Settings(precision=precision).dtype for precision in ("auto", "float32", "float64")]
    assert got == [torch.float32, torch.float32, torch.float64]


@pytest.mark.parametrize("rows", [1, 10, 1000, 60_000, 10**7])
def test_an_automatic_batch_is_sensible(rows):
    assert 1 <= Settings().batch(rows) <= 1024
    assert Settings(batch_size=5).batch(rows) == 5


def test_an_automatic_rate_is_lower_for_deeper_networks_and_longer_fits():
    def rate(hidden, steps=100, **settings):
        ae = nw.Autoencoder(2, backbone=nw.backbones.MLP(hidden), max_epochs=1).fit(
            [[0.0, 1], [2, 3], [4, 5]]
        )
        return Settings(**settings).rate(ae.net_, steps)

    assert rate(()) > rate((4, 4, 4, 4)) > 0
    assert rate((), 5000) == rate(()) and rate((), 40_000) == pytest.approx(rate(()) / 2)
    assert rate((), 10**6, learning_rate=0.125) == 0.125


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_epochs": 0}, {"max_epochs": 2.5}, {"max_epochs": True}, {"max_epochs": "3"}, {"batch_size": 0},
        {"batch_size": "big"}, {"learning_rate": 0}, {"learning_rate": -1.0}, {"learning_rate": math.inf},
        {"learning_rate": math.nan}, {"learning_rate": "fast"}, {"weight_decay": -1}, {"patience": 0},
        {"patience": 1.5}, {"validation_fraction": 1.0}, {"validation_fraction": -0.1}, {"precision": "float16"},
        {"weight_decay": "much"}, {"validation_fraction": "some"},
    ],
    ids=repr,
)  # fmt: skip
def test_unusable_settings_are_refused(arguments, refused):
    ((name, value),) = arguments.items()
    with refused(f"{name}={value!r}"):
        Settings(**arguments)


def test_networks_side_by_side_share_one_screen():
    said = []

    class Told:
        def start(self, epochs):
            said.append(f"start {epochs}")

        def epoch(self, row, planned):
            said.append(f"epoch {row['epoch']}/{planned}")

        def stop(self, message):
            said.append(f"stop {message}")

    screen = progress.Several(Told(), 2)
    for _ in range(2):
        screen.start(3)
    for epoch in (1, 2):
        for _ in range(2):
            screen.epoch({"epoch": epoch}, 3)
    screen.stop("one ended")
    screen.epoch({"epoch": 3}, 3)
    screen.stop("all done")
    screen.close()
    assert said == [
        "start 3",
        "epoch 1/3",
        "epoch 2/3",
        "epoch 3/3",
        "stop 2 networks side by side, the last: all done",
    ]
    failed = progress.Several(Told(), 2)
    failed.start(3)
    failed.close()
    assert said[-1] == "stop stopped by an error"


def test_a_crowd_prints_one_line_for_an_epoch(capsys):
    X = np.random.default_rng(0).normal(size=(60, 4))
    nw.fit_many([nw.Autoencoder(2, max_epochs=3, random_state=s, verbose=1) for s in range(3)], X)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4 and lines[-1].startswith("3 networks side by side"), lines
