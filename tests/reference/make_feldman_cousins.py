"""Upper limits of Feldman and Cousins for a counting experiment, in plain Python: python make_feldman_cousins.py.

Phys. Rev. D 57 (1998) 3873: n events observed, Poisson with mean mu + b, mu >= 0. For each mu the n of the largest
P(n | mu) / P(n | max(0, n - b)) are accepted until their probability reaches the level; the limit is the largest mu
that accepts the observed n. `published` are the upper ends of their Table IV (90 %), which were made monotonic in b:
that moves the first one.
"""

import json
import math
from pathlib import Path

LEVEL, BACKGROUND = 0.9, 3.0
MOST, STEP = 15.0, 0.005  # of mu
PUBLISHED = {0: 1.08, 1: 1.88, 2: 3.04, 3: 4.42, 4: 5.60, 5: 6.99, 6: 8.47, 7: 9.53}


def poisson(n: int, mean: float) -> float:
    """Probability of n events."""
    return math.exp(n * math.log(mean) - mean - math.lgamma(n + 1.0))


def accepted(mu: float) -> set[int]:
    """Numbers of events that do not exclude mu."""
    chances = [poisson(n, mu + BACKGROUND) for n in range(60)]
    ratios = [p / poisson(n, max(0.0, n - BACKGROUND) + BACKGROUND) for n, p in enumerate(chances)]
    total, found = 0.0, set()
    for n in sorted(range(60), key=lambda k: -ratios[k]):
        if total >= LEVEL:
            break
        found.add(n)
        total += chances[n]
    return found


def main() -> None:
    """Write the limits."""
    limits = dict.fromkeys(PUBLISHED, 0.0)
    for k in range(int(MOST / STEP)):
        for n in accepted(k * STEP):
            if n in limits:
                limits[n] = k * STEP
    content = {"level": LEVEL, "background": BACKGROUND, "limits": limits, "published": PUBLISHED}
    Path(__file__).with_name("feldman_cousins.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
