"""Where rows come from."""

from narrows.sources.memory import Memory

__all__ = ["Memory"]
