"""Effective draws per 1,000 evaluations and per CPU second, of moves and numbers of walkers.

OMP_NUM_THREADS=1 python benchmarks/moves.py [PRESET ...]

All ensembles of a row step together in this process, after a burn-in, about as many walkers in all rows. Host: seconds
that are not those of the posterior.
"""

from __future__ import annotations

import sys
import time

import emcee
import numpy as np

import nuinfer
from nuinfer.inference.runs.diagnostics import autocorrelation_times
from nuinfer.inference.sampling import lockstep
from nuinfer.inference.sampling.ensemble import start_of
from nuinfer.inference.sampling.redraw import Student

BURN_IN, STEPS, WALKERS_IN_ALL = 400, 1200, 512
MOVES: dict[str, lockstep.Proposals] = {
    "differences": [(emcee.moves.DEMove(), 0.9), (emcee.moves.DEMove(gamma0=1.0), 0.1)],
    "KDE and DE": [(emcee.moves.KDEMove(), 0.5), (emcee.moves.DEMove(), 0.45), (emcee.moves.DEMove(gamma0=1.0), 0.05)],
    "stretch": [(emcee.moves.StretchMove(), 1.0)],
}
WALKERS = {"default": (32, 40, 64, 128), "differences": (24, 32, 64, 128, 256), "KDE and DE": (32, 64, 128, 256)}


class Timed:
    """An analysis that counts its evaluations and their CPU seconds."""

    def __init__(self, analysis: nuinfer.Analysis) -> None:
        self._analysis, self.term_names, self.parameter_names = analysis, analysis.term_names, analysis.parameter_names
        self.points, self.seconds = 0, 0.0

    def evaluate(self, theta: np.ndarray) -> tuple[np.ndarray, ...]:
        """As the analysis does."""
        start = time.process_time()
        found = self._analysis.evaluate(theta)
        self.points, self.seconds = self.points + len(theta), self.seconds + time.process_time() - start
        return found


def row(analysis: nuinfer.Analysis, proposals: lockstep.Proposals, walkers: int) -> str:
    """Measure one setting."""
    ensembles = max(2, WALKERS_IN_ALL // walkers)
    walking = [lockstep.after(start_of(analysis, walkers, 5, k)) for k in range(ensembles)]
    for _ in range(BURN_IN):
        lockstep.step(walking, analysis, proposals)
    timed, rows, start = Timed(analysis), [], time.process_time()
    for _ in range(STEPS):
        lockstep.step(walking, timed, proposals)  # type: ignore[arg-type]  # all that a step asks of an analysis
        rows.append([one.coords for one in walking])
    taken = time.process_time() - start
    tau = float(np.max(autocorrelation_times(np.stack(rows, axis=1))))
    ess = timed.points / tau
    host, kernel = (1e6 * s / timed.points for s in (taken - timed.seconds, timed.seconds))
    return f"{walkers:7d} {ensembles:9d} {tau:7.1f} {1e3 / tau:11.1f} {ess / taken:12.0f} {host:8.1f} {kernel:9.1f}"


def main(presets: list[str]) -> None:
    """Print a table."""
    for preset in presets:
        analysis = nuinfer.load(preset)
        default = lockstep.moves(analysis)
        without = [(move, weight) for move, weight in default if not isinstance(move, Student)]
        print(f"{preset:14s} walkers ensembles     tau  per 1,000    per CPU s  host us  posterior us")
        for name, proposals in ({"default": default, "not Student": without} | MOVES).items():
            for walkers in WALKERS.get(name, (64,)):
                print(f"{name:14s} {row(analysis, proposals, walkers)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["hese7_icecube", "hese7"])
