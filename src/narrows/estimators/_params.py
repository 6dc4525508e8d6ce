"""Reaching into parts the way scikit-learn reaches into nested estimators: ``bottleneck__beta``,
``penalties__0__weight``; and parameters as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from torch import nn

from narrows.artifact import Model
from narrows.contracts import Part
from narrows.spec import DEFAULTS, ROOMS, part_from_json, part_to_json, plain, resolve

CHOICES = ("input", "corruption", "backbone", "bottleneck", "likelihood")


def _fields(part: Any) -> list[str]:
    return [f.name for f in dataclasses.fields(part)] if dataclasses.is_dataclass(part) else []


def nested(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of every part among an estimator's own ``params``, by their long names."""
    found: dict[str, Any] = {}
    parts = {name: params[name] for name in CHOICES}
    penalties = params["penalties"]
    if isinstance(penalties, (tuple, list)):
        parts |= {f"penalties__{i}": p for i, p in enumerate(penalties)}
    while parts:
        name, part = parts.popitem()
        for field in _fields(part):
            value = getattr(part, field)
            found[f"{name}__{field}"] = value
            if isinstance(value, Part):
                parts[f"{name}__{field}"] = value
    return found


def replaced(owner: str, value: Any, path: list[str], new: Any) -> Any:
    """``value`` (a part, its name, or a tuple of parts) with the parameter at ``path`` set to ``new``."""
    head, *rest = path
    if isinstance(value, (tuple, list)):
        if not (head.isdigit() and int(head) < len(value) and rest):
            raise ValueError(
                f"{owner}__{'__'.join(path)} names no part: {owner} has {len(value)}, from 0 on."
            )
        parts = list(value)
        parts[int(head)] = replaced(f"{owner}__{head}", parts[int(head)], rest, new)
        return type(value)(parts)
    part = resolve("penalty" if owner.startswith("penalties") else owner.split("__")[-1], value)
    part = DEFAULTS.get(owner) if part is None else part
    if head not in _fields(part):
        known = ", ".join(_fields(part)) or "none"
        what = "no part" if part is None else repr(part)
        raise ValueError(f"Invalid parameter {head!r} for {owner}={what}: its parameters are {known}.")
    if rest:
        inner = replaced(head, getattr(part, head), rest, new)
    else:  # a part within a part may be given by its name, too
        inner = resolve(head, new) if head in ROOMS and isinstance(new, str) else new
    return dataclasses.replace(part, **{head: inner})


def to_json(params: dict[str, Any]) -> dict[str, Any]:
    """An estimator's own parameters as JSON; callbacks and the user's networks are not data."""
    return {name: _plain(value) for name, value in params.items() if name != "callbacks"}


def _plain(value: Any) -> Any:
    if isinstance(value, nn.Module):
        return None  # `load` is given it again
    if isinstance(value, Part):
        return part_to_json(value)
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    return plain(value)


def saved(ae: Any) -> Model:
    """A fitted autoencoder as a file holds it."""
    params = to_json(ae.get_params(deep=False)) | {"random_state": ae.fitted_.seed}
    names = getattr(ae, "feature_names_in_", None)
    return Model(ae.fitted_, params, None if names is None else list(names))


def from_json(data: dict[str, Any], modules: tuple[nn.Module, nn.Module] | None) -> dict[str, Any]:
    """The inverse of :func:`to_json`."""
    params = dict(data)
    for name in CHOICES:
        if isinstance(params[name], dict):
            params[name] = part_from_json(name, params[name], modules)
    if modules is not None and not isinstance(params["backbone"], Part):
        params["backbone"] = tuple(modules)  # it was given as a plain pair
    if isinstance(params["penalties"], list):
        params["penalties"] = tuple(
            part_from_json("penalty", p) if isinstance(p, dict) else p for p in params["penalties"]
        )
    elif isinstance(params["penalties"], dict):
        params["penalties"] = part_from_json("penalty", params["penalties"])
    return params
