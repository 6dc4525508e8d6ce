"""What is measured: quality in ``foundation.py``, speed in ``speed``."""
