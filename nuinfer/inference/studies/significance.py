"""What the data say for a Z', absorption against none, at its best mass and over the whole (m_Z', g') plane.

The statistic is q = 2 ln [max L / max L without absorption], the maximum taken over mass, coupling and all else. At a
mass that is given beforehand q is zero half the time, and else chi^2 with one degree of freedom, for large samples:
that is the local p-value, and it says how unusual the data are *at the mass that they choose*. With the mass free, q
has many chances to be large, one for each place where a dip may lie, and no known distribution. Data simulated
without absorption, at the best fit to the data without it, say how often it is as large by chance anywhere: each
simulated data set is maximised over the whole plane too, so that nothing has to be corrected for the look elsewhere.
That is the global p-value.
"""

import math
from dataclasses import dataclass
from os import PathLike
from typing import Any, Unpack

import numpy as np
from scipy import stats

from nuinfer.analysis import Analysis
from nuinfer.confidence import ONE_SIGMA
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.profile import p_value
from nuinfer.inference.studies.jobs import needs_coupling, truth_of
from nuinfer.inference.studies.study import open_study
from nuinfer.inference.work.files import plain
from nuinfer.inference.work.simulation import draw_data
from nuinfer.inference.work.store import Execution
from nuinfer.physics.mediator import spelled
from nuinfer.typing import FloatArray

LOCAL = "asymptotic: zero half the time, else chi^2 with one degree of freedom, at the best mass"


@dataclass(frozen=True)
class Significance:
    """The likelihood ratio of absorption and how unusual it is.

    Parameters
    ----------
    name : str
        The analysis.
    q : float
        Twice ln [max L / max L without absorption], at least 0.
    m_zprime_mev, g_prime : float
        Where the likelihood is largest.
    simulated : ndarray, shape (n,)
        The statistic of data sets without absorption, each maximised over the whole plane.
    mediator : str
        Its kind, for labels.
    """

    name: str
    q: float
    m_zprime_mev: float
    g_prime: float
    simulated: FloatArray
    mediator: str = "vector"

    @property
    def local_p_value(self) -> float:
        """Of the best mass, as if it had been given beforehand, for large samples."""
        return p_value(self.q)

    @property
    def reached(self) -> int:
        """Number of simulated data sets whose statistic is as large."""
        return int(np.sum(self.simulated >= self.q))

    @property
    def global_p_value(self) -> float:
        """Share of data sets without absorption in which it is as large, the observed one included; NaN without any."""
        return (1 + self.reached) / (1 + self.simulated.size) if self.simulated.size else math.nan

    @property
    def global_interval(self) -> tuple[float, float]:
        """68 % interval of the share by Clopper and Pearson (Biometrika 26 (1934) 404), NaN without simulations."""
        n, k = self.simulated.size, self.reached
        if not n:
            return math.nan, math.nan
        tail = 0.5 * (1.0 - ONE_SIGMA)
        low = 0.0 if k == 0 else float(stats.beta.ppf(tail, k, n - k + 1))
        return low, 1.0 if k == n else float(stats.beta.ppf(1.0 - tail, k + 1, n - k))

    @property
    def trials(self) -> float:
        """The trials factor, global over local p-value."""
        return self.global_p_value / self.local_p_value

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before one quotes it."""
        if not self.simulated.size:
            return ("without simulations there is only the local p-value, which ignores that the mass was looked for",)
        if not self.reached:
            return (f"none of {self.simulated.size} simulated data sets reaches q: the global p-value is a bound",)
        return ()

    def sentence(self) -> str:
        """What it says, in words."""
        at = spelled(f"m_Z' = {self.m_zprime_mev:.3g} MeV, g' = {self.g_prime:.2e}", self.mediator)
        if not self.simulated.size:
            return f"absorption is preferred by q = {self.q:.2f} at {at}, local p-value {self.local_p_value:.2g}"
        low, high = self.global_interval
        return (
            f"absorption is preferred by q = {self.q:.2f} at {at} (local p-value {self.local_p_value:.2g}); without it "
            f"{self.reached} of {self.simulated.size} simulated data sets have as large a q somewhere in the plane: "
            f"global p-value {self.global_p_value:.2g} ({low:.2g} to {high:.2g} at 68 %), "
            f"{stats.norm.isf(min(self.global_p_value, 0.5)):.1f} sigma"
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain values; null where there is none."""
        names = ("q", "m_zprime_mev", "g_prime", "local_p_value", "global_p_value", "global_interval", "reached")
        answer = {"analysis": self.name, **{name: getattr(self, name) for name in names}}
        answer |= {"local": LOCAL, "simulations": self.simulated.size, "trials_factor": self.trials}
        return {key: plain(value) for key, value in (answer | {"warnings": self.warnings}).items()}


def significance(
    analysis: Analysis,
    simulations: int = 200,
    *,
    seed: int = 1504,
    out: str | PathLike[str] | None = None,
    **execution: Unpack[Execution],
) -> Significance:
    """How unusual the preference of the data for absorption is, at its best mass and anywhere in the plane.

    Parameters
    ----------
    analysis : Analysis
        With absorption and a coupling to fit.
    simulations : int
        Data sets without absorption; a global p-value is at least 1/(simulations + 1). 0: the local one only.
    seed : int
        Of the searches and the simulated data.
    out : path, optional
        Folder of the results, gone on with if it exists, with more simulations too; in memory by default.
    **execution
        ``jobs``, ``scheduler``, ``executor``, ``progress``, see `nuinfer.inference.work.store.Execution`; in this
        process by default. They do not change a number.

    Raises
    ------
    ConfigError
        If a value is not allowed.
    NotConvergedError
        If a job failed.

    Examples
    --------
    >>> import nuinfer
    >>> fixed = [f"parameters.{name}.value=1" for name in ("norm_conventional", "norm_muon", "detector_scale")]
    >>> fixed += ["parameters.energy_scale.value=1", "parameters.lightest_nu_mass_ev.value=0.05"]
    >>> found = nuinfer.significance(nuinfer.load("hese7_icecube", fixed), simulations=0)
    >>> 0.0 < found.local_p_value <= 1.0, found.global_p_value
    (True, nan)
    """
    if simulations < 0:
        raise ConfigError(f"simulations: {simulations} is not allowed, it must be at least 0")
    needs_coupling("significance", analysis)
    draw_data(truth_of(analysis, "standard_model"))  # refuses what cannot be simulated
    asked: dict[str, tuple[Analysis, dict[str, Any]]] = {"observed": (analysis, {"task": "significance"})}
    null = {"task": "significance", "data": "simulated", "truth": "standard_model", "n": simulations}
    asked |= {"null": (analysis, null)} if simulations else {}
    with open_study("significance", {"config_hash": analysis.config_hash}, seed, out, **execution) as study:
        rows = study.rows(asked, "data sets")
    observed, names = rows["observed"][0], analysis.parameter_names
    best = analysis.values(np.array([observed[name] for name in names]))
    simulated = np.array([row["q"] for row in rows.get("null", [])])
    at = float(best["m_zprime_mev"]), float(best["g_prime"])
    return Significance(analysis.name, observed["q"], *at, simulated, analysis.mediator)
