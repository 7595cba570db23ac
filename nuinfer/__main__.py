"""``python -m nuinfer``, and the command ``nuinfer``."""

import gc
import sys
from signal import SIGINT

GARBAGE = 100_000
"""New objects after which Python looks for cycles among them, in workers too: imports and figures make few."""


def run() -> int:
    """Exit code of the command line, of an interrupt before it has begun too."""
    gc.set_threshold(GARBAGE)
    try:
        from nuinfer.cli import main

        return main()
    except KeyboardInterrupt:
        return 128 + SIGINT
    finally:
        gc.freeze()  # Python searches once more at its end


if __name__ == "__main__":  # MPI workers import this module too
    sys.exit(run())
