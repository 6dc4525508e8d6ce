"""An encoder that picks columns: the concrete autoencoder (Balın, Abid & Zou 2019, "Concrete autoencoders:
differentiable feature selection and reconstruction").

Each number of the code is one column of the input.  Which one is a categorical choice, relaxed in training to
a mixture of columns, mᵢ = softmax((log αᵢ + gᵢ) / T) with Gumbel noise g (equation 2; Maddison et al. 2017),
that hardens as the temperature falls, T = T₀ (T_end / T₀)^(step / steps) (section 3.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from narrows.backbones.mlp import MLP
from narrows.contracts import Shapes
from narrows.numerics import Dropout, uniform


@dataclass(frozen=True)
class Concrete:
    """``latent_dim`` columns of the input, and a decoder that makes all of them again.

    ``hidden``      widths of the decoder's layers from the outside inwards, as those of ``MLP``; ``()`` is a
                    linear decoder.
    ``activation``  after every hidden layer of the decoder.
    ``start``, ``end``  temperatures: the first is reached at the beginning, the last after ``anneal`` of the
                    steps, from where on early stopping may end training.

    Without noise, as in every answer, the code is the most probable choice of different columns: that with the
    largest logit for each number of it, unless some of those are the same.  Of codes longer than a row some
    repeat a column.

    >>> Concrete(hidden=())
    Concrete(hidden=(), activation='relu', start=10.0, end=0.01, anneal=0.8)
    """

    hidden: tuple[int, ...] = (256,)
    activation: str = "relu"
    start: float = 10.0
    end: float = 0.01
    anneal: float = 0.8
    side = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", self._mirror().hidden)
        if not 0 < self.end <= self.start < math.inf:
            raise ValueError(
                f"Concrete got start={self.start!r} and end={self.end!r}, but needs temperatures that fall:"
                " pass 0 < end ≤ start."
            )
        if not 0 < self.anneal <= 1:
            raise ValueError(
                f"Concrete got anneal={self.anneal!r}, but needs a share of training: pass 0 < anneal ≤ 1."
            )

    def _mirror(self) -> MLP:
        return MLP(self.hidden, self.activation)

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]:
        if shapes.input != shapes.row:
            raise ValueError(
                f"Concrete got rows of {shapes.features} columns that the encoder sees as {math.prod(shapes.input)}"
                " numbers, but picks columns that are numbers without gaps: pass a frame or an array of those."
            )
        return _Encoder(self, shapes), self._mirror().build(shapes)[1]


class _Encoder(Dropout):
    """A Dropout, because its noise, too, is there for the length of one training pass alone."""

    is_identity = False
    encoded = True

    def __init__(self, part: Concrete, shapes: Shapes):
        super().__init__(0.0)
        self.start, self.end, self.anneal = part.start, part.end, part.anneal
        self.hidden = (shapes.latent_dim,)
        self.logits = nn.Parameter(torch.empty(shapes.latent_dim, shapes.features))
        nn.init.xavier_normal_(self.logits)
        self.register_buffer("temperature", torch.tensor(float(part.start)))
        self.settled = False

    def on_step(self, net: nn.Module, step: int, total: int) -> None:
        """Cool down; ``step`` steps of ``total`` are done."""
        done = min(1.0, step / (self.anneal * total))
        if done >= 1.0 and not self.settled:
            self._part()
        self.settled = done >= 1.0
        self.temperature.fill_(self.start * (self.end / self.start) ** done)

    def selected(self) -> Tensor:
        """The column behind each number of the code, (latent_dim,): Σ log αᵢ is largest among all choices of
        different ones."""
        picks = self.logits.argmax(1)
        if len(picks.unique()) < len(picks):
            chances = self.logits.detach().log_softmax(1).double().cpu()
            numbers, columns = map(torch.from_numpy, linear_sum_assignment(chances.numpy(), maximize=True))
            picks[numbers.to(picks.device)] = columns.to(picks.device)
        return picks

    @torch.no_grad()
    def _part(self) -> None:
        """Numbers that are as good as sure of one column move apart while the decoder can still learn it: each
        that yields is as sure of its new column now as it was of the old one."""
        picks, best = self.selected()[:, None], self.logits.argmax(1, keepdim=True)
        chosen, largest = self.logits.gather(1, picks), self.logits.gather(1, best)
        self.logits.scatter_(1, best, chosen).scatter_(1, picks, largest)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        if self.gen is None:
            return x.index_select(1, self.selected())
        # Noise in (0, 1), one draw for all rows of the batch, as the mixture is the same for them.
        draw = uniform(self.logits, self.gen).clamp(1e-7, 1 - 1e-7)
        gumbel = -(-draw.log()).log()
        return x @ ((self.logits + gumbel) / self.temperature).softmax(1).T


__all__ = ["Concrete"]
