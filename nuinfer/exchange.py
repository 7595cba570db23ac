"""What ``model.channels = "resonance"`` leaves out: exchange of the mediator in t and u, and its interference.

It is deep for large couplings alone; an analysis says so when it is loaded, of its prior, and a fit of its posterior.
"""

import itertools
from collections.abc import Mapping

import numpy as np

from nuinfer.errors import warn_once
from nuinfer.forward import ForwardModel
from nuinfer.parameters import ParameterSpace, physical_values
from nuinfer.physics.cross_sections import channels_of
from nuinfer.physics.mediator import Mediator
from nuinfer.transport.march import make_medium
from nuinfer.transport.march_depth import depths_of_states
from nuinfer.transport.march_grid import per_target
from nuinfer.transport.moving import Moving
from nuinfer.transport.resonant import Resonant
from nuinfer.typing import FloatArray

LARGEST = 1e-2
"""Optical depth that may be left out without a warning."""

ENERGIES = 16
"""Energies at which it is looked for, over those that the data are sensitive to."""

MASSES = ("m_nu_ev", "lightest_nu_mass_ev")


def depth_left_out(model: ForwardModel, values: Mapping[str, FloatArray]) -> FloatArray:
    """Largest optical depth, over mass states and energies of the data, of what is left out at named values (n,).

    Returns
    -------
    ndarray, shape (n,)
        0 if nothing is left out.
    """
    passed, n = model.transport.propagation, values["gamma"].size
    if passed is None or not isinstance(model.transport, Resonant | Moving) or model.mass_name is None:
        return np.zeros(n)
    if passed.mediator.spin and passed.mediator.neutrino == "dirac":  # of which only the resonance is known
        return np.zeros(n)
    given = passed.mediator  # of a sterile state there is the resonance alone
    active = Mediator(spin=given.spin, couplings=given.couplings, neutrino=given.neutrino)
    totals = per_target(channels_of(passed.mixing, active), passed.split).totals
    left_out = totals * np.array([0.0, 1.0, 1.0, 1.0, 1.0])[:, None, None]
    points, energy = model.points(values), np.tile(np.geomspace(*model.true_range_gev, ENERGIES), (n, 1))
    points = points._replace(masses_ev=np.ascontiguousarray(points.masses_ev[:, : totals.shape[2]]))
    medium = make_medium(model.transport.shells, passed, False)
    found = depths_of_states(points, medium, active.spin, left_out, energy)
    return np.asarray(np.abs(found.sum(axis=-1)).max(axis=(1, 2)))


def warn_of_prior(space: ParameterSpace, model: ForwardModel) -> None:
    """Say so, once, if what is left out is deep in a corner of the prior."""
    ends = {p.name: p.range for p in space.parameters}
    names = [name for name in ("log10_m_zprime_mev", *MASSES) if name in ends]
    if "log10_g_prime" not in ends or not np.all(np.isfinite([ends[name] for name in (*names, "log10_g_prime")])):
        return
    corners = [
        space.point(dict(zip(names, corner, strict=True)) | {"log10_g_prime": ends["log10_g_prime"][1]})
        for corner in itertools.product(*(ends[name] for name in names))
    ]
    values = physical_values({name: np.array([corner[name] for corner in corners]) for name in corners[0]})
    deepest = float(depth_left_out(model, values).max())
    if deepest > LARGEST:
        warn_once(f"in a corner of the prior, {_warning(deepest)}")


def warnings_of_draws(model: ForwardModel, values: Mapping[str, FloatArray]) -> list[str]:
    """What is to be said of draws of a posterior."""
    deepest = float(depth_left_out(model, values).max())
    return [f"at a draw of the posterior, {_warning(deepest)}"] if deepest > LARGEST else []


def _warning(depth: float) -> str:
    """What is said of a depth."""
    return f"model.channels 'resonance' leaves out exchange in t and u of optical depth {depth:.2g}; 'all' has it"
