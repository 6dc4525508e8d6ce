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
from narrows.backbones._least_squares import fold_in, gram, item_factors
from narrows.backbones._sparse_linear import entries, product
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

    With a ``network`` the output is a·ln s(xB + Dz) + g(z), with z = u(x) + h(x/‖x‖): s is a steep softplus, close to
    max(·, 0), for xB is about how likely an item is, and its logarithm what adds up with logits.  u(x) is the vector
    of what a user has among vectors of items, Y, both by weighted least squares, see
    :func:`narrows.backbones._least_squares.item_factors`, and D begins as ``share`` of Yᵀ; h, g are the network's
    halves and begin at zero, a at one.  So training begins at the sum of two linear models that err differently: the
    first knows pairs of items, the second tastes.  B and Y stay as they are, all else is trained.

    ``l2``       how much B is held back; more for more users.
    ``dropout``  in [0, 1): B is held back as if this share of every item were dropped at random (Steck 2020).
    ``network``  an :class:`MLP` or None.
    ``share``    what D begins with; this and what follows count beside a network alone.
    ``unseen``   what an item that a user does not have weighs, where one that he has weighs 1.
    ``ridge``    how much vectors are held back.

    >>> ItemItem(l2=200)
    ItemItem(l2=200, dropout=0.0, network=None, share=0.3, unseen=0.1, ridge=0.01)
    """

    l2: float = 100.0
    dropout: float = 0.0
    network: Any = None
    share: float = 0.3
    unseen: float = 0.1
    ridge: float = 0.01
    side = "input"

    def __post_init__(self) -> None:
        for name, usual in (("l2", 100), ("unseen", 0.1), ("ridge", 0.01)):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"ItemItem got {name}={getattr(self, name)!r}, but needs {name} > 0: pass a number such as {usual}."
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
        return _Encoder(self, h, shapes), _Beside(self, g, shapes)


class _Projection(nn.Module):
    """Rows on the first right singular vectors of the training rows."""

    is_identity = False
    encoded = True

    def __init__(self, shapes: Shapes):
        super().__init__()
        self.hidden = (shapes.latent_dim,)
        self.register_buffer("weight", torch.zeros(shapes.latent_dim, shapes.features))

    def find(self, rows: Any, gen: torch.Generator) -> None:
        k = len(self.weight)
        _, _, v = randomized_svd(rows, min(k, *rows.shape), n_iter=7, random_state=gen.initial_seed() % 2**31)
        self.weight.zero_()
        self.weight[: len(v)] = torch.from_numpy(np.ascontiguousarray(v)).to(self.weight)

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
        """Find B, and what the encoder knows of the same rows."""
        rows = gathered(source)
        self._set(*item_weights(rows, self.l2, self.dropout))
        self._set_codes(net.encoder, rows, gen)

    def _set_codes(self, encoder: nn.Module, rows: Any, gen: torch.Generator) -> None:
        encoder.find(rows, gen)

    @torch.no_grad()
    def absorb(self, net: nn.Module, source: Source) -> None:
        """Make B what it would be if these rows had been there, too; what holds it back stays as it was."""
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
        return product(*entries(x), self.weight)


class _Encoder(nn.Module):
    """u(x) + h(x/‖x‖)."""

    is_identity = False
    encoded = True
    replayable = False  # how many entries of a row are not zero differs

    def __init__(self, part: ItemItem, h: nn.Module, shapes: Shapes):
        super().__init__()
        self.hidden = (shapes.latent_dim,)
        self.unseen, self.ridge = part.unseen, part.ridge
        self.register_buffer("items", torch.zeros(shapes.features, shapes.latent_dim))  # Y
        self.h = nn.Sequential(h, zero(nn.Linear(math.prod(h.hidden), shapes.latent_dim)))

    def find(self, rows: Any, gen: torch.Generator) -> None:
        self.items.copy_(item_factors(rows, self.items.shape[1], self.unseen, self.ridge, gen))

    @torch.no_grad()
    def folded(self, x: Tensor) -> Tensor:
        item, counts = x.nonzero()[:, 1], (x != 0).sum(1).tolist()
        return fold_in(item, counts, self.items, gram(self.items, self.unseen), self.unseen, self.ridge)

    def forward(self, x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=1, keepdim=True).clamp(min=NOTHING)
        return self.folded(x) + self.h(x / length)


class _Beside(_Linear):
    """a·ln s(xB + Dz) + g(z)."""

    def __init__(self, part: ItemItem, g: nn.Module, shapes: Shapes):
        super().__init__(part, shapes)
        self.share = part.share
        self.gain.requires_grad_(True)
        self.register_buffer(
            "scale", torch.ones(())
        )  # keeps weights near 1, where an optimiser's steps are small
        self.factor = nn.Parameter(torch.zeros(shapes.latent_dim, shapes.features))
        self.g = g
        zero(g.layers[-1])

    def _set_codes(self, encoder: nn.Module, rows: Any, gen: torch.Generator) -> None:
        super()._set_codes(encoder, rows, gen)
        start = self.share * encoder.items.T
        self.scale.copy_(start.square().mean().sqrt().clamp(min=NOTHING))
        self.factor.copy_(start / self.scale)

    def forward(self, z: Tensor, side: Tensor | None = None) -> Tensor:
        assert side is not None
        y = torch.addmm(self.linear(side), z * self.scale, self.factor)
        return self.gain * log_softplus(y / SOFT) + self.g(z)


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
