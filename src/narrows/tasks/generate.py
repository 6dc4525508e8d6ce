"""New rows: drawn, between two rows, along one latent axis, around rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from narrows.fitted import Fitted
from narrows.numerics import generator
from narrows.tasks.decode import decode, refuse_side
from narrows.tasks.density import density
from narrows.tasks.encode import encode
from narrows.tasks.labels import numbers_of


def draw_codes(
    fitted: Fitted, n: int | None, seed: int, prior: str | None = None, labels: Any = None
) -> np.ndarray:
    """n codes (n, latent_dim): from the bottleneck's prior, or from the density that was fitted to training
    codes where it has none or where ``prior="fitted"``; of ``labels``, from those of these.  Drawn codes are
    moved to the nearest that the bottleneck can make."""
    if n is not None:
        _check_count(n, 1, "n", "a number of samples")
    if prior not in (None, "fitted"):
        raise ValueError(
            f"prior={prior!r} is not known: pass 'fitted', or None for what the model has by itself."
        )
    bottleneck = fitted.net.bottleneck
    if prior is None and labels is None and hasattr(bottleneck, "draw"):
        with torch.inference_mode():
            return bottleneck.draw(n or 1, generator(seed, fitted.device)).flatten(1).cpu().numpy()
    gen = generator(seed)
    if labels is None:
        z = density(fitted).draw(n or 1, gen)
    else:
        which = torch.from_numpy(numbers_of(fitted, labels, n))
        z = torch.empty(len(which), fitted.latent_dim, dtype=fitted.dtype)
        for label in which.unique().tolist():
            mine = which == label
            z[mine] = density(fitted, label).draw(int(mine.sum()), gen)
    return _possible(fitted, z).cpu().numpy()


def _possible(fitted: Fitted, z: torch.Tensor) -> torch.Tensor:
    """The nearest codes that the bottleneck can make."""
    restrict = getattr(fitted.net.bottleneck, "restrict", None)
    with torch.inference_mode():
        return z if restrict is None else restrict(z.to(fitted.device))


def sample(
    fitted: Fitted, n: int | None, seed: int, prior: str | None = None, labels: Any = None
) -> np.ndarray:
    """n new rows (n, \\*row) in user units: the decoder's mean at drawn codes; see :func:`draw_codes`."""
    refuse_side(fitted, "sample")
    return decode(fitted, draw_codes(fitted, n, seed, prior, labels))


def interpolate(
    fitted: Fitted, a: np.ndarray, b: np.ndarray, steps: int = 8, how: str = "linear"
) -> np.ndarray:
    """(steps, \\*row): from row a to row b, each (1, \\*row), "linear" between their codes, or "spherical":
    along a great circle, for codes around a centre lie in a shell, and the straight line leaves it (White
    2016, "Sampling generative networks", section 2.1).  The centre is 0 under a standard normal prior, else the
    mean code.
    """
    refuse_side(fitted, "interpolate")
    _check_count(steps, 2, "steps", "a number of rows")
    if not isinstance(how, str) or how not in PATHS:
        raise ValueError(f"how={how!r} is no way between two codes: pass {' or '.join(map(repr, PATHS))}.")
    za, zb = encode(fitted, a)[:1], encode(fitted, b)[:1]
    t = np.linspace(0.0, 1.0, steps, dtype=za.dtype)[:, None]
    centre = np.zeros_like(za)
    if (
        getattr(getattr(fitted.net.bottleneck, "prior", None), "origin", None) is None
        and fitted.codes is not None
    ):
        centre = fitted.codes.mean.cpu().numpy()[None]
    return decode(fitted, centre + PATHS[how](za - centre, zb - centre, t))


def _line(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    return (1 - t) * a + t * b


def _arc(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """sin((1−t)ω)/sin ω a + sin(tω)/sin ω b with ω the angle between a and b; the line where it is 0 or π."""
    a64, b64 = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(a64) * np.linalg.norm(b64)
    omega = np.arccos(np.clip((a64 * b64).sum() / lengths, -1, 1)) if lengths else 0.0
    if np.sin(omega) < 1e-6:
        return _line(a, b, t)
    arc = (np.sin((1 - t) * omega) * a64 + np.sin(t * omega) * b64) / np.sin(omega)
    return arc.astype(a.dtype)


PATHS = {"linear": _line, "spherical": _arc}


def traverse(fitted: Fitted, x: np.ndarray, dim: int, steps: int = 8, span: float = 3.0) -> np.ndarray:
    """(steps, \\*row): row x (1, \\*row) with latent ``dim`` moved from −span to +span around it, in
    standard deviations of that latent over the training rows."""
    refuse_side(fitted, "traverse")
    _check_count(steps, 1, "steps", "a number of rows")
    _check_size(span, "span", "a distance in standard deviations", "3")
    if not (_is_whole(dim) and 0 <= dim < fitted.latent_dim):
        raise ValueError(
            f"dim={dim!r} is not a latent of this model: pass a number from 0 to {fitted.latent_dim - 1}."
        )
    z = np.repeat(encode(fitted, x)[:1], steps, axis=0)
    z[:, dim] += np.linspace(-span, span, steps, dtype=z.dtype) * spreads(fitted)[dim]
    return decode(fitted, z)


def perturb(fitted: Fitted, rows: np.ndarray, scale: float, n: int, seed: int) -> np.ndarray:
    """(len(rows)·n, \\*row): rows decoded from their codes with Gaussian noise of ``scale`` standard
    deviations of each latent over the training rows; the n versions of a row follow one another."""
    refuse_side(fitted, "perturb")
    _check_count(n, 1, "n", "a number of versions of each row")
    _check_size(scale, "scale", "a size of noise", "0.1")
    z = torch.from_numpy(np.repeat(encode(fitted, rows), n, axis=0))
    noise = torch.randn(z.shape, generator=generator(seed), dtype=z.dtype)
    z += scale * torch.from_numpy(spreads(fitted)) * noise
    return decode(fitted, _possible(fitted, z).cpu().numpy())


def spreads(fitted: Fitted) -> np.ndarray:
    """The standard deviation of every latent over the training rows, (latent_dim,); 1 in a variational model
    that was saved without it."""
    if fitted.codes is None:
        return np.ones(fitted.latent_dim, str(fitted.dtype).removeprefix("torch."))
    return fitted.codes.factor.square().sum(1).sqrt().cpu().numpy()


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _check_count(value: Any, least: int, name: str, what: str) -> None:
    if not (_is_whole(value) and value >= least):
        raise ValueError(f"{name}={value!r} is not {what}: pass a whole number ≥ {least}.")


def _check_size(value: Any, name: str, what: str, example: str) -> None:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not (number and 0 <= value < np.inf):
        raise ValueError(f"{name}={value!r} is not {what}: pass a number ≥ 0, as {example}.")
