"""`python -m launch`, the same as the command `distnet`."""

from __future__ import annotations

import sys

from launch.cli import main

if __name__ == "__main__":
    sys.exit(main())
