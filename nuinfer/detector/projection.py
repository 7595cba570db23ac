"""A data set projected to more exposure or a larger detector: what a forecast fits."""

from __future__ import annotations

from dataclasses import replace

from nuinfer.detector.dataset import DataSet


def project(dataset: DataSet, exposure: float = 1.0, effective_area_scale: float = 1.0) -> DataSet:
    """The same detector running longer, or a larger one like it.

    `exposure` multiplies the livetime. `effective_area_scale` multiplies the effective areas of all neutrinos, at all
    energies alike. Backgrounds grow with the product of both: those of atmospheric neutrinos exactly, because they are
    seen through the same response; for penetrating muons it is an assumption, that the veto of the larger detector lets
    through as many per event (they come through its surface, which grows more slowly than its volume: rather fewer).
    The shape of the response, its energy resolution and the share of each topology stay as they are.

    The observed counts are multiplied likewise. They are no data then, but stand in for data that go on as they began,
    until simulated or expected counts replace them.

    Parameters
    ----------
    dataset : DataSet
        What was measured.
    exposure, effective_area_scale : float
        Factors on livetime and area.

    Examples
    --------
    >>> from nuinfer.detector.dataset import load_dataset
    >>> hese = load_dataset("hese7")
    >>> longer = project(hese, exposure=2.0)
    >>> longer.livetime_s / hese.livetime_s, float(longer.observed.sum())
    (2.0, 120.0)
    """
    factor = exposure * effective_area_scale
    if exposure == effective_area_scale == 1.0:
        return dataset
    note = (
        f"projection: livetime x {exposure:g}, effective area x {effective_area_scale:g}, backgrounds x {factor:g}; "
        f"the observed counts are those of the data set x {factor:g}"
    )
    return replace(
        dataset,
        livetime_s=dataset.livetime_s * exposure,
        observed=dataset.observed * factor,
        area_m2=dataset.area_m2 * effective_area_scale,
        below_area_m2=dataset.below_area_m2 * effective_area_scale,
        backgrounds={name: counts * factor for name, counts in dataset.backgrounds.items()},
        approximations=(*dataset.approximations, note),
    )
