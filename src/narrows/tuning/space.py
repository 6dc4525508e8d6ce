"""What is tried: the values of each parameter, and candidates drawn from them.

An axis is a list of values, or a pair (low, high): a range of numbers, whole where both ends are, drawn
evenly on a logarithmic scale where low is above 0.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from itertools import product, zip_longest
from typing import Any

import numpy as np

from narrows.estimators import Autoencoder
from narrows.spec import Spec

Axis = Sequence[Any]
Space = Mapping[str, Axis]
Candidate = dict[str, Any]
Axes = dict[str, list[Any] | tuple[Any, Any]]  # checked

LARGEST = 64  # latent size up to which "auto" is looked for, as in a fit
GRID = 4096  # combinations up to which they are all listed before some are chosen
RATES = ("auto", 3e-3, 1e-3)
NOISE = (0.5, 1.0, 2.0)  # times the recipe's
WEIGHTS = (1 / 3, 1.0, 3.0)
FIXED: tuple[str, ...] = ("input", "callbacks", "conditional", "max_epochs", "random_state")
FIXED += ("validation_fraction", "verbose", "warm_start")
SHRUNK = {"hidden": 4, "channels": 2}  # what layers are divided by in the narrower of two networks


def sizes(components: int) -> list[int]:
    """Latent sizes from 1 up: powers of two below the number of principal components that hold 99% of the
    variance, and that number; beyond it a code has next to nothing left to gain.

    >>> sizes(41), sizes(3), sizes(500)
    ([2, 4, 8, 16, 32, 41], [1, 2, 3], [2, 4, 8, 16, 32, 64])
    """
    top = max(1, min(components, LARGEST))
    below = [2**i for i in range(top.bit_length()) if 2**i < 0.8 * top]
    return [*below[-5:], top]


def axes(ae: Autoencoder, spec: Spec, components: int, own_size: bool) -> Axes:
    """What is tried of an estimator where the user names nothing; ``spec`` are its parts.

    ``components`` principal components hold 99% of the variance.  A latent size that is a number is left
    alone where it is the user's own, else halved and halved again.
    """
    found: Axes = {}
    if ae.latent_dim == "auto":
        found["latent_dim"] = sizes(components)
    elif not own_size:
        found["latent_dim"] = sorted({max(1, int(ae.latent_dim) // by) for by in (4, 2, 1)})
    for field, by in SHRUNK.items():
        if widths := getattr(spec.backbone, field, None):
            narrow = tuple(max(1, width // by) for width in widths)
            found[f"backbone__{field}"] = [narrow, tuple(widths)]
    rate = ae.learning_rate
    found["learning_rate"] = list(RATES) if isinstance(rate, str) else [rate, rate / 3]
    for field in ("std", "p"):
        level = getattr(spec.corruption, field, None)
        if isinstance(level, float) and level > 0:
            found[f"corruption__{field}"] = [level * by for by in NOISE if field != "p" or level * by < 1]
    beta = getattr(spec.bottleneck, "beta", None)
    if isinstance(beta, (int, float)) and beta > 0:
        found["bottleneck__beta"] = [beta * by for by in NOISE]
    for i, penalty in enumerate(spec.penalties):
        weight = getattr(penalty, "weight", None)
        if isinstance(weight, (int, float)) and weight > 0:
            found[f"penalties__{i}__weight"] = [weight * by for by in WEIGHTS]
    return found


def checked(space: Space, ae: Autoencoder) -> Axes:
    """The user's space, every axis a list of values or a range."""
    known = ae.get_params()
    found: Axes = {}
    for name, axis in space.items():
        parts = name.partition("__")[0]
        if name not in known and not ("__" in name and known.get(parts, 0) is None):
            raise ValueError(
                f"space names {name!r}, which is no parameter of the model: use a name of get_params()."
            )
        if name in FIXED:
            raise ValueError(f"space names {name!r}, which the search itself decides: pass it to the recipe.")
        if isinstance(axis, tuple):
            if not (len(axis) == 2 and all(map(_number, axis)) and axis[0] < axis[1]):
                raise ValueError(
                    f"space[{name!r}] is {axis!r}, but a tuple is a range: pass (low, high), or a list of values."
                )
            found[name] = (_plain(axis[0]), _plain(axis[1]))
        elif isinstance(axis, (list, range, np.ndarray)) and len(axis):
            found[name] = [_plain(value) for value in axis]
        else:
            raise ValueError(
                f"space[{name!r}] is {axis!r}, expected values to try: pass a list, or a range (low, high)."
            )
    return found


