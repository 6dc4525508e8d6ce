"""The five choices of one model, resolved from names, validated once, to and from JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from narrows import backbones, bottlenecks, corruptions, inputs, likelihoods, penalties, priors
from narrows.contracts import Part

# Where the names of each choice are looked up: the public list of its room.
ROOMS: dict[str, ModuleType] = {
    "input": inputs,
    "corruption": corruptions,
    "backbone": backbones,
    "bottleneck": bottlenecks,
    "likelihood": likelihoods,
    "penalty": penalties,
    "prior": priors,
    "numbers": likelihoods,  # of a Mixed likelihood
    "network": backbones,  # beside ItemItem's linear map
}


# What None stands for: an MLP, a linear code, least squares.
DEFAULTS: dict[str, Any] = {
    "backbone": backbones.MLP(),
    "bottleneck": bottlenecks.Deterministic(),
    "likelihood": likelihoods.Normal(mean="auto"),
}


def resolve(choice: str, value: Any) -> Any:
    """The part that ``value`` stands for: a part itself, its lower-cased public name, or None.

    >>> resolve("likelihood", "bernoulli")
    Bernoulli()
    """
    if value is None or (isinstance(value, Part) and not isinstance(value, type)):
        return value
    names = ROOMS[choice].__all__
    if isinstance(value, str):
        wanted = value.lower().replace("_", "").replace("-", "")
        for name in names:
            if name.lower() == wanted:
                return getattr(ROOMS[choice], name)()
    if choice == "backbone" and isinstance(value, (tuple, list)) and len(value) == 2:
        return backbones.Modules(*value)
    known = ", ".join(repr(n.lower()) for n in names)
    given = repr(value) if isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
    raise ValueError(
        f"{choice}={given} is not a part: expected one of {known} or a part such as {names[0]}(…)."
    )


def _listed(value: Any) -> tuple[Any, ...]:
    """Penalties may be given as one part, one name or several."""
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(value) if several else (() if value is None else (value,))


@dataclass(frozen=True)
class Spec:
    """The choices of one model; every field is a part (``corruption`` may be None)."""

    input: Any
    corruption: Any
    backbone: Any
    bottleneck: Any
    likelihood: Any
    penalties: tuple[Any, ...]

    @classmethod
    def resolved(
        cls, input: Any, corruption: Any, backbone: Any, bottleneck: Any, likelihood: Any, penalties: Any
    ) -> Spec:
        """From parts, names or None, which stands for the defaults; an input may have a likelihood of its
        own as that."""
        rows = resolve("input", input)
        own = resolve("likelihood", getattr(rows, "likelihood", None)) or DEFAULTS["likelihood"]
        return cls(
            input=rows,
            corruption=resolve("corruption", corruption),
            backbone=resolve("backbone", backbone) or DEFAULTS["backbone"],
            bottleneck=resolve("bottleneck", bottleneck) or DEFAULTS["bottleneck"],
            likelihood=resolve("likelihood", likelihood) or own,
            penalties=tuple(resolve("penalty", p) for p in _listed(penalties)),
        )

    def __post_init__(self) -> None:
        for penalty in self.penalties:
            if getattr(penalty, "needs_unit_codes", False) and not getattr(self.bottleneck, "unit", False):
                raise ValueError(
                    f"{type(penalty).__name__} got codes of {self.bottleneck!r}, but needs codes in (0, 1):"
                    " pass bottleneck=Deterministic(activation='sigmoid')."
                )

    def to_json(self) -> dict[str, Any]:
        """Names and parameters of every part, nothing else."""
        return {
            f.name: [part_to_json(p) for p in v] if isinstance(v, tuple) else part_to_json(v)
            for f in dataclasses.fields(self)
            for v in [getattr(self, f.name)]
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], modules: tuple[nn.Module, nn.Module] | None = None) -> Spec:
        """The inverse; only names in the public lists are looked up, so a file cannot run code."""
        found = {k: part_from_json(k, v, modules) for k, v in data.items() if k != "penalties"}
        return cls(**found, penalties=tuple(part_from_json("penalty", p) for p in data["penalties"]))


def part_to_json(part: Any) -> dict[str, Any] | None:
    """``{"part": name, parameter: value …}``; nested parts likewise, networks left out."""
    if part is None:
        return None
    data: dict[str, Any] = {"part": type(part).__name__}
    for f in dataclasses.fields(part):
        value = getattr(part, f.name)
        if isinstance(value, nn.Module):
            continue
        data[f.name] = part_to_json(value) if isinstance(value, Part) else plain(value)
    return data


def plain(value: Any) -> Any:
    """A parameter's value as JSON has it: numbers of NumPy become Python's, a device its name."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, torch.device):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value


def part_from_json(choice: str, data: Any, modules: tuple[nn.Module, nn.Module] | None = None) -> Any:
    """The part that :func:`part_to_json` described."""
    if data is None:
        return None
    name, room = data["part"], ROOMS[choice]
    if name not in room.__all__:
        raise ValueError(
            f"The model names the {choice} {name!r}, but this version knows {', '.join(room.__all__)}:"
            " load it with the version that wrote it, or build the part's module in."
        )
    part = getattr(room, name)
    if choice == "backbone" and modules is not None and part is not backbones.Modules:
        raise ValueError(
            f"Networks were passed, but the model was fitted with the backbone {name}: load it without modules."
        )
    if part is backbones.Modules:
        if modules is None:
            raise ValueError(
                "The model was fitted with networks of your own, which a file cannot hold:"
                " pass them, as in load(path, modules=(encoder, decoder))."
            )
        return part(*modules)
    values = {}
    for f in dataclasses.fields(part):
        if f.name in data:
            v = data[f.name]
            nested = isinstance(v, dict) and "part" in v
            values[f.name] = part_from_json(f.name, v) if nested else tuple(v) if isinstance(v, list) else v
    return part(**values)
