"""A fitted model: what every verb works on."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from narrows.baseline import Baseline
from narrows.contracts import Schema
from narrows.inputs.scaling import Affine
from narrows.net import Net
from narrows.spec import Spec


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean (latent_dim,) and a factor (latent_dim, rank) of the covariance of the codes of training
    ``rows``; ``some`` of these codes (m, latent_dim), float32, where they are narrow: a model from a file
    has the density that was fitted to them instead."""

    mean: torch.Tensor
    factor: torch.Tensor
    rows: int
    some: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Mixture:
    """A density of codes, Σₖ wₖ N(μₖ, Fₖ Fₖᵀ): ``weights`` (k,), ``means`` (k, latent_dim) and ``factors``
    (k, latent_dim, rank), on the processor."""

    weights: torch.Tensor
    means: torch.Tensor
    factors: torch.Tensor

    def draw(self, n: int, gen: torch.Generator) -> torch.Tensor:
        """n codes, (n, latent_dim)."""
        count, dims, rank = self.factors.shape
        which = torch.zeros(n, dtype=torch.long)
        if count > 1:
            which = torch.multinomial(self.weights, n, replacement=True, generator=gen)
        noise = torch.randn(n, rank, generator=gen, dtype=self.means.dtype)
        codes = noise.new_empty(n, dims)
        for k in range(count):
            mine = which == k
            codes[mine] = self.means[k] + noise[mine] @ self.factors[k].T
        return codes


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labels that a model was fitted with: ``classes`` in order, how many ``rows`` had each, and the codes of
    some of these, one array (m, latent_dim) per class; None in a model from a file, which has their
    densities instead."""

    classes: tuple[int, ...] | tuple[str, ...]
    rows: tuple[int, ...]
    codes: tuple[np.ndarray, ...] | None = None


@dataclass(frozen=True, eq=False)
class Fitted:
    """The choices, the network, the way in and out of it, and how it came to be.

    ``seed`` feeds whatever a verb draws for itself; ``history`` has one dict per epoch;
    ``codes`` are moments of the training codes (draws of them, where a code is random), None where the
    decoder needs more than codes; ``labelled`` are those of labels, in a conditional model;
    ``densities`` are what ``tasks.density`` has made of them so far: None's is that of all codes, a
    number's that of the class of that number.  ``training`` records rows, seconds and why training
    stopped.
    """

    spec: Spec
    schema: Schema
    affine: Affine
    net: Net
    baseline: Baseline
    codes: Moments | None
    seed: int
    history: tuple[dict[str, float], ...] = ()
    training: dict[str, Any] = field(default_factory=dict)
    labelled: Labelled | None = None
    densities: dict[int | None, Mixture] = field(default_factory=dict)

    def recoded(self, bottleneck: Any) -> Fitted:
        """A copy with the same weights under a bottleneck part that needs no others."""
        net = copy.deepcopy(self.net)
        with torch.device("meta"):  # nothing is drawn for weights that are there
            built = bottleneck.build(net.shapes)
        built.load_state_dict(net.bottleneck.state_dict(), assign=True)
        net.bottleneck = built.eval()
        return replace(self, spec=replace(self.spec, bottleneck=bottleneck), net=net)

    @property
    def dtype(self) -> torch.dtype:
        return next(self.net.parameters()).dtype

    @property
    def device(self) -> torch.device:
        return next(self.net.parameters()).device

    @property
    def latent_dim(self) -> int:
        return self.net.shapes.latent_dim
