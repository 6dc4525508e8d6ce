"""Shared arithmetic: noise, seeding, divergences, activations, initial weights."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

LOG_2PI = math.log(2 * math.pi)


class CommonNoise(torch.Generator):
    """A generator whose standard-normal draws are one given vector, the same for every row.

    Scores use it: all rows share the same few draws, so a row's score depends neither on its
    neighbours nor on how rows were batched.  Anything else drawn from it is ordinary noise.
    """

    common: Tensor  # (*code_shape,)


def normal(like: Tensor, gen: torch.Generator) -> Tensor:
    """Standard-normal noise of ``like``'s shape, drawn from ``gen`` alone."""
    if isinstance(gen, CommonNoise):
        return gen.common.to(like).expand_as(like)
    return torch.empty_like(like).normal_(generator=gen)


def uniform(like: Tensor, gen: torch.Generator) -> Tensor:
    """Noise in [0, 1) of ``like``'s shape, drawn from ``gen`` alone."""
    return torch.empty_like(like).uniform_(generator=gen)


def generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of our own: nothing here ever draws from the global state."""
    return torch.Generator(device=device).manual_seed(seed)


@contextlib.contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's global state inside the block and give it back untouched.

    Layers initialise themselves from the global state and user networks may hold ``nn.Dropout``;
    this makes both reproducible without leaving a trace.
    """
    gpu = device is not None and device.type == "cuda"
    index = (device.index or 0) if gpu else 0
    with torch.random.fork_rng(devices=[index] if gpu else []):
        # Not torch.manual_seed, which would also seed, for good, devices that are not ours.
        torch.default_generator.manual_seed(seed)
        if gpu:
            with torch.cuda.device(index):
                torch.cuda.manual_seed(seed)
        yield


def set_mode(net: nn.Module, training: bool) -> None:
    """What ``net.train(training)`` does, for a tenth of its time: that sets attributes the long way."""
    modules = list(net.modules())
    if any(type(m).train is not nn.Module.train for m in modules):
        net.train(training)
        return
    for module in modules:
        vars(module)["training"] = training


def antithetic(draws: int, dims: int, gen: torch.Generator) -> Tensor:
    """(draws, dims) standard-normal draws in ± pairs with mean 0 and second moment exactly 1.

    While there are at least as many pairs as dims, the columns are orthogonal too: averages of
    quadratic functions over the draws are then exact.

    >>> e = antithetic(16, 3, generator(0))
    >>> bool(torch.allclose(e.T @ e / 16, torch.eye(3, dtype=e.dtype)))
    True
    """
    half = torch.randn(draws // 2, dims, generator=gen, dtype=torch.float64)
    if dims <= draws // 2:
        half = torch.linalg.qr(half)[0]
    half = half / half.square().mean(0).sqrt()
    return torch.cat([half, -half])


def gaussian_kl(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, e^logvar) ‖ N(0, 1)) per dimension, nats (Kingma & Welling 2014, appendix B).

    >>> round(float(gaussian_kl(torch.tensor(1.0), torch.tensor(4.0).log())), 5)
    1.30685
    """
    return 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar)


def bernoulli_kl(p: float, q: Tensor) -> Tensor:
    """KL(Bernoulli(p) ‖ Bernoulli(q)), nats; q is kept off 0 and 1 by 1e-6.

    >>> round(float(bernoulli_kl(0.05, torch.tensor(0.5))), 5)
    0.49463
    """
    q = q.clamp(1e-6, 1 - 1e-6)
    entropy = sum(t * math.log(t) for t in (p, 1 - p) if t > 0)
    return entropy - p * q.log() - (1 - p) * (-q).log1p()


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "leaky_relu": nn.LeakyReLU,
    "softplus": nn.Softplus,
    "linear": nn.Identity,
}


def check_activation(name: str | None) -> None:
    """Refuse an unknown activation where the part is made, not when it is trained."""
    if name is not None and name not in ACTIVATIONS:
        raise ValueError(
            f"activation={name!r} is not known: expected one of {', '.join(ACTIVATIONS)} (or None for linear)."
        )


def activation(name: str | None) -> nn.Module:
    """The module of an activation's name; None is linear."""
    check_activation(name)
    return ACTIVATIONS[name or "linear"]()


# The values that an activation can take, where they are bounded.
RANGES: dict[str | None, tuple[float | None, float | None]] = {
    "relu": (0.0, None),
    "softplus": (0.0, None),
    "sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
}

_RECTIFIERS = {"relu", "gelu", "silu", "elu", "leaky_relu", "softplus"}


def init_layer(layer: nn.Module, follows: str | None) -> nn.Module:
    """Initial weights for the activation that follows: He (2015) for rectifiers, else Glorot
    (2010), biases 0; drawn from the seeded state of the surrounding :func:`seeded`."""
    if follows in _RECTIFIERS:
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    else:
        nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Dropout(nn.Module):
    """Dropout whose noise comes from a generator that the net binds for one pass.

    Without a bound generator it is the identity, whatever ``training`` says.
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p
        self.gen: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.gen is None:
            return x
        return x * (uniform(x, self.gen) >= self.p) / (1 - self.p)
