"""What forecasts share: an analysis without external constraints, and campaigns that give their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from nuinfer.analysis import Analysis, load
from nuinfer.config import constraint_forms, split_override
from nuinfer.errors import NotConvergedError
from nuinfer.inference.studies.campaign import run_campaign
from nuinfer.inference.studies.campaign_config import CampaignConfig, JobsConfig, truth_of
from nuinfer.typing import AnyArray


def run_tables(
    tables: Mapping[str, Mapping[str, Any]], out: str | PathLike[str], seed: int, **execution: Any
) -> dict[str, AnyArray]:
    """Results of tables of jobs, as `nuinfer.inference.studies.campaign.Campaign.columns`.

    Raises
    ------
    NotConvergedError
        If a job failed.
    """
    config = CampaignConfig(seed=seed, jobs={name: JobsConfig.model_validate(table) for name, table in tables.items()})
    campaign = run_campaign(config, out, **execution)
    failures = campaign.failures()
    if failures:
        reason = failures[0]["reason"]
        raise NotConvergedError(f"{out}: {len(failures)} jobs failed, the first with '{reason}'; run it again")
    return campaign.columns()


def without_constraints(
    analysis: str | Path, overrides: Iterable[str] | Mapping[str, Any]
) -> tuple[Analysis, dict[str, Any]]:
    """The analysis with its constraints off, and the overrides that make it from its file."""
    loaded = load(analysis, overrides)
    forms = constraint_forms(loaded.config.constraints)
    off = {f"{key}.form": "off" for key, form in forms.items() if form != "off"}
    given = dict(overrides) if isinstance(overrides, Mapping) else dict(map(split_override, overrides))
    return loaded.with_overrides(off), given | off


def standard_values(analysis: Analysis, at: Mapping[str, float]) -> dict[str, float]:
    """Those of the values that the Standard Model has too."""
    known = set(truth_of(analysis, "standard_model").point())
    return {name: value for name, value in at.items() if name in known}
