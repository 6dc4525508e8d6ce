"""``python -m narrows.demo PATH``: draw the README's picture anew from real training runs."""

from __future__ import annotations

import sys

from narrows.atomic import atomic_path
from narrows.demo.picture import draw

if len(sys.argv) != 2:
    sys.exit("usage: python -m narrows.demo PATH.png")
with atomic_path(sys.argv[1]) as path:
    draw().savefig(path, dpi=150)
