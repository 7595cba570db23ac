"""Make data/constraints/trident.csv: coefficients of the neutrino trident rate with a Z' of L_mu - L_tau.

Usage: python data/constraints/make_trident_table.py

The nucleus is a source of nearly real photons (equivalent-photon approximation, as in arXiv:1406.2332), and
``nu gamma -> nu mu+ mu-`` is deep inelastic scattering of the neutrino off a photon: with ``Q^2`` the squared momentum
that the neutrino loses, ``W`` the mass of the muon pair, ``S = Q^2 + W^2`` and ``y = S/s``,

    dsigma/(dQ^2 dW^2) = G_F^2/(2 pi S) [(1 + (1-y)^2) F_2 - y^2 F_L],

where ``F`` are the structure functions of the photon for the muon's vector current times ``(g_V + D)^2`` plus those for
its axial current times ``g_A^2``. In the Standard Model g_V = 1/2 + 2 sin^2 theta_W and g_A = 1/2; the Z' adds
``D = g'^2 / (sqrt2 G_F (m_Z'^2 + Q^2))``: muon and nu_mu carry the same charge, and it is exchanged at momentum squared
-Q^2. Vector and axial part differ in charge parity and do not interfere after the sum over mu+ and mu-. So
``R/R_SM = 1 + b g'^2 + c g'^4``. The structure functions are integrals of the exact squared amplitude, muon mass
included, over the direction of the muons. Integrals over ``s``, ``Q^2`` and ``W^2`` converge exponentially; halving the
steps is checked below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.special import exp1

from nuinfer.constants import G_FERMI_GEV2, HBAR_C_MEV_CM, MASS_MUON_MEV, MEV_PER_GEV
from nuinfer.constraints.definition import read_numbers
from nuinfer.datafiles import data_root, seal
from nuinfer.typing import AnyArray, FloatArray

NAME = "trident.csv"
MASS_RANGE_MEV, NODES = (1e-2, 1e5), 200
FERMI_CM = 1e-13

# Dirac matrices, metric (+, -, -, -)
_PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
GAMMA = np.zeros((4, 4, 4), complex)
GAMMA[0] = np.diag([1, 1, -1, -1])
for _k in range(3):
    GAMMA[_k + 1, :2, 2:], GAMMA[_k + 1, 2:, :2] = _PAULI[_k], -_PAULI[_k]
GAMMA5 = 1j * GAMMA[0] @ GAMMA[1] @ GAMMA[2] @ GAMMA[3]
METRIC = np.array([1.0, -1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Beam:
    """A neutrino energy and the nucleus it meets."""

    energy_mev: float
    radius_per_mev: float

    @classmethod
    def of(cls, experiment: str) -> Beam:
        """The beam of an experiment, from the sourced numbers."""
        numbers = read_numbers("trident")["beams"][experiment]
        radius_cm = numbers["radius_fm"] * numbers["mass_number"] ** (1.0 / 3.0) * FERMI_CM
        return cls(numbers["energy_gev"] * MEV_PER_GEV, radius_cm / HBAR_C_MEV_CM)

    def photons(self, s: FloatArray) -> FloatArray:
        """``int dq^2/q^2 F^2(q^2)`` above ``(s/2E)^2``, with ``F = exp(-a^2 q^2/10)``."""
        return np.asarray(exp1((self.radius_per_mev * s / (2.0 * self.energy_mev)) ** 2 / 5.0))


def slash(vector: AnyArray) -> AnyArray:
    """``v_mu gamma^mu`` of upper components, shape (..., 4) to (..., 4, 4)."""
    return np.asarray(np.einsum("...m,mij->...ij", vector * METRIC, GAMMA))


def structure(q2: FloatArray, w2: FloatArray, vertex: AnyArray, directions: int) -> tuple[FloatArray, FloatArray]:
    """F_2 and F_L of a real photon over alpha, for the current ``mu-bar gamma^a vertex mu``; shapes of `q2` and `w2`.

    In the rest frame of the muon pair, boson and photon along the z axis.
    """
    mass, w = MASS_MUON_MEV, np.sqrt(w2)
    beta = np.sqrt(1.0 - 4.0 * mass**2 / w2)
    photon, boson = (w2 + q2) / (2.0 * w), (w2 - q2) / (2.0 * w)
    zero, one = np.zeros_like(w), np.ones_like(w)
    q = np.stack([photon, zero, zero, -photon], -1)
    longitudinal = np.stack([photon, zero, zero, boson], -1) / np.sqrt(q2)[..., None]
    transverse = [np.stack([zero, one, zero, zero], -1), np.stack([zero, zero, one, zero], -1)]
    identity = np.eye(4)
    sums = [np.zeros_like(w), np.zeros_like(w)]
    nodes, weights = np.polynomial.legendre.leggauss(directions)
    rapidity = np.arctanh(beta)
    for node, weight in zip(nodes, weights, strict=True):
        cosine = np.tanh(rapidity * node) / beta  # spreads out the peaks along the beam
        jacobian = 0.5 * weight * rapidity / (beta * np.cosh(rapidity * node) ** 2)
        sine = np.sqrt(np.maximum(1.0 - cosine**2, 0.0))
        minus = 0.5 * w[..., None] * np.stack([one, beta * sine, zero, beta * cosine], -1)
        plus = minus * METRIC
        numerators = slash(minus) + mass * identity, slash(plus) - mass * identity
        # (p-q)^2 - m^2 and (q-p')^2 - m^2
        lower = -2.0 * np.sum(minus * q * METRIC, -1)[..., None, None]
        upper = -2.0 * np.sum(plus * q * METRIC, -1)[..., None, None]
        for polarisation, total, share in (
            *((t, 0, 0.5) for t in transverse),
            (longitudinal, 1, 1.0),
        ):
            current = slash(polarisation) @ vertex
            for photon_polarisation in transverse:
                light = slash(photon_polarisation)
                amplitude = light @ (slash(minus - q) + mass * identity) @ current / lower
                amplitude = amplitude + current @ (slash(q - plus) + mass * identity) @ light / upper
                conjugate = GAMMA[0] @ np.conj(np.swapaxes(amplitude, -1, -2)) @ GAMMA[0]
                squared = np.einsum("...ij,...ji", numerators[0] @ amplitude, numerators[1] @ conjugate).real
                sums[total] = sums[total] + 0.5 * share * squared * jacobian
    x = q2 / (q2 + w2)
    f_transverse, f_longitudinal = (2.0 * x * beta / (8.0 * math.pi) * total for total in sums)
    return f_transverse + f_longitudinal, f_longitudinal


def vector_structure(q2: FloatArray, w2: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same for the vector current, in closed form (Budnev et al., Phys. Rept. 15 (1975) 181)."""
    mass2, x = MASS_MUON_MEV**2, q2 / (q2 + w2)
    beta = np.sqrt(1.0 - 4.0 * mass2 / w2)
    log, ratio = 2.0 * np.arctanh(beta), 4.0 * mass2 / q2
    f_2 = beta * (-1.0 + 8.0 * x * (1.0 - x) - ratio * x * (1.0 - x))
    f_2 = f_2 + (x**2 + (1.0 - x) ** 2 + ratio * x * (1.0 - 3.0 * x) - 0.5 * ratio**2 * x**2) * log
    return x / math.pi * f_2, 4.0 * x**2 / math.pi * ((1.0 - x) * beta - 0.5 * ratio * x * log)


