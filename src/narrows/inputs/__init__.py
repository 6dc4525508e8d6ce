"""What a row is: the user's data to tensors, and the way back in the user's units and types."""

from narrows.inputs.images import Images
from narrows.inputs.table import Table
from narrows.inputs.vectors import Vectors

__all__ = ["Images", "Table", "Vectors"]
