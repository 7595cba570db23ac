"""The maximum over all parameters."""

from nuinfer.inference.profile.profile import log_likelihood
from nuinfer.inference.profile.search import best_fits
from nuinfer.inference.studies.jobs import JobKind, Row, Works, found_at


def run_all(works: Works) -> list[Row]:
    """Log-likelihood and every parameter."""
    analysis = works.analysis
    found = best_fits(analysis, works.data, works.seed)
    return [{"log_likelihood": log_likelihood(analysis, best), **found_at(analysis, best.theta)} for best in found]


JOB = JobKind("best_fit", run_all=run_all)
