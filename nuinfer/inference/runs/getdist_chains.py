"""Chains as the text files that GetDist reads; the package itself is not needed to write them."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.inference.runs import folder as run_folder
from nuinfer.typing import FloatArray

if TYPE_CHECKING:
    from nuinfer.inference.runs.run import Run

FOLDER = "getdist"
DIGITS = "%.10g"


def write_getdist(run: Run, folder: Path | None = None, root: str | None = None) -> Path:
    """Write the chains of a run, burn-in removed and thinned, one file per ensemble.

    ``ROOT_K.txt`` has a weight of one, minus the log-probability, the sampled parameters and the derived quantities;
    ``ROOT.paramnames`` their LaTeX labels, derived ones with a ``*``; ``ROOT.ranges`` the hard edges of the priors;
    ``ROOT.properties.ini`` that burn-in is removed. The rows follow walker by walker, so that the correlation length
    that GetDist finds is that of a walker.

    Parameters
    ----------
    run : Run
        The run.
    folder : Path, optional
        Where to write, by default ``getdist`` in the run folder.
    root : str, optional
        Beginning of the file names, by default the name of the run folder.

    Returns
    -------
    Path
        ``folder/root``, which ``getdist.loadMCSamples`` takes.

    Raises
    ------
    RunFolderError
        If nothing has been sampled, or a file cannot be written.
    ConfigError
        For a root that is not the beginning of a file name.

    Examples
    --------
    ``samples = getdist.loadMCSamples(str(write_getdist(run)))``
    """
    folder = run.folder / FOLDER if folder is None else folder
    root = run.folder.resolve().name if root is None else root
    if Path(root).name != root or root in ("", ".."):
        raise ConfigError(f"root '{root}': it must be the beginning of a file name")
    chains, log_prob = run.samples(), run.log_prob()
    names, labels = run.parameter_names, _labels(run.analysis)
    tables = [_columns(run, chains[k], log_prob[k]) for k in range(len(chains))]
    derived = tables[0][1]
    rows = [f"{name}\t{labels.get(name, name)}" for name in names]
    rows += [f"{name}*\t{labels.get(name, name)}" for name in derived]
    run_folder.make_folder(folder)
    for old in folder.iterdir():
        if re.fullmatch(re.escape(root) + r"_\d+\.txt", old.name):
            old.unlink()  # of a run with more ensembles
    for k, (table, _) in enumerate(tables, start=1):
        text = io.StringIO()
        np.savetxt(text, table, fmt=DIGITS)
        run_folder.write_atomic(folder / f"{root}_{k}.txt", text.getvalue().encode())
    _write(folder / f"{root}.paramnames", rows)
    _write(folder / f"{root}.ranges", _ranges(run, derived))
    _write(folder / f"{root}.properties.ini", ["sampler = mcmc", "burn_removed = T"])
    return folder / root


def _labels(analysis: Any) -> dict[str, str]:
    """LaTeX labels without their dollar signs; none for an analysis that has none."""
    found = {**getattr(analysis, "parameter_labels", {}), **getattr(analysis, "derived_labels", {})}
    return {name: label.replace("$", "") for name, label in found.items()}


def _columns(run: Run, chain: FloatArray, log_prob: FloatArray) -> tuple[FloatArray, tuple[str, ...]]:
    """Rows of one ensemble, walker by walker, and the names of the derived columns."""
    theta = np.swapaxes(chain, 0, 1).reshape(-1, chain.shape[-1])
    derived = run.analysis.derived(theta)
    derived = {name: values for name, values in derived.items() if name not in run.parameter_names}
    weights = np.ones(len(theta))
    return np.column_stack([weights, -log_prob.T.ravel(), theta, *derived.values()]), tuple(derived)


def _ranges(run: Run, derived: tuple[str, ...]) -> list[str]:
    """Hard edges of the priors, N where there is none; powers of ten of a sampled logarithm have its edges."""
    bounds = dict(zip(run.parameter_names, run.prior_bounds, strict=True))
    bounds |= {name: 10.0 ** bounds[f"log10_{name}"] for name in derived if f"log10_{name}" in bounds}
    shown = {name: [f"{end:.10g}" if np.isfinite(end) else "N" for end in ends] for name, ends in bounds.items()}
    return [f"{name} {low} {high}" for name, (low, high) in shown.items()]


def _write(path: Path, lines: list[str]) -> None:
    run_folder.write_atomic(path, ("\n".join(lines) + "\n").encode())
