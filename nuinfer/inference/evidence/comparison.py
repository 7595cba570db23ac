"""The outcome of a comparison: hypotheses with their evidences, and absorption against none."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.inference.evidence.absorption_test import AbsorptionTest
from nuinfer.inference.evidence.evidence import SCALE_REFERENCE, Average, Evidence, average, verbal
from nuinfer.inference.evidence.nested import Setting


@dataclass(frozen=True)
class Comparison:
    """Hypotheses and their evidences, in the order in which they were given.

    Parameters
    ----------
    hypotheses : tuple of Evidence
        What is known of each.
    setting : Setting
        How the evidences were computed.
    warnings : tuple of str
        What the numbers depend on.
    absorption : tuple of AbsorptionTest
        One for each pair that differs in ``model.absorption`` alone.
    folder : Path or None
        Where the results are.
    """

    hypotheses: tuple[Evidence, ...]
    setting: Setting
    warnings: tuple[str, ...] = ()
    absorption: tuple[AbsorptionTest, ...] = ()
    folder: Path | None = None

    def __getitem__(self, name: str) -> Evidence:
        for evidence in self.hypotheses:
            if evidence.name == name:
                return evidence
        raise KeyError(name)

    @property
    def best(self) -> Evidence:
        """The hypothesis with the largest evidence."""
        return max(self.hypotheses, key=lambda evidence: evidence.ln_z)

    def ln_bayes_factor(self, name: str, against: str | None = None) -> tuple[float, float]:
        """Difference of ln Z to another hypothesis, by default the best one, and its error."""
        one, other = self[name], self.best if against is None else self[against]
        if one is other:
            return 0.0, 0.0
        return one.ln_z - other.ln_z, math.hypot(one.ln_z_error, other.ln_z_error)

    def average(self, names: Iterable[str] | None = None) -> Average:
        """Average over hypotheses, by default all, of the quantities they share; see `evidence.average`."""
        chosen = [evidence.name for evidence in self.hypotheses] if names is None else list(names)
        return average([self[name] for name in chosen])

    def entry(self, evidence: Evidence) -> dict[str, Any]:
        """One hypothesis of the JSON."""
        ln_b, error = self.ln_bayes_factor(evidence.name)
        answer: dict[str, Any] = {
            "name": evidence.name,
            "ln_z": evidence.ln_z,
            "ln_z_error": evidence.ln_z_error,
            "ln_bayes_factor": ln_b,
            "ln_bayes_factor_error": error,
            "scale": "best" if evidence is self.best else verbal(ln_b, error),
            "ln_prior_volume": evidence.ln_prior_volume,
            "allowed_prior": math.exp(evidence.ln_allowed),
            "best_fit": dict(evidence.best_fit),
            "max_log_likelihood": evidence.max_log_likelihood,
            "information": float(np.mean([run.information for run in evidence.runs])),
            "quoted_error": evidence.quoted_error,
            "scatter": evidence.scatter,
            "seeds": [
                {"seed": seed, "ln_z": run.ln_z, "ln_z_error": run.ln_z_error, "calls": run.calls}
                for seed, run in zip(evidence.seeds, evidence.runs, strict=True)
            ],
            "config_hash": evidence.analysis.config_hash,
        }
        best = self.best.loo
        if evidence.loo is not None and best is not None:
            difference, spread = evidence.loo.difference(best)
            answer["loo"] = {
                "elpd": evidence.loo.elpd,
                "elpd_difference": difference,
                "elpd_difference_error": spread,
                "pareto_k_max": evidence.loo.k_max if math.isfinite(evidence.loo.k_max) else None,
                "bins_refitted": list(evidence.loo.refitted),
            }
        return answer

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        answer: dict[str, Any] = {
            "hypotheses": [self.entry(evidence) for evidence in self.hypotheses],
            "engine": asdict(self.setting),
            "scale_reference": SCALE_REFERENCE,
            "absorption": [asdict(test) | _p_value(test) for test in self.absorption],
            "warnings": list(self.warnings),
        }
        with contextlib.suppress(ConfigError):  # they share nothing
            answer["average"] = self.average().to_dict()
        return answer


def _p_value(test: AbsorptionTest) -> dict[str, Any]:
    return {"p_value": None if test.likelihood_ratio is None else test.likelihood_ratio.p_value}