def coefficients(beam: Beam, masses_mev: FloatArray, step: float, directions: int) -> tuple[FloatArray, float]:
    """Columns ln b and ln c at `masses_mev`, and the ratio of vector to axial rates at contact."""
    sin2 = read_numbers("trident")["sin2_theta_w"]
    g_v, g_a = 0.5 + 2.0 * sin2, 0.5
    vev2 = MEV_PER_GEV**2 / (math.sqrt(2.0) * G_FERMI_GEV2)
    highest = 30.0 * beam.energy_mev / beam.radius_per_mev  # the form factor ends the integrals well below
    rapidity = np.arange(0.5 * step, math.acosh(math.sqrt(highest) / (2.0 * MASS_MUON_MEV)), step)
    log_q2 = np.arange(math.log(1e-8 * MASS_RANGE_MEV[0] ** 2), math.log(highest), step)
    q2, u = np.meshgrid(np.exp(log_q2), rapidity, indexing="ij")
    w2 = (2.0 * MASS_MUON_MEV * np.cosh(u)) ** 2
    total = q2 + w2
    measure = step**2 * q2 * 2.0 * w2 * np.tanh(u) / total  # dQ^2 dW^2 / S
    log_y, weights = np.polynomial.legendre.leggauss(160)
    moments = [np.zeros_like(q2), np.zeros_like(q2)]
    span = np.log(np.maximum(highest / total, 1.0 + 1e-12))
    for node, weight in zip(0.5 * (1.0 + log_y), 0.5 * weights, strict=True):
        y = np.exp(-span * node)
        light = weight * span * beam.photons(total / y)
        moments[0] += light * (1.0 + (1.0 - y) ** 2)
        moments[1] += light * y**2

    def density(functions: tuple[FloatArray, FloatArray]) -> FloatArray:
        return np.asarray(measure * (moments[0] * functions[0] - moments[1] * functions[1]))

    vector = density(vector_structure(q2, w2)).sum(axis=1)
    axial = float(density(axial_structure(q2, w2, directions)).sum())
    propagator = 1.0 / (masses_mev[:, None] ** 2 + np.exp(log_q2))
    standard = g_v**2 * vector.sum() + g_a**2 * axial
    b, c = 2.0 * g_v * vev2 * (propagator @ vector), vev2**2 * (propagator**2 @ vector)
    return np.log(np.column_stack([b, c]) / standard), float(vector.sum()) / axial


