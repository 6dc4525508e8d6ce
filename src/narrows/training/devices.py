"""Where a fit runs."""

from __future__ import annotations

import torch


def device(name: str) -> torch.device:
    """The device of that name; "auto" is a CUDA GPU where there is one, else the processor."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(name)
        torch.zeros((), device=found)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={name!r} cannot be used here ({str(error).splitlines()[0]}): pass 'auto', 'cpu' or 'cuda'."
        ) from None
    return found
