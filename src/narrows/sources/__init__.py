"""Where rows come from.

``ImageFolder``, ``Npy`` and ``Parquet`` are read on demand, a few rows at a time; a path given to an
estimator becomes one of them by itself where the file is large (:func:`narrows.sources.found.find`).
"""

from narrows.sources.image_folder import ImageFolder
from narrows.sources.memory import Memory
from narrows.sources.npy import Npy
from narrows.sources.parquet import Parquet

__all__ = ["ImageFolder", "Memory", "Npy", "Parquet"]
