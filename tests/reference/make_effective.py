"""Reference numbers for the effective likelihood, independent of the package.

Usage: python tests/reference/make_effective.py

Writes tests/reference/effective.json: n, mean, variance and the log-probability of arXiv:1901.04645 as printed there,
a ln b + ln Gamma(n + a) - (n + a) ln(1 + b) - ln n! - ln Gamma(a), by mpmath with as many digits as its differences
lose. Where the integral over the mean of the Poisson distribution times the gamma density can be done, it is compared.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import mpmath as mp

OUT = Path(__file__).with_name("effective.json")
COUNTS = (0.0, 1.0, 2.0, 7.0, 43.0, 1500.0, 0.3, 12.75)
MEANS = (1e-12, 1e-4, 0.03, 0.9, 11.0, 340.0, 1e6)
RATIOS = (1e-300, 1e-40, 1e-17, 1e-12, 1e-8, 1e-5, 1e-3, 0.02, 0.1, 0.5, 3.0, 1e3)  # variance over mean


def printed(n: float, mean: float, variance: float) -> mp.mpf:
    """The formula of the publication."""
    with mp.workdps(700):
        mu, sigma2 = mp.mpf(mean), mp.mpf(variance)
        a, b = mu**2 / sigma2 + 1, mu / sigma2
        terms = a * mp.log(b), mp.loggamma(n + a), -(n + a) * mp.log(1 + b), -mp.loggamma(n + 1), -mp.loggamma(a)
        return +mp.fsum(terms)


def integrated(n: float, mean: float, variance: float) -> mp.mpf:
    """Logarithm of the integral of Poisson times gamma."""
    a, b = mp.mpf(mean) ** 2 / variance + 1, mp.mpf(mean) / variance

    def density(x: mp.mpf) -> mp.mpf:
        return mp.exp(
            n * mp.log(x) - x - mp.loggamma(n + 1) + a * mp.log(b) + (a - 1) * mp.log(x) - b * x - mp.loggamma(a)
        )

    peak = (n + a - 1) / (1 + b)
    width = mp.sqrt(n + a) / (1 + b)
    ends = [0, peak / 50, *(peak + k * width for k in range(-8, 12, 2)), peak + 40 * width + 40 / (1 + b)]
    return mp.log(mp.quad(density, sorted({mp.mpf(end) for end in ends if end >= 0})))


def main() -> None:
    """Write the numbers."""
    rows = []
    for n, mean, ratio in itertools.product(COUNTS, MEANS, RATIOS):
        variance = mean * ratio
        if variance == 0.0:
            continue
        value = printed(n, mean, variance)
        if 0.02 <= ratio <= 3.0 and 0.03 <= mean <= 11.0 and n < 100.0:
            assert abs(integrated(n, mean, variance) / value - 1) < 1e-9, (n, mean, variance)
        rows.append([n, mean, variance, float(value)])
    OUT.write_text(json.dumps(rows, indent=None, separators=(",", ":")).replace("],[", "],\n[") + "\n")


if __name__ == "__main__":
    main()
