"""Chains as the text files that GetDist reads; the package itself is not needed to write them."""

import io
from collections.abc import Iterable

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.named import Named
from nuinfer.typing import FloatArray


def getdist_files(root: str, analysis: Analysis | Named, samples: FloatArray, log_prob: FloatArray) -> dict[str, bytes]:
    """Names and contents of the files, one of chains per ensemble.

    ``ROOT_K.txt`` has a weight of one, minus the log-probability, the sampled parameters and the derived quantities;
    ``ROOT.paramnames`` their LaTeX labels, derived ones with a ``*``; ``ROOT.ranges`` the hard edges of the priors;
    ``ROOT.properties.ini`` that burn-in is removed. The rows follow walker by walker, so that the correlation length
    that GetDist finds is that of a walker.

    Parameters
    ----------
    root : str
        Beginning of the file names.
    analysis : Analysis or Named
        What was sampled.
    samples : ndarray, shape (ensemble, step, walker, n_dim)
        Draws, burn-in removed.
    log_prob : ndarray, shape (ensemble, step, walker)
        Their log-probabilities.
    """
    names, labels = analysis.parameter_names, analysis.parameter_labels | analysis.derived_labels
    found: dict[str, bytes] = {}
    derived: dict[str, FloatArray] = {}
    for k, chain in enumerate(samples):
        theta = np.swapaxes(chain, 0, 1).reshape(-1, len(names))
        derived = {name: values for name, values in analysis.derived(theta).items() if name not in names}
        columns = np.ones(len(theta)), -log_prob[k].T.ravel(), theta, *derived.values()
        text = io.StringIO()
        np.savetxt(text, np.column_stack(columns), fmt="%.10g")
        found[f"{root}_{k + 1}.txt"] = text.getvalue().encode()
    marked = [*((name, name) for name in names), *((f"{name}*", name) for name in derived)]
    found[f"{root}.paramnames"] = _lines(f"{shown}\t{labels[name].replace('$', '')}" for shown, name in marked)
    found[f"{root}.ranges"] = _lines(_ranges(analysis, derived))
    found[f"{root}.properties.ini"] = _lines(["sampler = mcmc", "burn_removed = T"])
    return found


def _ranges(analysis: Analysis | Named, derived: Iterable[str]) -> list[str]:
    """Hard edges of the priors, N where there is none; powers of ten of a sampled logarithm have its edges."""
    bounds = dict(zip(analysis.parameter_names, analysis.prior_bounds, strict=True))
    bounds |= {name: 10.0 ** bounds[f"log10_{name}"] for name in derived if f"log10_{name}" in bounds}
    shown = {name: [f"{end:.10g}" if np.isfinite(end) else "N" for end in ends] for name, ends in bounds.items()}
    return [f"{name} {low} {high}" for name, (low, high) in shown.items()]


def _lines(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()
