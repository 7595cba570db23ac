"""What the rows of a campaign say, case by case: medians over its data sets, and best fits at the edge of a prior."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np

from nuinfer.inference.studies.campaign import CONFIG, Campaign, read_campaign
from nuinfer.inference.studies.jobs import AT_EDGE
from nuinfer.parameters import in_units

NO_QUANTITY = ("number", "attempts", "seconds", "cpu_seconds")


@dataclass(frozen=True)
class Case:
    """Rows that differ in the number of their data set alone.

    Parameters
    ----------
    labels : dict
        What tells them from others: job, task, analysis, varied keys.
    done : int
        Rows.
    seconds : float
        Mean time of one.
    quantities : dict
        Name of each number in them, in physical units, to its median, the ends of the middle 68 %, and the truth of
        simulated data, None where it is not known; booleans are shares.
    edges : dict
        Parameters whose best fit is at an edge of the prior, and how often.
    at_edge : int
        Rows with such a parameter.
    """

    labels: dict[str, Any]
    done: int
    seconds: float
    quantities: dict[str, tuple[float, float, float, float | None]]
    edges: dict[str, int]
    at_edge: int

    def sentence(self) -> str:
        """How many best fits are at an edge; blank if none is."""
        listed = ", ".join(f"{name} {n}" for name, n in self.edges.items())
        return f"{self.at_edge} of {self.done} best fits at the edge of the prior ({listed})" if listed else ""


def cases(campaign: Campaign) -> Iterator[Case]:
    """Every case of a campaign that has results, in its order."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in campaign.rows():
        found.setdefault(tuple(map(str, _labels(row).values())), []).append(row)
    config, _ = read_campaign(campaign.folder / CONFIG)
    for rows in found.values():
        labels = _labels(rows[0])
        job = config.jobs.get(labels["job"])
        truth = dict(job.at) if job and job.data != "observed" else {}
        quantities = {}
        for name in (name for name, value in rows[0].items() if isinstance(value, int | float)):
            if name in labels or name in NO_QUANTITY:
                continue
            values = [float(row[name]) for row in rows if row.get(name) is not None]
            shown, (median, low, high) = in_units(name, *np.quantile(values, (0.5, 0.16, 0.84)).tolist())
            quantities[shown] = median, low, high, truth.get(shown, truth.get(name))
        edges = [str(row.get(AT_EDGE) or "").split() for row in rows]
        counts = dict(Counter(name for names in edges for name in names).most_common())
        seconds = float(np.mean([row["seconds"] for row in rows]))
        yield Case(labels, len(rows), seconds, quantities, counts, sum(map(bool, edges)))


def _labels(row: dict[str, Any]) -> dict[str, Any]:
    """The first columns of a row, up to the number of its data set."""
    return {name: row[name] for name in takewhile("number".__ne__, row) if name != "key"}
