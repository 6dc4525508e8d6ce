"""What else is asked of the code."""

from narrows.penalties.contractive import Contractive
from narrows.penalties.kl_sparsity import KLSparsity
from narrows.penalties.l1 import L1
from narrows.penalties.recorrupted import Recorrupted
from narrows.penalties.row_rate import RowRate
from narrows.penalties.trim import Trim

__all__ = ["L1", "Contractive", "KLSparsity", "Recorrupted", "RowRate", "Trim"]
