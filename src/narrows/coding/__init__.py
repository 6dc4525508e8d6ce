"""Arrays and symbols as few bytes, and a file to keep them in. Knows nothing of networks.

``tables`` codes the symbols of a model, ``residuals`` what a prediction leaves, ``plain`` an array alone;
``container`` puts the results in one file. All are functions of bytes and arrays, and every decoder
treats what it reads as something that anyone may have written.
"""

from narrows.coding.container import Chunk, Reader, Writer, checksum, model_hash
from narrows.coding.layout import Damaged
from narrows.coding.tables import Tables

__all__ = ["Chunk", "Damaged", "Reader", "Tables", "Writer", "checksum", "model_hash"]
