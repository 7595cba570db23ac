"""Fit a preset or a configuration file and print what it says: python scripts/fit_icecube.py hese7 chains/hese7."""

from __future__ import annotations

import sys

import nuinfer


def main(preset: str = "hese7", out: str = "chains/hese7") -> None:
    """Sample the posterior of `preset` into `out`, or go on with what is there."""
    run = nuinfer.fit(nuinfer.load(preset), out, resume=True)
    summary = run.summary()
    print("converged" if summary["converged"] else "NOT converged")
    for name, entry in summary["parameters"].items():
        low, high = entry["hpd68"]
        print(f"{name:22s} {entry['median']:8.3f}   68 % HPD {low:8.3f} .. {high:8.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
