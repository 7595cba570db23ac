"""What tests of the flux share: beams through a transport, what is emitted beyond a redshift, and finer models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nuinfer.compiled import ALONE, compiled
from nuinfer.parameters import physical_values
from nuinfer.physics.shells import make_shells
from nuinfer.physics.spectra import SPECTRA
from nuinfer.physics.spectra._emission import emit, make_emission, prepare
from nuinfer.transport.points import Points


def columns(gamma, spectrum="power_law", frame="source", **values):
    """Columns of a shipped spectrum, from values of one shape."""
    named = {name: np.ravel(np.asarray(value, float)) for name, value in {"gamma": gamma, **values}.items()}
    return SPECTRA.shipped[spectrum].columns(named, frame)


def populations(transport, energy_gev, m_zprime_mev, g_prime, masses_ev, gamma, source, spectrum="power_law", **values):
    """`Transport.populations` of one point, shape (channel, 3, energy)."""
    point = one_point(m_zprime_mev, g_prime, masses_ev, gamma, source, spectrum, **values)
    return transport.populations(point, np.array(energy_gev, float)[None])[0]


def one_point(m_zprime_mev, g_prime, masses_ev, gamma, source, spectrum="power_law", relic_temperature=1.0, **values):
    """A batch of one point."""
    return Points(
        columns(gamma, spectrum, **values), np.full(1, float(m_zprime_mev)), np.full(1, float(g_prime)),
        np.array(masses_ev, float)[None], np.array(source, float)[None],
        np.full(1, float(relic_temperature)),
    )  # fmt: skip


def emitted_beyond(spectrum: Any, shells: Any, redshift, energy_gev):
    """B(z; E) of points (n,) at redshifts and energies (n, any), by the compiled core; 0 beyond the last source."""
    redshift, energy = np.broadcast_arrays(np.asarray(redshift, float), np.asarray(energy_gev, float))
    x, ln_e = np.log1p(np.clip(redshift, 0.0, shells.z_max)), np.log(energy)
    found = _beyond(spectrum, shells, x.reshape(len(x), -1), ln_e.reshape(len(x), -1)).reshape(x.shape)
    return np.where(redshift < shells.z_max, found, 0.0)


@compiled
def _beyond(spectrum: Any, shells: Any, x: Any, ln_e: Any) -> Any:
    out, emission = np.empty(x.shape), make_emission(np.empty(1), 1, shells.density.size)
    emission.first[0], emission.end[0] = 0, 1  # the node lies between
    for b in range(x.shape[0]):
        prepare(spectrum, ALONE, b, shells, emission)
        for k in range(x.shape[1]):
            emission.ln_e[0], emission.ln_res[0] = ln_e[b, k], ln_e[b, k] + x[b, k]
            emit(spectrum, ALONE, b, 1, 1, shells, emission)
            out[b, k] = emission.far[0, 0]
    return out


def finer(analysis, intervals, nodes_per_bin, **changes):
    """The model with a finer table of redshifts, more nodes per bin, and other settings of its transport."""
    model, settings = analysis.model, analysis.config.model
    z_max = settings.source_redshift or settings.z_max
    shells = make_shells(settings.evolution, model.transport.propagation.cosmology, z_max, intervals)
    return replace(model, nodes_per_bin=nodes_per_bin, transport=replace(model.transport, shells=shells, **changes))


def values_at(analysis, *points):
    """Named values of several points, each a mapping as `Analysis.point` takes it; inside the prior or not."""
    every = [analysis.point(at) for at in points]
    return physical_values({name: np.array([at[name] for at in every]) for name in every[0]})
