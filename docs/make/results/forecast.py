"""Forecasts for a dip at 8 MeV: what docs/scaling.md quotes (half an hour on two cores)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.plotting import plot, style

FIGURE = Path(__file__).resolve().parents[2] / "figures" / "forecast-band.png"
AT = {"m_zprime_mev": 8.0, "g_prime": 1e-3}
CHECKS = 50
BAND = ("data.exposure=10", "data.effective_area_scale=10", "parameters.log10_g_prime.high=-1.5")
MASSES_MEV, SETS = (4.0, 5.657, 8.0, 11.314, 16.0), 20


def make(work: Path) -> dict[str, Any]:
    """The values; draws the figure of expected limits."""
    years = nuinfer.forecast("hese7", AT, check=CHECKS, out=work / "years")
    band = nuinfer.forecast_band("hese7", MASSES_MEV, n=SETS, overrides=BAND, out=work / "band")
    style.save(plot("expected_limits", band), FIGURE)
    checked = {check.statistic: float(years.years[0]) * check.exposure for check in years.checks}
    return {"years": dict(years.to_json()), "checked_years": checked, "checks": CHECKS, "band": dict(band.to_json())}


def tables(values: dict[str, Any]) -> dict[str, str]:
    """The statistics against livetime, and what simulated data say of them."""
    years = values["years"]
    columns = zip(years["years"], years["q"]["seen"], years["q"]["excluded"], strict=True)
    rows = [f"| {livetime:.3g} | {seen:.2g} | {excluded:.2g} |" for livetime, seen, excluded in columns]
    head = ["| livetime [yr] | q, seen | q, excluded |", "|---|---|---|"]
    made = {"years": "\n".join([*head, *rows])}
    rows = [
        f"| {check['statistic']} | {100 * check['false_rate']:.0f} ± {spread(check['false_rate'], check['n']):.0f} % "
        f"| {100 * check['power']:.0f} % | {check['median']:.1f} ({check['expected']:.1f}) "
        f"| {check['threshold']:.1f} | {check['years']:.0f} |"
        for check in years["checks"]
    ]
    titles = "statistic | passes 2.71 wrongly | rightly | median q (on expected counts)"
    head = [f"| {titles} | q at 95 % by these data | years by these data |", "|---|---|---|---|---|---|"]
    return made | {"checks": "\n".join([*head, *rows])}


def spread(share: float, n: int) -> float:
    """Standard deviation of a share among n, in percent."""
    return float(100.0 * (share * (1.0 - share) / n) ** 0.5)
