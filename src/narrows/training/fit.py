"""From checked rows to a fitted model."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from narrows.baseline import Baseline, principal
from narrows.contracts import Schema, Shapes
from narrows.fitted import Fitted, Moments
from narrows.inputs.design import design
from narrows.inputs.scaling import Affine, learn_affine, one_range
from narrows.net import Net
from narrows.numerics import seeded
from narrows.sources import Memory
from narrows.spec import Spec
from narrows.training import devices
from narrows.training.loop import Progress, train
from narrows.training.settings import Settings

MOMENT_ROWS = 10_000  # training rows whose codes are summed up for drawing new ones
RANK = 256  # of the covariance that is kept of them, at most


def fit(
    spec: Spec,
    schema: Schema,
    rows: np.ndarray,
    settings: Settings,
    *,
    latent_dim: int | str = "auto",
    scale: str | None = "auto",
    seed: int = 0,
    valid: np.ndarray | None = None,
) -> Fitted:
    """Train the model that ``spec`` describes on rows (n, \\*row) in the user's units.

    ``valid`` are held-out rows for early stopping; else ``settings.validation_fraction`` of the
    rows, drawn by ``seed``, is kept for it.
    """
    began = time.perf_counter()
    ready = prepare(spec, schema, rows, settings, latent_dim, scale, seed, valid)
    net = build(spec, schema, ready, latent_dim, seed)
    state = train(net, ready.source, ready.held, settings, seed)
    return finish(spec, schema, ready, net, state, seed, time.perf_counter() - began)


@dataclass(frozen=True, eq=False)
class Ready:
    """Rows scaled and split, and what was learned from them on the way."""

    affine: Affine
    bounded: bool
    source: Memory
    held: Memory | None
    device: torch.device
    dtype: torch.dtype
    components: int | None
    levels: tuple[int, ...] | None
    seed: int

    @cached_property
    def baseline(self) -> Baseline:
        """PCA of the rows: made when it is first asked for, which is after training unless it chooses
        the size of the code."""
        return principal(design(self.source.x.cpu().numpy(), self.levels), self.components, self.seed)


def prepare(
    spec: Spec,
    schema: Schema,
    rows: np.ndarray,
    settings: Settings,
    latent_dim: int | str,
    scale: str | None,
    seed: int,
    valid: np.ndarray | None,
) -> Ready:
    """Split, scale and look at the rows."""
    check_latent_dim(latent_dim)
    device = devices.device(settings.device)
    if valid is None:
        held = int(len(rows) * settings.validation_fraction)
        order = np.random.default_rng(seed).permutation(len(rows)) if held else slice(None)
        rows, valid = (rows[order[held:]], rows[order[:held]]) if held else (rows, None)
    if schema.missing:
        check_complete(rows, schema)
    extremes = low, high = (
        (np.nanmin(rows, 0), np.nanmax(rows, 0)) if schema.missing else (rows.min(0), rows.max(0))
    )
    affine = learn_affine(
        rows,
        scale,
        unit=spec.likelihood.unit,
        shared=schema.shared_scale,
        levels=schema.levels,
        extremes=extremes,
    )
    x = affine.forward(rows, settings.dtype)
    numbers = slice(None) if schema.levels is None else [i for i, k in enumerate(schema.levels) if not k]
    scaled = affine.forward(np.stack(extremes), settings.dtype)[:, numbers]
    bounded = check_range(spec, scaled) and (schema.shared_scale or one_range(low[numbers], high[numbers]))
    held = None if valid is None else Memory(affine.forward(valid, settings.dtype).to(device))
    components = None if latent_dim == "auto" else int(latent_dim)
    source = Memory(x.to(device))
    return Ready(affine, bounded, source, held, device, settings.dtype, components, schema.levels, seed)


def build(spec: Spec, schema: Schema, ready: Ready, latent_dim: int | str, seed: int) -> Net:
    """The network, its weights drawn by ``seed``."""
    if latent_dim == "auto":
        latent_dim = max(2, len(ready.baseline.components))
    with seeded(seed, ready.device):
        shapes = Shapes(schema.row, int(latent_dim), schema.levels, schema.missing, ready.bounded)
        return Net(spec, shapes).to(device=ready.device, dtype=ready.dtype)


def finish(
    spec: Spec, schema: Schema, ready: Ready, net: Net, state: Progress, seed: int, seconds: float
) -> Fitted:
    """What is kept of a fit."""
    training: dict[str, Any] = {
        "rows": len(ready.source),
        "validation_rows": 0 if ready.held is None else len(ready.held),
        "epochs": len(state.history),
        "stopped": state.reason,
        "seconds": seconds,
        "device": str(ready.device),
    }
    codes = moments(net, ready.source)
    return Fitted(
        spec, schema, ready.affine, net, ready.baseline, codes, seed, tuple(state.history), training
    )


def check_latent_dim(value: int | str) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if value != "auto" and not (whole and value >= 1):
        raise ValueError(f"latent_dim={value!r} is not usable: pass 'auto' or a whole number ≥ 1.")


def check_complete(rows: np.ndarray, schema: Schema) -> None:
    """Whether every column has a value in some row that is trained on."""
    empty = np.isnan(rows).reshape(len(rows), -1).all(0)
    if empty.any():
        names = schema.names or [f"x{i}" for i in range(empty.size)]
        raise ValueError(
            f"Column {names[int(empty.argmax())]!r} is missing in every row that is trained on, but some values are"
            " needed: drop it, or pass more rows."
        )


def check_range(spec: Spec, x: torch.Tensor) -> bool:
    """Whether scaled rows lie in [0, 1]; a likelihood that needs it must not be trained on others."""
    if not x.numel():
        return False
    low, high = float(x.min()), float(x.max())
    inside = low >= -1e-6 and high <= 1 + 1e-6
    if spec.likelihood.unit and not inside:
        raise ValueError(
            f"The scaled data reach from {low:.3g} to {high:.3g}, but {spec.likelihood!r} explains values in [0, 1]:"
            " pass scale='minmax' or another likelihood."
        )
    return inside


@torch.no_grad()
def moments(net: Net, rows: Memory) -> Moments | None:
    """Mean and covariance factor of training codes, for a bottleneck that has no prior."""
    if hasattr(net.bottleneck, "draw"):
        return None
    x = rows.head(MOMENT_ROWS)
    codes = torch.cat([net.encode(part).mean.flatten(1) for part in x.split(1024)])
    mean = codes.mean(0)
    if codes.shape[1] <= RANK:
        variances, axes = torch.linalg.eigh(torch.cov(codes.double().T, correction=0).reshape(2 * mean.shape))
        factor = axes * variances.clamp(min=0).sqrt()
        # Laid out as a file gives it back, for products of other layouts round differently.
        return Moments(mean, factor.to(mean.dtype).contiguous())
    # A wide code: its covariance would be larger than the rows it is estimated from.
    some = (codes - mean)[:: -(-len(codes) // RANK)]
    return Moments(mean, (some.T / len(some) ** 0.5).contiguous())
