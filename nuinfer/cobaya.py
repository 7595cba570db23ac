"""The likelihood of an analysis for Cobaya, and the input that goes with it.

In a YAML file of Cobaya::

    likelihood:
      nuinfer:
        external: import_module('nuinfer.cobaya').likelihood('hese7', ['model.source=pgamma'])
        input_params: [log10_m_zprime_mev, ...]
        output_params: [m_zprime_mev, g_prime, log10_e_res_gev]

`info` makes the whole input, priors and labels included, and ``nuinfer export hese7 --format cobaya`` writes it. The
log-posterior of Cobaya is then `Analysis.log_prob`, exclusions being -inf. Cobaya is not needed to make the input, only
to run it (extra ``export``).
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.loading import changed, load
from nuinfer.priors import Normal, Prior, SimplexShare, Uniform

Likelihood = Callable[..., tuple[float, dict[str, float]]]


def likelihood(analysis: Analysis | str | Path, overrides: Iterable[str] = ()) -> Likelihood:
    """A function of named parameters that Cobaya takes as an external likelihood.

    Parameters
    ----------
    analysis : Analysis, or str or Path
        The analysis, or the preset or file to load.
    overrides : iterable of str
        Keys changed on loading, ``"model.source=pgamma"``.

    Returns
    -------
    callable
        ``(**parameters) -> (log-likelihood, derived)``: Poisson terms, constraints and exclusions, without the prior;
        -inf where an exclusion applies or the parameters are outside their prior.

    Examples
    --------
    >>> function = likelihood("hese7_icecube")
    >>> analysis = load("hese7_icecube")
    >>> theta = analysis.prior_transform([0.5] * len(analysis.parameter_names))
    >>> value, derived = function(**dict(zip(analysis.parameter_names, theta)))
    >>> bool(abs(value - analysis.log_likelihood(theta)) < 1e-9), sorted(derived)
    (True, ['g_prime', 'log10_e_res_gev', 'm_zprime_mev'])
    """
    built = _built(analysis, overrides)
    names, prior = built.parameter_names, built.term_names.index("prior")

    def log_likelihood(**parameters: float) -> tuple[float, dict[str, float]]:
        theta = np.array([[float(parameters[name]) for name in names]])
        _, terms, _ = built.evaluate(theta)
        derived = {name: float(values[0]) for name, values in built.derived(theta).items()}
        return float(np.delete(terms[0], prior).sum()), derived

    return log_likelihood


def info(analysis: Analysis | str | Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Input of Cobaya for an analysis: likelihood, parameters with priors and labels, derived quantities.

    Add a ``sampler`` block and pass it to ``cobaya.run``. For a preset or file everything is plain text, so that it
    can be written as YAML; for an `Analysis` the likelihood is the function itself.

    Parameters
    ----------
    analysis, overrides
        As for `likelihood`.

    Raises
    ------
    ConfigError
        For a prior that has no counterpart in Cobaya.
    """
    changes = list(overrides)
    built = _built(analysis, changes)
    derived = list(built.derived(built.prior_transform(np.full(len(built.parameter_names), 0.5))))
    external: object = likelihood(built)
    if isinstance(analysis, str | Path):
        external = f"import_module('nuinfer.cobaya').likelihood({str(analysis)!r}, {changes!r})"
    labels = {name: built.derived_labels[name] for name in derived}
    parameters: dict[str, Any] = {p.name: {"prior": _prior(p.name, prior)} for p, prior in built.space.sampled}
    for name, label in {**built.parameter_labels, **labels}.items():
        parameters.setdefault(name, {})["latex"] = label.replace("$", "")
    inputs = {"input_params": list(built.parameter_names), "output_params": derived}
    content = {"likelihood": {"nuinfer": {"external": external, **inputs}}, "params": parameters}
    joint = _simplex(built)
    return content | ({"prior": {"simplex": joint}} if joint else {})


def _built(analysis: Analysis | str | Path, overrides: Iterable[str]) -> Analysis:
    if isinstance(analysis, str | Path):
        return load(analysis, overrides)
    return changed(analysis, list(overrides))


def _prior(name: str, prior: Prior) -> dict[str, Any]:
    """A prior in the words of Cobaya, which are those of scipy.stats."""
    if isinstance(prior, Uniform | SimplexShare):  # what the shares have in common is in `_simplex`
        return {"min": float(prior.low), "max": float(prior.high)}
    if not isinstance(prior, Normal):
        raise ConfigError(f"parameters.{name}: a prior '{type(prior).__name__}' has no counterpart in Cobaya")
    centre = {"loc": float(prior.mean), "scale": float(prior.sigma)}
    if math.isinf(prior.low) and math.isinf(prior.high):
        return {"dist": "norm", **centre}
    cuts = {key: float((end - prior.mean) / prior.sigma) for key, end in (("a", prior.low), ("b", prior.high))}
    return {"dist": "truncnorm", **cuts, **centre}


def _simplex(analysis: Analysis) -> str:
    """What the joint density of fractions on a simplex adds to uniform ones, empty without such fractions."""
    space = analysis.space
    names = [space.names[k] for k in space.shares]
    if len(names) < 2:
        return ""
    total = float(space.bounds[space.shares[0], 1])
    density = math.lgamma(len(names) + 1)
    return f"lambda {', '.join(names)}: {density!r} if {' + '.join(names)} <= {total!r} else -np.inf"
