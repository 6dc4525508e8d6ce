"""Reaching into parts the way scikit-learn reaches into nested estimators: ``bottleneck__beta``,
``penalties__0__weight``."""

from __future__ import annotations

import dataclasses
from typing import Any

from narrows.contracts import Part
from narrows.spec import resolve

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
    if head not in _fields(part):
        known = ", ".join(_fields(part)) or "none"
        what = "no part" if part is None else repr(part)
        raise ValueError(f"Invalid parameter {head!r} for {owner}={what}: its parameters are {known}.")
    inner = replaced(head, getattr(part, head), rest, new) if rest else new
    return dataclasses.replace(part, **{head: inner})
