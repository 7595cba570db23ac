"""What completes the summary of a run: what has to be computed from its model."""

import dataclasses
import pickle
from collections.abc import Callable
from concurrent import futures
from typing import Any

from nuinfer.analysis import Analysis
from nuinfer.errors import forgiven
from nuinfer.exchange import warnings_of_draws
from nuinfer.inference.profile.profile import COUPLING
from nuinfer.inference.runs.run import CHECKED_DRAWS, Run
from nuinfer.inference.runs.sensitivity import Case, fitted, sensitivity
from nuinfer.inference.work.calls import on_unpickled
from nuinfer.typing import FloatArray

LEFT_OUT = "the share of channels that are left out"


def complete_summary(
    run: Run, executor: futures.Executor, meanwhile: Callable[[Callable[[str], object]], object]
) -> dict[str, Any]:
    """The summary of a run with profile limits, predictive checks, and what else its model says.

    Each one-sided limit gets the profile-likelihood limit beside it, null where the data exclude nothing inside the
    prior; ``g_prime_upper95`` of converged chains says what the limit on g' hangs on (`sensitivity`); what the model
    does not describe becomes a warning, and so does an entry that cannot be had.

    Parameters
    ----------
    run : Run
        What has been sampled; it has its best fit afterwards.
    executor : concurrent.futures.Executor
        Does the searches.
    meanwhile : callable
        Called while they are under way, with what takes a warning.
    """
    analysis, seed, summary = run.analysis, run.record["seed"], run.summary()
    limited = {name: entry["limit95"] for name, entry in summary["parameters"].items() if "limit95" in entry}
    note = summary["warnings"].append
    asked = {(name, limit["side"]) for name, limit in limited.items()}
    asked |= {(COUPLING, "upper")} & {(name, "upper") for name in run.parameter_names}
    cases: Callable[[], list[Case]] = list
    left_out: Callable[[], list[str]] = list
    pickled = pickle.dumps(analysis)
    with forgiven("profile limits", note):
        if asked:
            run.searched = executor.submit(on_unpickled, fitted, pickled, seed, run.starts(), sorted(asked))
            if summary["converged"]:
                terms = {name: values.ravel() for name, values in run.log_terms().items()}
                cases = sensitivity(analysis, run.draws(), terms, run.searched, seed, executor)
    with forgiven(LEFT_OUT, note):
        if analysis.absorbs:
            left_out = executor.submit(on_unpickled, _left_out, pickled, run.draws(CHECKED_DRAWS)).result
    meanwhile(note)
    with forgiven("predictive checks", note):
        summary["warnings"] += run.predictive_checks().warnings()
    with forgiven(LEFT_OUT, note):
        summary["warnings"] += left_out()
    with forgiven("profile limits", note):
        if run.searched:
            found = run.searched.result().limits
            for name, limit in limited.items():
                limit["profile"] = found[name, limit["side"]]
            with forgiven("what the limit on g' hangs on", note):
                if listed := [dataclasses.asdict(case) for case in cases()]:
                    summary["g_prime_upper95"] = listed
    return summary


def _left_out(analysis: Analysis, theta: FloatArray) -> list[str]:
    return warnings_of_draws(analysis.model, analysis.values(theta))