def axial_structure(q2: FloatArray, w2: FloatArray, directions: int) -> tuple[FloatArray, FloatArray]:
    """F_2 and F_L for the axial current where they matter, above the smallest Q^2."""
    used = q2[:, 0] > 1e-6 * MASS_MUON_MEV**2
    pair = (np.zeros_like(q2), np.zeros_like(q2))
    for target, part in zip(pair, structure(q2[used], w2[used], GAMMA5, directions), strict=True):
        target[used] = part
    return pair


def interpolation_error(beam: Beam, x: FloatArray, table: FloatArray) -> float:
    """Largest error of interpolation midway between the nodes."""
    middle = np.sqrt(x[1:] * x[:-1])
    exact, _ = coefficients(beam, middle, 0.1, 32)
    return float(np.max(np.abs(make_interp_spline(np.log(x), table, k=5)(np.log(middle)) - exact)))


def main() -> None:
    """Write the table and seal it."""
    x = np.geomspace(*MASS_RANGE_MEV, NODES)
    columns, notes = [x], []
    for experiment in read_numbers("trident")["beams"]:
        beam = Beam.of(experiment)
        table, ratio = coefficients(beam, x, 0.1, 32)
        finer, _ = coefficients(beam, x, 0.05, 48)
        quadrature = float(np.max(np.abs(finer - table)))
        between = interpolation_error(beam, x, table)
        notes.append(
            f"{experiment}: vector over axial rate {ratio:.4f}; "
            f"largest error of the logarithms: quadrature {quadrature:.1e}, interpolation {between:.1e}"
        )
        columns += [*table.T]
        print(notes[-1])
    heads = [f"ln_{c}_{experiment}" for experiment in read_numbers("trident")["beams"] for c in "bc"]
    lines = ["# R/R_SM = 1 + b g'^2 + c g'^4 of neutrino tridents, m_Z' in MeV, equivalent-photon approximation."]
    lines += [f"# {note}" for note in notes] + [",".join(["m_zprime_mev", *heads])]
    lines += [",".join(repr(float(value)) for value in row) for row in np.column_stack(columns)]
    folder = data_root() / "constraints"
    (folder / NAME).write_text("\n".join(lines) + "\n")
    source = (
        "calculated by data/constraints/make_trident_table.py in the equivalent-photon approximation of arXiv:1406.2332"
    )
    seal(folder, {NAME: (source, "MIT")}, keep=True)


if __name__ == "__main__":
    main()
