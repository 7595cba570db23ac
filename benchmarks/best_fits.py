"""Best fits, profile limits and pseudo-experiments here and in another checkout, in turn: best_fits.py OTHER [ROUNDS].

Prints CPU seconds of both (the best of all rounds) and their ratio: one fit alone, fits of many simulated data sets, a
profile limit, pseudo-experiments. The data sets are the same. What the maxima differ by is printed too: more than 0.01
is one that was missed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
from pair import run

PRESET, MANY = "hese7_icecube", 16

MEASURE = """
import json, sys, time
import numpy as np
import nuinfer
try:
    from nuinfer.inference.profile.profile import Profile, pseudo_experiments
except ImportError:
    from nuinfer.inference.profile import Profile, pseudo_experiments
preset, many = json.loads(sys.argv[1])
analysis = nuinfer.load(preset)
analysis.log_prob(analysis.sample_prior(100, np.random.default_rng(0)))
centre = analysis.expected_counts(analysis.prior_transform([0.5] * len(analysis.parameter_names)))
drawn = [np.random.default_rng(k).poisson(centre) for k in range(many)]
fixed = [f"parameters.{name}.value=1" for name in ("norm_conventional", "norm_muon", "detector_scale", "energy_scale")]
small = nuinfer.load("hese7", fixed)
small.log_prob(small.sample_prior(100, np.random.default_rng(0)))

def together():
    if hasattr(analysis, "data_sets"):
        from nuinfer.inference.profile.search import best_fits
        return [best.log_prob for best in best_fits(analysis, analysis.data_sets([(counts, {}) for counts in drawn]))]
    return [Profile(analysis.with_observed(counts)).best.log_prob for counts in drawn]

cases = {
    "one best fit": lambda: [Profile(analysis).best.log_prob],
    f"{many} best fits, each": together,
    "profile limit on g', four parameters fixed": lambda: [Profile(small).limit("log10_g_prime", "upper")],
    "8 pseudo-experiments, each": lambda: [pseudo_experiments(small, "log10_g_prime", -3.2, "upper", n=8)],
}
found = {}
for name, case in cases.items():
    start = time.process_time()
    values = case()
    share = many if name.startswith(f"{many} ") else 8 if name.startswith("8 ") else 1
    found[name] = (time.process_time() - start) / share, values
print(json.dumps(found))
"""


def main(other: str, rounds: int = 2) -> None:
    """Measure both checkouts in turn."""
    checkouts = (Path(__file__).resolve().parents[1], Path(other).resolve())
    asked = json.dumps([PRESET, MANY])
    found = [[json.loads(run(checkout, "-c", MEASURE, asked)) for checkout in checkouts] for _ in range(rounds)]
    print(f"{'CPU seconds':44s} {'here':>8s} {'there':>8s} {'there/here':>10s}  highest here - there")
    for name in found[0][0]:
        here, there = (min(each[k][name][0] for each in found) for k in (0, 1))
        gained = [a - b for a, b in zip(found[0][0][name][1], found[0][1][name][1], strict=True)]
        print(f"{name:44s} {here:8.2f} {there:8.2f} {there / here:10.2f}  {min(gained):+.4f} to {max(gained):+.4f}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
