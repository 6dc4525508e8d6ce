"""What the other verbs say of a recommender: fit of one that was made, info of one in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

POPULAR = 3  # items that info names


def learned(made: Any, seconds: float) -> dict[str, Any]:
    """What fit says of a recommender beside what it says of every model."""
    best = sorted(made.tried_, key=lambda row: -row["ndcg@100"])
    return {
        "users": made.n_users_,
        "items": made.n_features_in_,
        "interactions": int(made.popularity_.sum()),
        **({"chosen": best[0]["model"]} if len(best) > 1 else {}),
        "tried": made.tried_,
        "seconds": seconds,
    }


def known(path: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """What info says of a recommender's file: its description does not hold numbers, so these are read."""
    import numpy as np
    from safetensors import SafetensorError, safe_open

    from narrows.header import damaged

    own = document["task"]["state"]["own"]
    try:
        with safe_open(path, "numpy") as file:
            popularity = file.get_tensor("task.popularity")
            there = "task.names" in file.keys()  # noqa: SIM118 (it is no mapping)
            names = own.get("names") or (file.get_tensor("task.names") if there else range(len(popularity)))
    except (SafetensorError, OSError) as error:
        raise damaged(path, str(error)) from None
    best = np.argsort(-popularity, kind="stable")[:POPULAR]
    at_least, tried = document["task"]["params"].get("at_least"), own["tried"]
    return {
        **({"an interaction": f"at least {at_least:g}"} if at_least is not None else {}),
        **({"columns": list(own["columns"])} if own["columns"] else {}),
        **({"tried": [f"{row['model']} {row['ndcg@100']:.4f}" for row in tried]} if tried else {}),
        "users": own["users"],
        "items": len(popularity),
        "interactions": int(popularity.sum()),
        "popular": [f"{names[i]} ({popularity[i] / own['users']:.0%} of users)" for i in best],
    }
