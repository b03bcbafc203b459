"""``python -m bmcha`` is ``bmcha``."""

import sys

from bmcha.cli import main

if __name__ == "__main__":
    sys.exit(main())
