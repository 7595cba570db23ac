"""``python -m nuinfer``, and the command ``nuinfer``."""

import sys
from signal import SIGINT


def run() -> int:
    """Exit code of the command line, of an interrupt before it has begun too."""
    try:
        from nuinfer.cli import main

        return main()
    except KeyboardInterrupt:
        return 128 + SIGINT


if __name__ == "__main__":  # MPI workers import this module too
    sys.exit(run())
