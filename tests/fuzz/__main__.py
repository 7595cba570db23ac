"""Make many attempts: ``python tests/fuzz [KIND ...] -n N``; ``--only NUMBER`` makes one again."""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

KINDS = {"configs": 60, "datasets": 27, "folders": 10, "disks": 2.5, "kills": 0.5}
"""What is attacked, and its part of a hundred attempts."""


def main() -> int:
    """Attack, print counts; 1 if there are faults."""
    sys.path.insert(0, str(Path(__file__).parent))
    import harness

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=list(KINDS), metavar="KIND")
    parser.add_argument("-n", type=int, default=100, help="attempts, those of each kind if kinds are given")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", type=int)
    given = parser.parse_args()
    bad = 0
    for kind in given.kinds:
        n = given.n if len(given.kinds) < len(KINDS) else round(given.n * KINDS[kind] / 100)
        numbers = range(given.first, given.first + n) if given.only is None else range(given.only, given.only + 1)
        fuzzer, start = importlib.import_module(kind).FUZZER, time.perf_counter()
        with tempfile.TemporaryDirectory() as root:
            found = harness.attack(fuzzer, numbers, Path(root), lambda text: print(text, flush=True))
        bad += len(found.faults)
        seconds = time.perf_counter() - start
        print(f"{kind}: {len(numbers)} in {seconds:.0f} s, {dict(found.ends)}, {len(found.faults)} faults", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
