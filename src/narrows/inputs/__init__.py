"""What a row is: the user's data to tensors, and the way back in the user's units and types."""

from narrows.inputs.counts import Counts
from narrows.inputs.images import Images
from narrows.inputs.patches import Patches
from narrows.inputs.signals import Signals
from narrows.inputs.table import Table
from narrows.inputs.text import Text
from narrows.inputs.vectors import Vectors

__all__ = ["Counts", "Images", "Patches", "Signals", "Table", "Text", "Vectors"]
