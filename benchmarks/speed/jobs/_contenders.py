"""Contenders that several jobs have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.speed.contract import Contender

BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}


def narrows(build: str, **options: Any) -> tuple[Contender, Contender]:
    """Narrows with its defaults, and held to float32 products: the reference of quality."""
    needs = ("narrows",)
    return (
        Contender("narrows", "Narrows", build, options, needs),
        Contender("narrows_fp32", "Narrows, float32", build, {**options, "precision": "float32"}, needs),
    )


def keras(build: str, suffix: str = "", words: str = "", **options: Any) -> tuple[Contender, ...]:
    """Keras on each of its backends."""
    return tuple(
        Contender(
            f"keras_{backend}{suffix}",
            f"Keras on {title}{words}",
            build,
            options,
            ("keras", backend),
            {"KERAS_BACKEND": backend},
        )
        for backend, title in BACKENDS.items()
    )


def torch_loop(build: str, suffix: str = "", words: str = "", **options: Any) -> Contender:
    return Contender(f"torch{suffix}", f"PyTorch DataLoader loop{words}", build, options, ("torch",))


def params(base: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {**base, **more}
