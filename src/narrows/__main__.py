"""``python -m narrows`` is ``narrows``."""

import sys

from narrows.cli import main

if __name__ == "__main__":
    sys.exit(main())
