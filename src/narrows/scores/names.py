"""Scores by their names, and as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from narrows import scores


def resolve(score: Any) -> Any:
    """The score that is meant: a part, or the lower-cased name of one.

    >>> resolve("residual")
    Residual()
    """
    if isinstance(score, str):
        for name in scores.__all__:
            if name.lower() == score.lower():
                return getattr(scores, name)()
    elif hasattr(score, "totals") and dataclasses.is_dataclass(score) and not isinstance(score, type):
        return score
    known = ", ".join(repr(name.lower()) for name in scores.__all__)
    given = repr(score) if isinstance(score, (str, int, float)) else f"a {type(score).__name__}"
    raise ValueError(
        f"scores={given} is not known: expected 'auto', {known} or a part such as Neighbours(k=5)."
    )


def to_json(score: Any) -> dict[str, Any]:
    """Its name and parameters."""
    return {"part": type(score).__name__, **dataclasses.asdict(score)}


def from_json(data: dict[str, Any]) -> Any:
    """The inverse; only public names are looked up."""
    if data["part"] not in scores.__all__:
        raise ValueError(
            f"The file names the score {data['part']!r}, but this version knows {', '.join(scores.__all__)}:"
            " load it with the version that wrote it."
        )
    return getattr(scores, data["part"])(**{name: v for name, v in data.items() if name != "part"})
