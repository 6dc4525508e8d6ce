"""The loop of a PyTorch tutorial: ``TensorDataset``, ``DataLoader``, ``nn.Sequential``, Adam at 1e-3."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.speed import arrays, networks
from benchmarks.speed.contract import Case, Figures
from benchmarks.speed.quality import Clock, Race, mse

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "linear": nn.Identity}


def sequential(stack: networks.Stack) -> nn.Sequential:
    layers: list[nn.Module] = []
    for (a, b), follows in zip(stack.shapes, stack.activations, strict=True):
        layers += [nn.Linear(a, b), ACTIVATIONS[follows]()]
    return nn.Sequential(*layers)


def convolutional(side: int, code: int) -> nn.Sequential:
    """The layers of Narrows' ``convolutional`` recipe on square images of one channel."""
    half, quarter = (side + 1) // 2, ((side + 1) // 2 + 1) // 2
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * quarter**2, code),
        nn.Linear(code, 32 * quarter**2), nn.ReLU(),
        nn.Unflatten(1, (32, quarter, quarter)),
        nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=half - 2 * quarter + 1), nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 3, stride=2, padding=1, output_padding=side - 2 * half + 1), nn.Sigmoid(),
    )  # fmt: skip


def loop(
    net: nn.Module, train: torch.Tensor, batch: int, epochs: int, after: Callable[[], bool] | None = None
) -> None:
    """Train; ``after`` is called after every epoch and ends training by answering True."""
    loader = DataLoader(TensorDataset(train), batch_size=batch, shuffle=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    criterion = nn.MSELoss()
    for _ in range(epochs):
        net.train()
        for (x,) in loader:
            optimizer.zero_grad()
            loss = criterion(net(x), x)
            loss.backward()
            optimizer.step()
        if after is not None and after():
            return


@torch.no_grad()
def answers(net: nn.Module, rows: torch.Tensor) -> np.ndarray:
    net.eval()
    return torch.cat([net(x) for x in rows.split(1000)]).numpy()


class _Loop:
    """What the jobs share: data in memory, a new network for each run, the same one every time."""

    def __init__(self, folder: Path, network: str) -> None:
        self.train, self.test = (torch.from_numpy(x) for x in arrays.read(folder, *arrays.PARTS))
        self.network = network
        if network == "convolutional":
            self.train, self.test = self.train[:, None], self.test[:, None]

    def fresh(self, case: Case) -> nn.Module:
        torch.manual_seed(0)
        net = self.made(case)
        for layer in net.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                # Keras' own: from PyTorch's smaller ones a quarter of the ReLU codes of 784-64-784 die early,
                # and 60 epochs on MNIST get no further than a test error of 0.0052.
                nn.init.xavier_uniform_(layer.weight)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)
        return net

    def made(self, case: Case) -> nn.Module:
        if self.network == "convolutional":
            return convolutional(self.train.shape[-1], case.params["code"])
        features = self.train.shape[1]
        if self.network == "tabular":
            return sequential(networks.tabular(features))
        return sequential(networks.vanilla(features, case.params["code"]))

    def judged(self, net: nn.Module) -> float:
        return mse(answers(net, self.test), self.test.numpy())


class ToTarget(_Loop):
    """Trains until the target is met."""

    def __init__(self, folder: Path, batch: int) -> None:
        super().__init__(folder, "vanilla")
        self.batch = batch

    def run(self, case: Case) -> Figures:
        race = Race(case.params["target"])
        net = self.fresh(case)

        def after() -> bool:
            with race.clock.paused():
                return race.judged(self.judged(net))

        loop(net, self.train, self.batch, case.params["cap"], after)
        return race.result()


class Epochs(_Loop):
    """Time of an epoch; the first is not counted."""

    def run(self, case: Case) -> Figures:
        p = case.params
        net = self.fresh(case)
        ends: list[float] = []

        def after() -> bool:
            ends.append(time.perf_counter())
            return False

        loop(net, self.train, p["batch"], p["epochs"], after)
        seconds = median(np.diff(ends))
        steps = -(-len(self.train) // p["batch"])
        values = {"steps/s": steps / seconds, "rows/s": len(self.train) / seconds}
        return {"value": values[case.unit], "quality": self.judged(net)}


class Fit(_Loop):
    """Seconds of a fixed number of epochs."""

    def run(self, case: Case) -> Figures:
        clock = Clock()
        net = self.fresh(case)
        loop(net, self.train, case.params["batch"], case.params["epochs"])
        return {"value": clock.seconds(), "quality": self.judged(net)}
