"""Solar 7Be neutrinos in Borexino: the rate of elastic scattering with a Z', or the paper's recipe.

The Z' reaches the electron by mixing with the photon through muon and tau loops (eq. 3): with ``L = -(eps/2) F Z'`` the
electron's coupling is ``e eps``. A neutrino of charge ``Q_a`` then scatters with

``g_L,R -> g_L,R + Q_a g' e eps / (2 sqrt2 G_F (m_Z'^2 + 2 m_e T))``,

so that the rate is exactly ``R/R_SM = 1 + b g'^2 + c g'^4``: interference and the Z' alone. The loop is taken at
q^2 = -1 MeV^2; over the recoils of the window, -q^2 = 2 m_e T = 0.3 to 0.7 MeV^2, it changes by less than 1e-4. The
flavours are those of the analysis's mixing after adiabatic conversion in the Sun (`flavours`); only the difference of
nu_mu and nu_tau interferes, so its sign is that of b.

The paper's recipe instead asks that ``sqrt(|eps| e g')`` stay below the limit on a B-L coupling, relaxed by
``(1/0.66)^(1/4)`` because nu_e do not couple. The measurement's id chooses: a rate, or the limit of the recipe.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nuinfer import constants
from nuinfer.compiled import compiled, elementwise, inlined, plain
from nuinfer.constraints.definition import NUFIT60, Definition, Oscillation, Prediction, read_numbers
from nuinfer.constraints.tables import LARGEST, SMALLEST, Curve, data_folder, quadratic_rate, within
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.mixing import Mixing
from nuinfer.typing import ArrayLike, FloatArray

_SERIES_BELOW = 1.0  # |q^2|/m^2 under which the closed form of the loop cancels
_TERMS = 24
_NODES = 16  # Gauss-Legendre nodes of the recoil; exact to 1e-14 down to the lightest Z'
_HIGHEST_MEV = 1e100  # beyond, squares overflow


def kinetic_mixing(g_prime: ArrayLike, q2_mev2: ArrayLike = -1.0) -> FloatArray:
    """Photon-Z' mixing from muon and tau loops (the paper's eq. 3).

    Closed form, relative accuracy 1e-14; negative for positive coupling.

    Parameters
    ----------
    g_prime : array_like, shape (*batch,)
        Coupling of L_mu - L_tau.
    q2_mev2 : array_like, shape (*batch,)
        Squared four-momentum, MeV^2; below the dimuon threshold ``4 m_mu^2``.

    Returns
    -------
    ndarray, shape (*batch,)
        eps, dimensionless.

    Raises
    ------
    PhysicsDomainError
        If `q2_mev2` is not below the dimuon threshold.

    Examples
    --------
    >>> print(f"{1.0 / kinetic_mixing(1.0):.2f}")
    -69.29
    """
    q2 = within("q2_mev2", q2_mev2, -LARGEST, 4.0 * constants.MASS_MUON_MEV**2 * (1.0 - 1e-12))
    heavy, light = constants.MASS_TAU_MEV**2, constants.MASS_MUON_MEV**2
    near, far = np.maximum(q2, -heavy), np.minimum(q2, -heavy)
    loops = math.log(heavy / light) / 6.0 + _loop(near / heavy) - _loop(near / light)
    loops = np.where(q2 < -heavy, _beyond(far / heavy) - _beyond(far / light), loops)  # there the logarithms cancel
    return np.asarray(-constants.ELECTRIC_CHARGE / (2.0 * math.pi**2) * np.asarray(g_prime, float) * loops)


def paper_limit(m_zprime_mev: ArrayLike) -> FloatArray:
    """Upper limit on g' of L_mu - L_tau from the paper's recipe (Sec. II).

    The B-L limit is that of arXiv:1803.05466, not the curve the paper used; interpolated in log-log, and flat below its
    first point (0.228 MeV).

    Parameters
    ----------
    m_zprime_mev : array_like, shape (*batch,)
        Mass of the Z', MeV, positive and not above the last point (107.9 MeV).

    Returns
    -------
    ndarray, shape (*batch,)
        Limit on g', dimensionless.

    Raises
    ------
    PhysicsDomainError
        Outside that range.

    Examples
    --------
    >>> print(f"{paper_limit(10.0):.2e}")
    3.78e-04
    """
    return 1.0 / _over_limit(m_zprime_mev, 1.0)


def flavours(mixing: Mixing, delta_m2_21_ev2: float = NUFIT60[1]) -> FloatArray:
    """Flavours at Earth of solar neutrinos of the 862 keV line of 7Be.

    Mass states arrive without coherence, in the proportions of nu_e where they are made: P_1 = c13^2 cos^2 th_m,
    P_2 = c13^2 sin^2 th_m, P_3 = s13^2, with cos 2 th_m = (cos 2 th12 - A)/sqrt((cos 2 th12 - A)^2 + sin^2 2 th12) and
    A = 2 sqrt2 G_F n_e c13^2 E/(m2^2 - m1^2): adiabatic conversion, reviewed in arXiv:1704.06331.

    Parameters
    ----------
    mixing : Mixing
        Mixing matrix.
    delta_m2_21_ev2 : float
        m2^2 - m1^2 in eV^2, positive.

    Returns
    -------
    ndarray, shape (3,)
        P(nu_e -> nu_e, nu_mu, nu_tau), of sum one.

    Raises
    ------
    PhysicsDomainError
        If the splitting is not positive.

    Examples
    --------
    >>> flavours(NUFIT60[0]).round(4).tolist()
    [0.5244, 0.2359, 0.2397]
    """
    if not delta_m2_21_ev2 > 0.0:
        raise PhysicsDomainError(f"delta_m2_21_ev2: {delta_m2_21_ev2} is not allowed, it must be positive")
    numbers = read_numbers("borexino")["rate"]
    electrons_mev3 = numbers["electrons_mol_cm3"] * constants.AVOGADRO_PER_MOL * constants.HBAR_C_MEV_CM**3
    potential_mev = math.sqrt(2.0) * constants.G_FERMI_GEV2 / constants.MEV_PER_GEV**2 * electrons_mev3
    stays = 1.0 - mixing.sin2_theta13
    matter = 2.0 * potential_mev * stays * numbers["line_mev"] * constants.EV_PER_MEV**2 / delta_m2_21_ev2
    cosine = 1.0 - 2.0 * mixing.sin2_theta12
    sine = 2.0 * math.sqrt(mixing.sin2_theta12 * (1.0 - mixing.sin2_theta12))
    first = 0.5 * (1.0 + (cosine - matter) / math.hypot(cosine - matter, sine))
    return np.asarray(mixing.probabilities @ [stays * first, stays * (1.0 - first), mixing.sin2_theta13])


def rate_coefficients(
    m_zprime_mev: ArrayLike, mixing: Mixing | None = None, delta_m2_21_ev2: float = NUFIT60[1]
) -> tuple[FloatArray, FloatArray]:
    """``b`` and ``c`` of ``R/R_SM = 1 + b g'^2 + c g'^4``, for L_mu - L_tau.

    A Gauss-Legendre sum over the electron's recoil from 270 keV to the Compton edge of the 862 keV line (665 keV);
    relative accuracy 1e-12.

    Parameters
    ----------
    m_zprime_mev : array_like, shape (*batch,)
        Mass of the Z', MeV, positive.
    mixing, delta_m2_21_ev2
        As in `flavours`; None: NuFIT 6.0, normal ordering.

    Returns
    -------
    b, c : ndarray, shape (*batch,)
        Dimensionless; c is positive, b where nu_mu, which interfere constructively, are more frequent than nu_tau.

    Raises
    ------
    PhysicsDomainError
        If a mass is not positive, or above 1e100.

    Examples
    --------
    >>> b, c = rate_coefficients(10.0)
    >>> print(f"{b:.3e} {c:.3e}")
    -6.682e+03 2.406e+12
    """
    mass = within("m_zprime_mev", m_zprime_mev, SMALLEST, _HIGHEST_MEV)
    linear, quadratic = plain(_coefficients)(mass, _recoil(mixing, delta_m2_21_ev2))
    return linear, quadratic


def rate_ratio(
    m_zprime_mev: ArrayLike, g_prime: ArrayLike, mixing: Mixing | None = None, delta_m2_21_ev2: float = NUFIT60[1]
) -> FloatArray:
    """Rate of 7Be neutrinos in Borexino over its Standard Model value, for L_mu - L_tau.

    Recoils of 270 to 665 keV, 862 keV line; derived in the module's docstring, constants in ``borexino.toml``.

    Parameters
    ----------
    m_zprime_mev : array_like, shape (*batch,)
        Mass of the Z', MeV, positive.
    g_prime : array_like, shape (*batch,)
        Coupling; a charge q other than one multiplies it.
    mixing, delta_m2_21_ev2
        As in `flavours`; None: NuFIT 6.0, normal ordering.

    Returns
    -------
    ndarray, shape (*batch,)
        Dimensionless.

    Raises
    ------
    PhysicsDomainError
        If a mass is not positive, or above 1e100.

    Examples
    --------
    >>> print(f"{rate_ratio(10.0, 5e-4):.3f}")
    1.149
    """
    mass = within("m_zprime_mev", m_zprime_mev, SMALLEST, _HIGHEST_MEV)
    return elementwise(_rate_loop, (mass, g_prime), _recoil(mixing, delta_m2_21_ev2))


@compiled
def _rate_loop(mass: FloatArray, g_prime: FloatArray, recoil: FloatArray, out: FloatArray) -> None:
    for n in range(out.size):
        linear, quadratic = _coefficients(mass[n], recoil)
        out[n] = quadratic_rate(g_prime[n], linear, quadratic)


@inlined
def _coefficients(mass: float, recoil: FloatArray) -> tuple[float, float]:
    """``b`` and ``c``."""
    linear = quadratic = 0.0
    for k in range(recoil.shape[1]):
        propagator = 1.0 / (mass * mass + recoil[0, k])
        linear += propagator * recoil[1, k]
        quadratic += propagator * propagator * recoil[2, k]
    return linear, quadratic


@functools.cache
def _recoil(mixing: Mixing | None, delta_m2_21_ev2: float) -> FloatArray:
    """``-q^2`` in MeV^2 at the nodes of the recoil, and the weights of b and c (MeV^2, MeV^4), over the SM rate.

    ``dsigma/dT`` is proportional to ``g_L^2 + g_R^2 (1-y)^2 - g_L g_R m_e y/E`` with ``y = T/E``.
    """
    numbers = read_numbers("borexino")["rate"]
    energy, sin2 = numbers["line_mev"], numbers["sin2_theta_w"]
    probability = flavours(mixing or NUFIT60[0], delta_m2_21_ev2)
    edge = 2.0 * energy**2 / (constants.MASS_ELECTRON_MEV + 2.0 * energy)
    low, high = numbers["window_mev"][0], min(numbers["window_mev"][1], edge)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    recoil = 0.5 * (high + low) + 0.5 * (high - low) * nodes
    right_part = (1.0 - recoil / energy) ** 2
    mixed_part = -constants.MASS_ELECTRON_MEV * recoil / energy**2
    left, right, charge = sin2 + np.array([[0.5], [-0.5], [-0.5]]), sin2, np.array([0.0, 1.0, -1.0])
    standard = probability @ (left**2 + right**2 * right_part + left * right * mixed_part) @ weights
    slope = 2.0 * left + 2.0 * right * right_part + (left + right) * mixed_part
    per_propagator = constants.ELECTRIC_CHARGE * float(kinetic_mixing(1.0, numbers["q2_mev2"]))
    per_propagator /= 2.0 * math.sqrt(2.0) * constants.G_FERMI_GEV2 / constants.MEV_PER_GEV**2
    linear = per_propagator * (probability * charge) @ slope * weights / standard
    quadratic = per_propagator**2 * (probability @ charge**2) * weights * (1.0 + right_part + mixed_part) / standard
    return np.array([2.0 * constants.MASS_ELECTRON_MEV * recoil, linear, quadratic])


@functools.cache
def _recipe() -> Curve:
    """Limit on g': ``g_BL (1/f)^(1/4) / sqrt(|eps/g'| e)``, f the coupled fraction; flat below its first point."""
    numbers = read_numbers("borexino")["recipe"]
    columns = data_folder().read_csv("borexino_bl_limit.csv")
    mixing = abs(float(kinetic_mixing(1.0, numbers["q2_mev2"])))
    relaxed = columns["g_bl"] * (1.0 / numbers["coupled_fraction"]) ** 0.25
    return Curve(columns["m_mev"], relaxed / math.sqrt(mixing * constants.ELECTRIC_CHARGE), flat=True)


def _loop(s: FloatArray) -> FloatArray:
    """``int_0^1 dx x(1-x) ln(1 - x(1-x) s)`` for ``s < 4``."""
    near_zero = np.abs(s) < _SERIES_BELOW
    small = np.where(near_zero, s, 0.0)
    series = np.zeros_like(small)
    for k in range(_TERMS, 0, -1):
        series = small * (series - math.factorial(k + 1) ** 2 / math.factorial(2 * k + 3) / k)
    away = np.where(near_zero, -1.0, s)
    root = np.sqrt(1.0 - 4.0 / away + 0.0j)  # real for spacelike momenta, imaginary below threshold
    closed = -5.0 / 18.0 - 2.0 / (3.0 * away) + (1.0 + 2.0 / away) * (root * np.arctanh(1.0 / root)).real / 3.0
    return np.where(near_zero, series, closed)


def _beyond(s: FloatArray) -> FloatArray:
    """`_loop` without its limit at large momenta, ``ln(-s)/6 - 5/18``, for ``s < 0``."""
    part = -1.0 / s
    root = np.sqrt(1.0 + 4.0 * part)
    product = (1.0 - 2.0 * part) * root
    bent = part**2 * (16.0 * part - 12.0) / (product + 1.0)  # product - 1
    return 2.0 / 3.0 * part + product * np.log1p(2.0 * part / (root + 1.0)) / 3.0 - bent * np.log(part) / 6.0


def _over_limit(m_zprime_mev: ArrayLike, g_prime: ArrayLike) -> FloatArray:
    mass = within("m_zprime_mev", m_zprime_mev, SMALLEST, _recipe().m_zprime_mev[-1])
    return _recipe().over_limit(mass, g_prime)


def _rate(
    m_zprime_mev: FloatArray, g_prime: FloatArray, *, standard_model: float, oscillation: Oscillation
) -> FloatArray:
    return np.asarray(standard_model * rate_ratio(m_zprime_mev, g_prime, *oscillation))


def _prediction(numbers: Mapping[str, Any], oscillation: Oscillation) -> Prediction:
    """``R_SM R/R_SM`` in counts per day and 100 t, R_SM's error in quadrature; by the recipe ``g'/limit``."""
    if "standard_model" in numbers:
        predict = functools.partial(_rate, standard_model=numbers["standard_model"], oscillation=oscillation)
        return Prediction(predict, numbers["standard_model"], measured={"sigma": math.hypot(*numbers["sigmas"])})
    return Prediction(_over_limit, standard_model=0.0, covered_mev=(SMALLEST, _recipe().m_zprime_mev[-1]))


CONSTRAINT = Definition(
    name="borexino",
    order=2,
    label="Borexino",
    colour="#D55E00",
    measurement="phase2",
    prediction=_prediction,
    prediction_reference=constants.KAMADA_YU,
    not_scalar_because="a scalar couples to neutrinos alone, and no loop of charged leptons lets electrons see it",
)