def candidates(space: Axes, most: int, seed: int, near: int = 1) -> list[Candidate]:
    """Up to ``most`` different points of the space, in an order drawn by ``seed`` in which latent sizes take
    turns, beginning with those close to ``near``: all of them where they are that few, so that any first part
    of the list covers the sizes."""
    rng = np.random.default_rng(seed)
    ranges = [name for name, axis in space.items() if isinstance(axis, tuple)]
    count = math.prod(len(axis) for axis in space.values() if isinstance(axis, list))
    if not ranges and count <= GRID:
        points = [dict(zip(space, values, strict=True)) for values in product(*space.values())]
        points = [points[i] for i in rng.permutation(len(points))]
    else:
        points = list(_spread(space, most if ranges else min(most, count), rng))
    return _in_turns(points, near)[:most]


def _spread(space: Axes, most: int, rng: np.random.Generator) -> Iterator[Candidate]:
    """Draws that divide every axis evenly among them: a Latin hypercube (McKay et al. 1979)."""
    columns = {}
    for name, axis in space.items():
        places = (rng.permutation(most) + rng.random(most)) / most
        columns[name] = [_at(axis, float(place)) for place in places]
    seen = set()
    for values in zip(*columns.values(), strict=True):
        if repr(values) not in seen:
            seen.add(repr(values))
            yield dict(zip(columns, values, strict=True))


def _at(axis: list[Any] | tuple[float, float], place: float) -> Any:
    """The value a share ``place`` of the way along an axis."""
    if isinstance(axis, list):
        return axis[min(int(place * len(axis)), len(axis) - 1)]
    low, high = axis
    whole = isinstance(low, int) and isinstance(high, int)
    end = high + whole
    value = low * (end / low) ** place if low > 0 else low + (end - low) * place
    return min(int(value), high) if whole else float(value)


def values(space: Axes, points: Sequence[Candidate], name: str) -> list[Any]:
    """What was planned to be tried of a parameter: its list, or of a range what was drawn."""
    axis = space.get(name, [])
    return list(axis) if isinstance(axis, list) else sorted({point[name] for point in points})


def one_of_each_size(points: Sequence[Candidate], own: Mapping[str, Any], near: int) -> list[Candidate]:
    """The point of each latent size that has most of a model's ``own`` parameters; sizes close to ``near`` first.

    >>> points = [{"latent_dim": k, "learning_rate": rate} for k in (1, 4, 32) for rate in (0.1, "auto")]
    >>> [(p["latent_dim"], p["learning_rate"]) for p in one_of_each_size(points, {"learning_rate": "auto"}, 5)]
    [(4, 'auto'), (1, 'auto'), (32, 'auto')]
    """

    def others(point: Candidate) -> int:
        return sum(
            repr(own.get(name)) != repr(value) for name, value in point.items() if name != "latent_dim"
        )

    return [min(group, key=others) for group in _of_each_size(points, near)]


def _in_turns(points: Sequence[Candidate], near: int) -> list[Candidate]:
    """The same points, the values of the latent size in turn."""
    turns = zip_longest(*_of_each_size(points, near))
    return [point for turn in turns for point in turn if point is not None]


def _of_each_size(points: Sequence[Candidate], near: int) -> list[list[Candidate]]:
    """Points by latent size, sizes by how close they are to ``near``."""
    groups: dict[Any, list[Candidate]] = {}
    for point in points:
        groups.setdefault(point.get("latent_dim"), []).append(point)

    def distance(size: Any) -> float:
        return abs(math.log(max(size, 1) / near)) if _number(size) else 0.0

    return [groups[size] for size in sorted(groups, key=distance)]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
