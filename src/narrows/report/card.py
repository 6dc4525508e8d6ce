"""The model card: how it is composed, how it was trained, and with what."""

from __future__ import annotations

import dataclasses
import platform
from typing import Any

import numpy as np
import scipy
import sklearn
import torch

from narrows._version import __version__
from narrows.report.blocks import Facts
from narrows.report.evidence import Evidence
from narrows.report.page import Section


def section(found: Evidence) -> Section:
    fitted, training = found.fitted, found.fitted.training
    spec = {f.name: _said(getattr(fitted.spec, f.name)) for f in dataclasses.fields(fitted.spec)}
    weights = sum(p.numel() for p in fitted.net.parameters())
    about = {
        "latent size": str(fitted.latent_dim),
        "parameters": f"{weights:,}",
        "precision": str(fitted.dtype).removeprefix("torch."),
        "seed": str(fitted.seed),
    }
    if "rows" in training:
        held = training.get("validation_rows", 0)
        about["trained on"] = f"{training['rows']:,} rows" + (f", {held:,} more held out" if held else "")
    if "seconds" in training:
        about["training"] = (
            f"{training.get('epochs', len(fitted.history))} epochs in {training['seconds']:.1f} s on"
            f" {training.get('device', 'cpu')}; stopped: {training.get('stopped', 'unknown')}"
        )
    versions = {"narrows": __version__, "Python": platform.python_version(), "torch": torch.__version__,
                "scikit-learn": sklearn.__version__, "NumPy": np.__version__, "SciPy": scipy.__version__}  # fmt: skip
    about["this page"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Section("Model card", [], [Facts({k: f"`{v}`" for k, v in spec.items() if v}), Facts(about)])


def _said(part: Any) -> str:
    """A part as it is written in Python."""
    return ", ".join(map(repr, part)) if isinstance(part, tuple) else "" if part is None else repr(part)
