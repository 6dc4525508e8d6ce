"""A linear recommender in closed form, alone or beside a network (Steck 2019)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.utils.extmath import randomized_svd
from torch import Tensor, nn

from narrows.backbones._item_weights import gathered, item_weights, more_rows
from narrows.backbones.mlp import MLP
from narrows.contracts import Shapes, Source

NOTHING = 1e-12  # stands for the length of a row without anything
SOFT = 0.0005  # where a softplus of how likely an item is turns from 0 to linear


@dataclass(frozen=True)
class ItemItem:
    """A linear map from items to items that is found in closed form, alone or with a network beside it.

    Alone, the decoder's output is xB for what the encoder is given, x; codes are projections on the first right
    singular vectors of the training rows.  B, whose diagonal is zero, so that no item speaks for itself, is that of
    EASE or EDLAE, see :func:`narrows.backbones.item_weights`.

    With a ``network`` the output is a·ln s(xB + Dz) + g(z), with z = E·x/‖x‖ + h(x/‖x‖): s is a steep softplus, close
    to max(·, 0), for xB is about how likely an item is, and its logarithm what adds up with logits.  E, D begin as
    the rank-``latent_dim`` ridge regression of the rows on rows of length 1, ``share`` of it; h, g are the network's
    halves and begin at zero, a at one.  So training begins at the sum of two closed forms that err differently:
    long histories speak louder to the first than to the second.  B stays as it is, all else is trained.

    ``l2``       how much B is held back; more for more users.
    ``dropout``  in [0, 1): B is held back as if this share of every item were dropped at random (Steck 2020).
    ``network``  an :class:`MLP` or None.
    ``ridge``    how much D is held back, with ``share`` its part; both beside a network alone.

    >>> ItemItem(l2=200)
    ItemItem(l2=200, dropout=0.0, network=None, ridge=2.0, share=0.3)
    """

    l2: float = 100.0
    dropout: float = 0.0
    network: Any = None
    ridge: float = 2.0
    share: float = 0.3
    side = "input"

    def __post_init__(self) -> None:
        for name in ("l2", "ridge"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"ItemItem got {name}={getattr(self, name)!r}, but needs {name} > 0: pass a number such as 100."
                )
        if not 0 <= self.dropout < 1:
            raise ValueError(
                f"ItemItem got dropout={self.dropout!r}, but needs a share: pass 0 ≤ dropout < 1."
            )
        if not self.share >= 0:
            raise ValueError(f"ItemItem got share={self.share!r}, but needs share ≥ 0: pass 0.3.")
        if not (self.network is None or isinstance(self.network, MLP)):
            raise ValueError(
                f"ItemItem got network={self.network!r}, but needs dense layers: pass backbones.MLP(…) or None."
            )

    @property
    def trained(self) -> bool:
        """Whether there is anything to train."""
        return self.network is not None

    @property
    def starts(self) -> bool:
        """Whether it is of use before it is trained."""
        return True

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]:
        if shapes.input != shapes.row or len(shapes.row) != 1 or shapes.out != shapes.row or shapes.missing:
            raise ValueError(
                f"ItemItem got rows of shape {shapes.row} that are {shapes.input} to the encoder and {shapes.out} from"
                " the decoder, but needs counts and one output for each: pass input=inputs.Counts('none') and"
                " likelihood='multinomial'."
            )
        if self.network is None:
            return _Projection(shapes), _Linear(self, shapes)
        h, g = self.network.build(shapes.but(side=None))
        return _Encoder(h, shapes), _Beside(self, g, shapes)


class _Projection(nn.Module):
    """Rows on the first right singular vectors of the training rows."""

    is_identity = False
    encoded = True

    def __init__(self, shapes: Shapes):
        super().__init__()
        self.hidden = (shapes.latent_dim,)
        self.register_buffer("weight", torch.zeros(shapes.latent_dim, shapes.features))

    @torch.no_grad()
    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        _, _, found = factors(gathered(source), len(self.weight), gen)
        self.weight.zero_()
        self.weight[: len(found)] = found.to(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight)


class _Linear(nn.Module):
    """xB."""

    replayable = False  # how many entries of a row are not zero differs

    def __init__(self, part: ItemItem, shapes: Shapes):
        super().__init__()
        self.l2, self.dropout = part.l2, part.dropout
        self.register_buffer("weight", torch.zeros(shapes.features, shapes.features))  # B
        self.register_buffer("pivots", torch.ones(shapes.features))
        # There is nothing to train, but a network is asked where its parameters are.
        self.gain = nn.Parameter(torch.ones(()), requires_grad=False)

    @torch.no_grad()
    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        """Find B."""
        self._set(*item_weights(gathered(source), self.l2, self.dropout))

    @torch.no_grad()
    def absorb(self, net: nn.Module, source: Source) -> None:
        """Make B what it would be if these rows had been there, too."""
        both = (t.double().cpu().numpy() for t in (self.weight, self.pivots))
        self._set(*more_rows(*both, gathered(source)))

    def _set(self, weight: np.ndarray, pivots: np.ndarray) -> None:
        self.weight.copy_(torch.from_numpy(weight))
        self.pivots.copy_(torch.from_numpy(pivots))

    def forward(self, z: Tensor, side: Tensor | None = None) -> Tensor:
        assert side is not None
        return self.gain * self.linear(side)

    def linear(self, x: Tensor) -> Tensor:
        """xB as sums of the rows of B that a row has: users have few items, and time goes with how many."""
        user, item = x.nonzero(as_tuple=True)
        ends = (x != 0).sum(1).cumsum(0)
        begins = torch.cat([ends.new_zeros(1), ends[:-1]])
        return nn.functional.embedding_bag(
            item, self.weight, begins, mode="sum", per_sample_weights=x[user, item]
        )


class _Encoder(nn.Module):
    """E·x/‖x‖ + h(x/‖x‖)."""

    is_identity = False
    encoded = True

    def __init__(self, h: nn.Module, shapes: Shapes):
        super().__init__()
        self.hidden = (shapes.latent_dim,)
        self.scale = shapes.features**-0.5  # keeps weights near 1, where an optimiser's steps are small
        self.weight = nn.Parameter(torch.zeros(shapes.latent_dim, shapes.features))
        self.h = nn.Sequential(h, zero(nn.Linear(math.prod(h.hidden), shapes.latent_dim)))

    def forward(self, x: Tensor) -> Tensor:
        x = x / torch.linalg.vector_norm(x, dim=1, keepdim=True).clamp(min=NOTHING)
        return nn.functional.linear(x, self.weight * self.scale) + self.h(x)


class _Beside(_Linear):
    """a·ln s(xB + Dz) + g(z)."""

    def __init__(self, part: ItemItem, g: nn.Module, shapes: Shapes):
        super().__init__(part, shapes)
        self.ridge, self.share = part.ridge, part.share
        self.gain.requires_grad_(True)
        self.register_buffer("scale", torch.ones(()))
        self.factor = nn.Parameter(torch.zeros(shapes.latent_dim, shapes.features))
        self.g = g
        zero(g.layers[-1])

    @torch.no_grad()
    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        """Find B, E and D."""
        super().prepare(net, source, gen)
        rows = gathered(source)
        lengths = np.sqrt(np.maximum(rows.multiply(rows).sum(1), NOTHING)).reshape(-1, 1)
        u, s, v = factors(rows.multiply(1 / lengths).tocsr(), len(self.factor), gen)
        d = torch.from_numpy(rows.T @ u.numpy()).T * (self.share * s / (s**2 + self.ridge))[:, None]
        net.encoder.weight.zero_()
        net.encoder.weight[: len(v)] = (v / net.encoder.scale).to(self.weight)
        self.scale.copy_(d.square().mean().sqrt().clamp(min=NOTHING))
        self.factor.zero_()
        self.factor[: len(d)] = (d / self.scale).to(self.weight)

    def forward(self, z: Tensor, side: Tensor | None = None) -> Tensor:
        assert side is not None
        y = torch.addmm(self.linear(side), z * self.scale, self.factor)
        return self.gain * log_softplus(y / SOFT) + self.g(z)


def factors(rows: Any, k: int, gen: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """The first k singular triplets of sparse rows, or as many as there are: (users, k), (k,), (k, items)."""
    k = min(k, *rows.shape)
    found = randomized_svd(rows, k, n_iter=7, random_state=gen.initial_seed() % 2**31)
    return tuple(torch.from_numpy(np.ascontiguousarray(a)) for a in found)


def log_softplus(y: Tensor) -> Tensor:
    """ln ln(1 + e^y), which is y where that is far below 0: finite everywhere.

    >>> log_softplus(torch.tensor([-100.0, 0.0, 1000.0]))
    tensor([-100.0000,   -0.3665,    6.9078])
    """
    inner = y.clamp(min=-15.0)
    return torch.nn.functional.softplus(inner).log() + (y - inner)


def zero(layer: Any) -> nn.Module:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
