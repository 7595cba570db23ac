"""What the chains of a run say: intervals, limits at an edge of the prior, whether the model describes the counts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from nuinfer.confidence import HPD_LEVELS, LIMIT, credible
from nuinfer.constants import COORDINATES
from nuinfer.inference.runs.diagnostics import Verdict, flattened
from nuinfer.likelihood import COUNTING, Density
from nuinfer.parameters import in_units
from nuinfer.typing import ArrayLike, FloatArray

_, COUPLING = COORDINATES
NOT_CONVERGED = "not converged: "
DRAWS_FOR_INTERVALS = 200_000
EDGE_BAND = 0.02  # of the prior range
EDGE_DENSITY = 0.3  # of the highest density; a Gaussian has it 1.55 sigma from its mean
PRIOR_BINS, LEARNED_BITS = 20, 0.02  # a Gaussian with 0.91 of the width of its prior has learned so much
PRIOR_DRAWS = 100_000
EXTREME = 0.005
"""A global p-value nearer than this to 0 or 1 is worth a warning; for bins it is divided by their number."""


def shortest_interval(draws: ArrayLike, probability: float) -> tuple[float, float]:
    """Shortest interval that holds more than the given share of the draws (highest posterior density).

    Parameters
    ----------
    draws : array_like
        Draws of one quantity, of any shape.
    probability : float
        Between 0 and 1.

    Examples
    --------
    >>> shortest_interval([0.0, 1.0, 2.0, 3.0, 9.0], 0.5)
    (0.0, 2.0)
    """
    ordered = np.sort(np.ravel(draws))
    further = min(math.floor(probability * len(ordered)), len(ordered) - 1)  # draws beyond the first of an interval
    first = int(np.argmin(ordered[further:] - ordered[: len(ordered) - further]))
    return float(ordered[first]), float(ordered[first + further])


def median_and_intervals(draws: FloatArray) -> dict[str, Any]:
    """``median``, ``hpd68`` and ``hpd95`` of the draws of one quantity."""
    intervals = {f"hpd{100 * level:.0f}": list(shortest_interval(draws, level)) for level in HPD_LEVELS}
    return {"median": float(np.median(draws)), **intervals}


def edges_reached(sample: FloatArray, low: float, high: float) -> tuple[str, ...]:
    """Edges of the prior, "low" or "high", at which the posterior piles up.

    The rule: in the outer 2 % of the prior range the density is more than 0.3 of the highest density in any such band,
    which for a Gaussian means a mean less than 1.55 sigma from the edge. An open end is replaced by the outermost draw
    and is never reached.

    Examples
    --------
    >>> edges_reached(np.linspace(0.0, 0.4, 1000), 0.0, 1.0)
    ('low',)
    """
    finite = low if np.isfinite(low) else np.min(sample), high if np.isfinite(high) else np.max(sample)
    counts, _ = np.histogram(sample, bins=round(1.0 / EDGE_BAND), range=finite)
    ends = ("low", low, counts[0]), ("high", high, counts[-1])
    return tuple(edge for edge, end, n in ends if np.isfinite(end) and n > EDGE_DENSITY * np.max(counts))


def one_sided_limit(sample: FloatArray, low: float, high: float, edge: str) -> dict[str, Any]:
    """95 % limit from the side away from `edge` ("low" or "high"), with the edge it depends on.

    Examples
    --------
    >>> one_sided_limit(np.arange(101.0), 0.0, 500.0, "low")
    {'side': 'upper', 'value': 95.0, 'prior_floor': 0.0}
    """
    side, probability, floor = ("upper", 0.95, low) if edge == "low" else ("lower", 0.05, high)
    return {"side": side, "value": float(np.quantile(sample, probability)), "prior_floor": float(floor)}


def unconstrained(sample: FloatArray, prior: FloatArray, ess: float = math.inf) -> bool:
    """Whether a posterior is as good as its prior.

    The rule: less than 0.02 bits of information (Kullback and Leibler 1951), of a histogram with 20 bins that the prior
    fills alike, less what a sample of that size has by chance.

    Parameters
    ----------
    sample, prior : ndarray, shape (n,)
        Draws of the posterior and of the prior.
    ess : float
        Effective sample size of the former.

    Examples
    --------
    >>> prior = np.linspace(0.0, 1.0, 5000)
    >>> unconstrained(prior**1.1, prior), unconstrained(prior**2, prior)
    (True, False)
    """
    edges = np.quantile(prior, np.arange(1, PRIOR_BINS) / PRIOR_BINS)
    shares = np.bincount(np.searchsorted(edges, sample), minlength=PRIOR_BINS) / len(sample)
    bits = float(np.sum(special.xlogy(shares, PRIOR_BINS * shares))) / math.log(2.0)
    return bits - (PRIOR_BINS - 1) / (2.0 * math.log(2.0) * max(ess, 1.0)) < LEARNED_BITS


def summarise(
    chain: FloatArray,
    verdict: Verdict,
    names: Sequence[str],
    prior_bounds: FloatArray,
    prior: FloatArray,
    most: int = DRAWS_FOR_INTERVALS,
) -> dict[str, Any]:
    """Summary of a run, as in ``summary.json``.

    Parameters
    ----------
    chain : array, shape (ensemble, step, walker, n_dim)
        All steps; the discarded ones are left out here.
    verdict : Verdict
        State of the chains.
    names : sequence of str
        Parameters, in column order.
    prior_bounds : array, shape (n_dim, 2)
        Support of the priors.
    prior : array, shape (n, n_dim)
        Draws of them.
    most : int
        Draws of the chains that are looked at.

    Returns
    -------
    dict
        ``converged``, ``rhat_max``, ``ess_min``, ``steps``, ``parameters`` (``median``, ``hpd68``, ``hpd95``, ``ess``,
        ``rhat``, ``unconstrained``, and ``limit95`` where the posterior is not as its prior and piles up at one edge of
        it), ``warnings``.
    """
    draws = flattened(chain[:, verdict.discard :], max(1, verdict.thin), most).reshape(-1, len(names))
    warnings = [NOT_CONVERGED + what for what in verdict.missing]
    if len(chain) < 2:
        warnings.append("a single ensemble: R-hat between ensembles is not defined")
    parameters: dict[str, dict[str, Any]] = {}
    columns = zip(names, draws.T, prior.T, prior_bounds, verdict.ess, verdict.rhat, strict=True)
    for name, sample, before, (low, high), ess, rhat in columns:
        parameters[name] = median_and_intervals(sample) | {"ess": float(ess), "rhat": float(rhat)}
        parameters[name]["unconstrained"] = unconstrained(sample, before, float(ess))
        edges = () if parameters[name]["unconstrained"] else edges_reached(sample, low, high)
        if len(edges) == 1:
            parameters[name]["limit95"] = one_sided_limit(sample, low, high, edges[0])
        elif edges:
            warnings.append(f"{name}: the posterior reaches both edges of its prior, the data hardly constrain it")
    worst = {"rhat_max": float(np.max(verdict.rhat)), "ess_min": float(np.min(verdict.ess)), "steps": verdict.steps}
    return {"converged": verdict.converged, **worst, "parameters": parameters, "warnings": warnings}


def limit_in_words(name: str, limit: Mapping[str, Any]) -> tuple[str, str, str]:
    """A one-sided limit of a parameter, credible and by profile likelihood, and the edge of the prior behind it.

    Examples
    --------
    >>> limit_in_words("log10_g_prime", {"side": "upper", "value": -4.0, "profile": None, "prior_floor": -6.0})
    ('< 0.0001', 'none', '1e-06')
    """
    sign, values = "<" if limit["side"] == "upper" else ">", [limit[key] for key in ("value", "prior_floor")]
    _, (value, edge) = in_units(name, *values)
    profile = limit.get("profile", "-")
    if isinstance(profile, float):
        profile = "{} {:.3g}".format(sign, *in_units(name, profile)[1])
    return f"{sign} {value:.3g}", profile or "none", f"{edge:.3g}"


def in_one_sentence(summary: Mapping[str, Any]) -> str:
    """What a run says, of the coupling where there is one, else of the spectrum."""

    def interval(name: str) -> str:
        label, (median, low, high) = in_units(name, entries[name]["median"], *entries[name]["hpd68"])
        return f"{label} = {median:.3g} ({low:.3g} to {high:.3g})"

    entries = summary["parameters"]
    coupling, kind = entries.get(COUPLING), credible(HPD_LEVELS[0], kind="HPD")
    if coupling is None:
        shown = [name for name in ("gamma", "phi_total") if name in entries] or list(entries)[:1]
        text = f"Result: {', '.join(map(interval, shown))}, {kind}."
    elif coupling.get("unconstrained"):
        text = "Result: over all masses nothing is learned about g'; the figure 'region' shows what is excluded where."
    elif coupling.get("limit95", {}).get("side") == "upper":
        value, profile, _ = limit_in_words(COUPLING, coupling["limit95"])
        others = {"-": "", "none": ", nothing is excluded by profile likelihood"}
        beside = others.get(profile, f", {profile} by profile likelihood ({LIMIT.label(0.95)})")
        text = f"Result: nothing calls for a mediator, g' {value} ({credible(0.95)}){beside}."
    else:
        plane = ", ".join(interval(name) for name in COORDINATES if name in entries)
        text = f"Result: {plane}, {kind}; small couplings are disfavoured."
    return text if summary["converged"] else f"{text} Not converged: these numbers may move."


def outcome(summary: Mapping[str, Any]) -> str:
    """One line for the end of a run."""
    state = "converged" if summary["converged"] else "NOT converged"
    ess, rhat = summary["ess_min"] or math.nan, summary["rhat_max"] or math.nan
    text = f"{state} after {summary['steps']} steps, ESS {ess:.0f}, {up_to(rhat)}"
    missing = [warning.removeprefix(NOT_CONVERGED) for warning in summary["warnings"]]
    return text if summary["converged"] else f"{text}; {what_is_missing(missing)}"


def up_to(rhat: float) -> str:
    """The largest R-hat in words.

    Examples
    --------
    >>> up_to(1.002), up_to(math.nan)
    ('R-hat 1.0020', 'no R-hat')
    """
    return f"R-hat {rhat:.4f}" if math.isfinite(rhat) else "no R-hat"


def what_is_missing(missing: Sequence[str]) -> str:
    """The first thing that is missing for convergence, and how many more there are."""
    return f"missing: {missing[0]}" + (f" (and {len(missing) - 1} more)" if len(missing) > 1 else "")


# Does the model describe the counts -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class PredictiveChecks:
    """Posterior predictive p-values.

    Parameters
    ----------
    bins : ndarray, shape (topology, bin)
        P(n_simulated > n_observed) + P(equal)/2; 0.5 is typical, near 0 an excess, near 1 a deficit.
    total : float
        The same for the total number of events.
    deviance : float
        P(deviance of simulated counts >= that of the observed ones); near 0 the model does not describe the counts.
    draws : int
        Posterior draws.
    """

    bins: FloatArray
    total: float
    deviance: float
    draws: int

    def warnings(self) -> list[str]:
        """What is extreme, one line each."""
        found = []
        if self.deviance < EXTREME:
            found.append(f"the model does not describe the counts: posterior predictive p = {self.deviance:.2g}")
        if not EXTREME < self.total < 1.0 - EXTREME:
            found.append(f"the total number of events is not described: posterior predictive p = {self.total:.2g}")
        limit = EXTREME / self.bins.size
        for topology, number in np.argwhere(np.minimum(self.bins, 1.0 - self.bins) < limit):
            p = self.bins[topology, number]
            found.append(f"topology {topology}, bin {number}: not described, posterior predictive p = {p:.2g}")
        return found


def predictive_checks(
    observed: ArrayLike,
    expected: ArrayLike,
    rng: np.random.Generator,
    variance: ArrayLike = 0.0,
    density: Density = COUNTING,
) -> PredictiveChecks:
    """Posterior predictive checks: p-values of the observed counts under the fitted model.

    For every draw of the posterior one data set is simulated (Gelman, Meng and Stern 1996, Statistica Sinica 6, 733).
    The p-value of a bin is the probability of as many events or more, ties counted half; the global ones compare the
    likelihood ratio against the saturated model and the total number. They are conservative: the counts have been used
    for the fit.

    Parameters
    ----------
    observed : array_like, shape (topology, bin)
        Observed counts.
    expected : array_like, shape (draw, topology, bin)
        Expected counts at draws of the posterior.
    rng : numpy.random.Generator
        Simulates one data set per draw for the deviance; the p-values of bins and total are sums over Poisson
        probabilities, whose means are drawn where there is a variance.
    variance : array_like, shape (draw, topology, bin)
        Of the expected counts, from a finite simulation.
    density : Counting or TwoPiece
        Of the data.

    Examples
    --------
    >>> checks = predictive_checks([[3.0, 9.0]], np.full((1000, 1, 2), 3.0), np.random.default_rng(1))
    >>> checks.bins.round(2).tolist(), checks.total < 0.03
    ([[0.46, 0.0]], True)
    """
    n, mu = np.asarray(observed, float), np.asarray(expected, float)
    means = density.means(mu, variance, rng)
    simulated = density.around(means, rng)
    worse = np.greater_equal(*(density.deviance(data, mu).sum(axis=(-2, -1)) for data in (simulated, n)))
    total = density.tail_of_sum(n, means, simulated).mean()
    return PredictiveChecks(density.tail(n, means).mean(axis=0), float(total), float(np.mean(worse)), len(mu))
