"""``python -m nuinfer``."""

import sys

from nuinfer.cli import main

if __name__ == "__main__":  # MPI workers import this module too
    sys.exit(main())
