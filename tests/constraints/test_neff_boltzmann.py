"""N_eff from the Boltzmann equations: rates, plasma, solver, tables and the options of the constraint."""

from __future__ import annotations

import functools
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import CubicSpline
from scipy.special import kn

import nuinfer
from nuinfer.constants import ELECTRIC_CHARGE, MASS_ELECTRON_MEV
from nuinfer.constraints import neff
from nuinfer.constraints.borexino import kinetic_mixing
from nuinfer.constraints.neff import Temperatures
from nuinfer.constraints.neff import boltzmann as neff_boltzmann
from nuinfer.constraints.neff.boltzmann import Boson, Settings, mean_unblocked, solve
from nuinfer.constraints.neff.collisions import WeakCouplings, annihilation_factor, scattering_factor
from nuinfer.errors import ConfigError, PhysicsDomainError
from nuinfer.physics.mediator import Mediator

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "neff_boltzmann.json").read_text())
LMU_LTAU = (0.0, 1.0, -1.0)
NU_TAU_SCALAR = Mediator((0.0, 0.0, 1.0), 0)
NU_E, NU_MU = WeakCouplings(0.727, 0.233), WeakCouplings(-0.273, 0.233)


def electron_width_mev(m_zprime_mev: float, mixing: float) -> float:
    return m_zprime_mev * neff.electron_width_over_mass(m_zprime_mev, mixing)


ALL_THERMAL = 3.0 * (11.0 / 4.0) ** (4.0 / 3.0)  # N_eff of neutrinos as hot as the photons


@functools.cache
def standard(temperatures: Temperatures) -> float:
    return solve(None, 0.0, temperatures).n_eff


# Weak rates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flavour", [NU_E, NU_MU])
def test_rates_without_mass_and_statistics_are_the_textbook_ones(flavour: WeakCouplings) -> None:
    # Analytic: 32 (T1^9 - T2^9) + 56 T1^4 T2^4 (T1 - T2) is exact for Boltzmann statistics and massless electrons.
    assert annihilation_factor(0.0, flavour, "boltzmann", 16) == pytest.approx(1.0, rel=1e-10)
    assert scattering_factor(0.0, flavour, "boltzmann", 16) == pytest.approx(1.0, rel=1e-10)


def test_statistics_give_the_published_factors() -> None:
    # arXiv:2001.04466 prints 0.884 and 0.829.
    assert annihilation_factor(0.0, NU_E, nodes=16) == pytest.approx(0.884, abs=5e-4)
    assert scattering_factor(0.0, NU_E, nodes=16) == pytest.approx(0.829, abs=5e-4)


@pytest.mark.parametrize(
    ("t_mev", "flavour", "annihilation", "scattering"),
    [
        (1.0165, NU_E, 0.9939, None),
        (1.0165, NU_MU, 0.9691, 0.9721),
        (0.3, NU_E, 0.8926, None),
        (0.3, NU_MU, 0.6872, 0.7251),
    ],
)
def test_electron_mass_lowers_the_rates_as_published(
    t_mev: float, flavour: WeakCouplings, annihilation: float, scattering: float | None
) -> None:
    # The rates over the massless ones that NUDEC_BSM (arXiv:2001.04466) tabulates, for another difference of the
    # temperatures and partly by Monte Carlo: equal to 0.6 % where the rates no longer matter, to 0.05 % above 1 MeV.
    x, tolerance = 0.511 / t_mev, 6e-3 if t_mev < 1.0 else 5e-4
    ratio = annihilation_factor(x, flavour, nodes=16) / annihilation_factor(0.0, flavour, nodes=16)
    assert ratio == pytest.approx(annihilation, rel=tolerance)
    if scattering is not None:
        ratio = scattering_factor(x, flavour, nodes=16) / scattering_factor(0.0, flavour, nodes=16)
        assert ratio == pytest.approx(scattering, rel=tolerance)


@pytest.mark.parametrize("x", [0.3, 2.0, 6.0])
def test_massive_annihilation_equals_an_integral_over_s(x: float) -> None:
    # Boltzmann statistics: both phase spaces by hand leave int ds W(s) int dq0 q0^2 sqrt(q0^2 - s) exp(-q0).
    def rate(mass: float) -> float:
        def over_energy(s: float) -> float:
            low = math.sqrt(s)

            def f(y: float) -> float:
                return 2.0 * (low + y * y) ** 2 * y * y * math.sqrt(y * y + 2.0 * low) * math.exp(-y * y - low)

            return quad(f, 0.0, 6.5)[0]

        def over_s(v: float) -> float:
            s = 4.0 * mass**2 + v * v
            beta2 = v * v / s
            squares = NU_MU.strength * s**2 / 16.0 * (1.0 + beta2 / 3.0)
            crossed = NU_MU.left * NU_MU.right * mass**2 * s / 2.0
            return math.sqrt(beta2) * (squares + crossed) * over_energy(s) * 2.0 * v

        return quad(over_s, 0.0, 60.0, limit=200, epsrel=1e-9)[0]

    assert annihilation_factor(x, NU_MU, "boltzmann", 20) == pytest.approx(rate(x) / rate(1e-9), rel=1e-6)


# Plasma and Z' --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [0.01, 0.3, 1.0, 5.0, 40.0])
def test_entropy_of_a_vector_is_its_bessel_series(x: float) -> None:
    series = sum(3.0 * x**3 * float(kn(3, n * x)) / (2.0 * math.pi**2 * n) for n in range(1, 3000)) * math.exp(x)
    assert neff_boltzmann.vector_density_entropy(x)[1] == pytest.approx(series, rel=1e-7)


def test_electrons_obey_their_equation_of_state() -> None:
    # s = dp/dT, and massless electrons have 7/8 of 2 photons' density.
    _pressure, density, _entropy = neff_boltzmann.electron_pressure_density_entropy(1e-4)
    assert density == pytest.approx(7.0 / 4.0 * math.pi**2 / 15.0, rel=1e-7)
    t, h = 0.3, 1e-4
    up, down = (
        float(neff_boltzmann.electron_pressure_density_entropy(MASS_ELECTRON_MEV / v)[0]) * v**4 for v in (t + h, t - h)
    )
    expected = float(neff_boltzmann.electron_pressure_density_entropy(MASS_ELECTRON_MEV / t)[2]) * t**3
    assert (up - down) / (2.0 * h) == pytest.approx(expected, rel=1e-6)


def test_mean_blocking_equals_the_average_over_directions() -> None:
    energy, spread = np.array([0.3, 2.0, 9.0, 4.0]), np.array([0.1, 1.5, 8.9, 1e-6])
    c, w = np.polynomial.legendre.leggauss(60)
    daughters = 0.5 * (energy[:, None] + spread[:, None] * c)
    expected = 1.0 - 2.0 * (1.0 / (np.exp(daughters) + 1.0)) @ w / 2.0
    np.testing.assert_allclose(mean_unblocked(energy, spread), expected, rtol=1e-8)


def test_width_to_electrons_is_that_of_a_heavy_photon() -> None:
    assert electron_width_mev(1e3, 1e-4) == pytest.approx(
        (ELECTRIC_CHARGE * 1e-4) ** 2 * 1e3 / (12 * math.pi), rel=1e-9
    )
    assert electron_width_mev(2.0 * MASS_ELECTRON_MEV, 1e-4) == 0.0
    assert electron_width_mev(0.5, 1e-4) == 0.0


# Solver ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("temperatures", "published", "ratios"),
    [("common", 3.0448, (1.39583, 1.39583)), ("split", 3.0439, (1.39467, 1.39657))],
)
def test_standard_model(temperatures: Temperatures, published: float, ratios: tuple[float, float]) -> None:
    # N_eff and T_gamma/T_nu of NUDEC_BSM (arXiv:2001.04466), January 2020: couplings 1 % smaller, QED to e^2.
    history = solve(None, 0.0, temperatures)
    assert 3.040 < history.n_eff < 3.050
    assert history.n_eff == pytest.approx(published, abs=1e-3)
    cooled = history.t_gamma_mev[-1] / history.t_nu_mev[[0, 1], -1]
    np.testing.assert_allclose(cooled, ratios, rtol=1e-4)


@pytest.mark.parametrize(
    "row", REFERENCE, ids=lambda row: "-".join(str(value) for key, value in row.items() if key != "n_eff")
)
def test_equals_an_independent_integration(row: dict[str, float]) -> None:
    # tests/reference/make_neff.py: in cosmic time, adaptive quadrature, decays with every occupation number. Without
    # mixing equal to 3e-7; with it the solver's cap on the rate (1e6 H) costs up to 5e-6.
    width = row["width_over_mass"] * (row["m_mev"] or 0.0)
    found = solve(row["m_mev"], width, row["temperatures"], boson=Boson(row["degrees"], row["with_nu_e"]))
    assert found.n_eff == pytest.approx(row["n_eff"], abs=1e-5)


def test_instantaneous_decoupling() -> None:
    # Without weak rates after 40 MeV entropy is conserved by itself: exactly 3 but for (m_e/40 MeV)^2, and with QED
    # the entropy of the interacting plasma at the start (closed form, massless).
    assert solve(settings=Settings(weak=0.0, qed=False)).n_eff == pytest.approx(3.0, abs=1e-4)
    e = ELECTRIC_CHARGE
    correction = -5.0 * e**2 / 288.0 + e**3 / (36.0 * math.sqrt(3.0) * math.pi)
    photons = 4.0 / 3.0 * math.pi**2 / 15.0
    cooling = photons / (photons * 11.0 / 4.0 + 4.0 * correction)
    assert solve(settings=Settings(weak=0.0)).n_eff == pytest.approx(3.0 * (11 / 4 * cooling) ** (4 / 3), abs=1e-4)


@pytest.mark.parametrize("mass", [0.1, 20.0, 60.0])
@pytest.mark.parametrize("boson", [Boson(), Boson(1), Boson(1, with_nu_e=True)])
def test_a_decoupled_mediator_gives_its_entropy_to_its_neutrinos(mass: float, boson: Boson) -> None:
    # Analytic, of any mass at the start: n [(1 + s/s_nu)^(4/3) - 1] for the n flavours at its temperature.
    settings = Settings(weak=0.0, qed=False)
    x = mass / settings.start_mev
    entropy = sum(boson.degrees * x**3 * float(kn(3, n * x)) / (2.0 * math.pi**2 * n) for n in range(1, 3000))
    for temperatures, flavours in (("common", 3.0), ("split", 1.0 if boson.with_nu_e else 2.0)):
        expected = flavours * ((1.0 + entropy / (flavours * 7.0 * math.pi**2 / 90.0)) ** (4.0 / 3.0) - 1.0)
        standard = solve(None, 0.0, temperatures, settings).n_eff
        found = solve(mass, 0.0, temperatures, settings, boson).n_eff - standard
        assert found == pytest.approx(expected, rel=1e-4)


def test_strong_mixing_keeps_one_temperature() -> None:
    # A light Z' that decays to e+e- without end in sight: neutrinos are as hot as the photons.
    assert solve(1.1, 1e-7).n_eff == pytest.approx(ALL_THERMAL, abs=1e-3)


def test_energy_is_conserved() -> None:
    # d(rho a^3) = -p d(a^3) of everything, with densities integrated here by scipy: independent of the equations.
    mass = 10.0
    history = solve(mass, 1e-18 * mass, "split", Settings(qed=False))

    def gas(t: float, m: float, dof: float, sign: float) -> tuple[float, float]:
        x = m / t
        if x > 100.0:
            return 0.0, 0.0
        unit = dof * t**4 / (2.0 * math.pi**2)

        def f(y: float, power: int) -> float:
            energy, k2 = x + y * y, y * y * (y * y + 2.0 * x)
            return (
                2.0
                * y
                * math.sqrt(k2)
                * energy
                * (energy if power else k2 / (3.0 * energy))
                / (math.exp(energy) + sign)
            )

        return tuple(unit * quad(f, 0.0, 6.5, args=(p,), epsrel=1e-10)[0] for p in (1, 0))

    rho, p = np.zeros((2, history.t_gamma_mev.size))
    for i, (t, others) in enumerate(zip(history.t_gamma_mev, history.t_nu_mev.T, strict=True)):
        massive = [gas(t, MASS_ELECTRON_MEV, 4.0, 1.0), gas(others[1], mass, 3.0, -1.0)]
        massless = math.pi**2 / 15.0 * (t**4 + 7.0 / 8.0 * np.sum(others**4))
        rho[i] = massless + sum(v[0] for v in massive)
        p[i] = massless / 3.0 + sum(v[1] for v in massive)
    n = history.log_scale_factor
    slope = CubicSpline(n, np.log(rho)).derivative()(n)
    middle = slice(5, -5)
    np.testing.assert_allclose(slope[middle], (-3.0 * (1.0 + p / rho))[middle], atol=1e-4)
    lost = CubicSpline(n, 3.0 * (1.0 + p / rho)).integrate(n[0], n[-1])
    assert math.log(rho[0] / rho[-1]) == pytest.approx(lost, rel=1e-7)


def test_start_and_tolerance_do_not_matter() -> None:
    base = solve(10.0).n_eff
    assert solve(10.0, settings=Settings(start_mev=25.0, e_folds=10.03)).n_eff == pytest.approx(base, abs=1e-7)
    assert solve(10.0, settings=Settings(rtol=1e-12)).n_eff == pytest.approx(base, abs=1e-8)


# Tables ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("temperatures", "expected"), [("common", 0.31), ("split", 0.45)])
def test_ten_mev(temperatures: Temperatures, expected: float) -> None:
    # Independent calculations quoted with two digits.
    assert float(neff.delta_neff(10.0, temperatures=temperatures)) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("temperatures", ["common", "split"])
def test_interpolation_without_mixing(temperatures: Temperatures) -> None:
    mass = np.exp(np.random.default_rng(3).uniform(math.log(0.1), math.log(100.0), 12))
    exact = [solve(m, 0.0, temperatures).n_eff - standard(temperatures) for m in mass]
    np.testing.assert_allclose(neff.delta_neff(mass, temperatures=temperatures), exact, rtol=1e-5, atol=2e-8)


@pytest.mark.parametrize("temperatures", ["common", "split"])
def test_interpolation_with_mixing(temperatures: Temperatures) -> None:
    # The prior box and beyond: the error stated in the docs.
    rng = np.random.default_rng(4)
    mass, g = 10.0 ** rng.uniform(0.01, 2.0, 16), 10.0 ** rng.uniform(-8.0, -1.0, 16)
    widths = [electron_width_mev(m, e) for m, e in zip(mass, kinetic_mixing(g, mass**2), strict=True)]
    exact = [solve(m, w, temperatures).n_eff - standard(temperatures) for m, w in zip(mass, widths, strict=True)]
    found = neff.delta_neff(mass, g, temperatures)
    np.testing.assert_allclose(found, exact, atol=INTERPOLATION_ERROR)


INTERPOLATION_ERROR = 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("temperatures", ["common", "split"])
def test_interpolation_with_mixing_in_many_points(temperatures: Temperatures) -> None:
    rng = np.random.default_rng(5)
    mass, g = 10.0 ** rng.uniform(math.log10(1.022), 2.0, 250), 10.0 ** rng.uniform(-10.0, -0.4, 250)
    widths = [electron_width_mev(m, e) for m, e in zip(mass, kinetic_mixing(g, mass**2), strict=True)]
    exact = [solve(m, w, temperatures).n_eff - standard(temperatures) for m, w in zip(mass, widths, strict=True)]
    np.testing.assert_allclose(neff.delta_neff(mass, g, temperatures), exact, atol=3e-4)


def test_heavy_and_unmixed_limits() -> None:
    # A heavy Z' does nothing; a vanishing coupling, or a mass below 2 m_e, leaves the result without mixing.
    for temperatures in ("common", "split"):
        assert abs(float(neff.delta_neff(100.0, temperatures=temperatures))) < 1e-8
        mass = np.array([0.2, 1.0, 1.02, 5.0, 50.0])
        bare = neff.delta_neff(mass, temperatures=temperatures)
        np.testing.assert_array_equal(neff.delta_neff(mass, 0.0, temperatures), bare)
        np.testing.assert_array_equal(neff.delta_neff(mass[:3], 1e-3, temperatures), bare[:3])
        np.testing.assert_allclose(neff.delta_neff(mass, 1e-11, temperatures), bare, atol=1e-6)
    assert np.all(np.diff(neff.delta_neff(np.geomspace(0.1, 60.0, 400))) < 0.0)
    assert float(neff.delta_neff(10.0, 5.0)) == float(neff.delta_neff(10.0, 50.0))  # beyond the table: its end


def test_mixing_heats_and_cools() -> None:
    # Weak mixing drains the Z' into the plasma; strong mixing keeps neutrinos coupled while e+e- annihilate.
    assert float(neff.delta_neff(10.0, 1e-6)) < float(neff.delta_neff(10.0)) < float(neff.delta_neff(10.0, 1e-4))


def test_is_continuous_where_mixing_begins() -> None:
    for mass in (1.1, 5.0, 20.0):
        g = np.geomspace(1e-11, 1e-9, 4000)
        assert np.max(np.abs(np.diff(neff.delta_neff(mass, g)))) < 2e-4
    mass = 2.0 * MASS_ELECTRON_MEV * (1.0 + np.geomspace(1e-12, 1e-2, 4000))
    assert np.max(np.abs(np.diff(neff.delta_neff(mass, 1e-9)))) < 1e-2


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3)])
@pytest.mark.parametrize("temperatures", ["common", "split"])
def test_broadcasts_and_equals_its_own_loop(shape: tuple[int, ...], temperatures: Temperatures) -> None:
    rng = np.random.default_rng(6)
    m, g = 10.0 ** rng.uniform(-0.9, 1.9, shape), 10.0 ** rng.uniform(-12.0, -0.5, shape)
    whole = neff.delta_neff(m, g, temperatures)
    assert whole.shape == shape
    loop = [float(neff.delta_neff(float(a), float(b), temperatures)) for a, b in zip(m.flat, g.flat, strict=True)]
    np.testing.assert_allclose(whole.ravel(), loop, rtol=1e-12)
    assert neff.delta_neff(m[..., None], np.array([1e-5, 1e-4]), temperatures).shape == (*shape, 2)
    assert neff.delta_neff(m, temperatures=temperatures).shape == shape


def test_nan_stays_nan() -> None:
    found = neff.delta_neff([10.0, np.nan, 0.5, 10.0], [1e-4, 1e-4, np.nan, np.nan])
    np.testing.assert_array_equal(np.isnan(found), [False, True, True, True])


# Constraint -----------------------------------------------------------------------------------------------------------


def test_the_constraint_adds_the_standard_model() -> None:
    mass, g = np.array([3.0, 10.0, 40.0]), np.array([1e-5, 3e-4, 1e-3])
    for mixing, coupling in ((True, 2.0 * g), (False, None)):
        term = neff.CONSTRAINT.build(
            "two_sided", "planck2018", (0.0, 2.0, -2.0), (1.0, 50.2), temperatures="split", mixing=mixing
        )
        np.testing.assert_allclose(term.predict(mass, g), 3.044 + neff.delta_neff(mass, coupling, "split"), rtol=1e-14)
        assert term.predict(mass, g[:, None]).shape == (3, 3)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(term)).predict(mass, g), term.predict(mass, g))  # noqa: S301 - ours
        assert term.standard_model == 3.044


# Scalar ---------------------------------------------------------------------------------------------------------------

GROUPS = {"all": ("common", False), "nu_e": ("split", True), "nu_mu_tau": ("split", False)}


@pytest.mark.parametrize(("partners", "flavours"), [("all", 3.0), ("nu_e", 1.0), ("nu_mu_tau", 2.0)])
def test_a_light_scalar_leaves_its_entropy_in_the_neutrinos(partners: neff.Partners, flavours: float) -> None:
    # Analytic: relativistic when neutrinos decouple, gone later. Its entropy is 4/7 of a flavour's (one state of a
    # boson against 7/8 of two), so n flavours become n (1 + 4/(7 n))^(4/3): Delta N_eff 0.785, 0.827, 0.796.
    expected = flavours * ((1.0 + 4.0 / (7.0 * flavours)) ** (4.0 / 3.0) - 1.0)
    assert float(neff.delta_neff_scalar(0.1, partners)) == pytest.approx(expected, rel=0.012)


@pytest.mark.parametrize("partners", GROUPS)
def test_scalar_heavy_limit_and_interpolation(partners: neff.Partners) -> None:
    assert abs(float(neff.delta_neff_scalar(100.0, partners))) < 1e-8  # gone before neutrinos decouple
    assert np.all(np.diff(neff.delta_neff_scalar(np.geomspace(0.5, 60.0, 400), partners)) < 0.0)
    temperatures, with_nu_e = GROUPS[partners]
    mass = np.exp(np.random.default_rng(7).uniform(math.log(0.1), math.log(100.0), 8))
    exact = [solve(m, 0.0, temperatures, boson=Boson(1, with_nu_e)).n_eff - standard(temperatures) for m in mass]
    np.testing.assert_allclose(neff.delta_neff_scalar(mass, partners), exact, rtol=1e-5, atol=2e-8)


def test_a_scalar_is_thermalised_in_the_whole_box_of_its_presets() -> None:
    # Width against the expansion when it turns non-relativistic, and nu nubar <-> phi phi, of the order of
    # n g^4/(8 pi s), s = 10 T^2: both far above one from g = 1e-3 on; decays alone from 1e-9.
    mass = np.array([1.0, 50.0])
    hubble = math.sqrt(8.0 * math.pi**3 * 10.75 / 90.0) * mass**2 / (1.220890e22)
    width = NU_TAU_SCALAR.width_over_mass(1e-3) * mass
    assert np.all(width > 1e11 * hubble)
    assert np.all(width * (1e-9 / 1e-3) ** 2 > 0.5 * hubble)
    assert np.all(0.09 * (1e-3) ** 4 * mass / (80.0 * math.pi) > 1e3 * hubble)


@pytest.mark.parametrize(
    ("couplings", "partners"),
    [
        ("nu_tau", "nu_mu_tau"),
        ("nu_e", "nu_e"),
        ("flavour_blind", "all"),
        ("[[0, 0, 0], [0, 0, 1], [0, 1, 0]]", "nu_mu_tau"),
        ("[[0, 0, [0, 1]], [0, 0, 0], [[0, 1], 0, 0]]", "all"),
    ],
)
def test_the_constraint_on_a_scalar_knows_whom_it_couples_to(couplings: str, partners: neff.Partners) -> None:
    scalar = ["model.mediator=scalar", f"model.couplings={couplings}", "constraints.neff.form=two_sided"]
    mass, g = np.array([1.0, 5.0, 20.0]), np.array([1e-3, 0.1, 0.5])
    for temperatures, expected in (("common", "all"), ("split", partners)):
        loaded = nuinfer.load("hese7_icecube", [*scalar, f"constraints.neff.temperatures={temperatures}"])
        (term,) = loaded.constraints
        np.testing.assert_allclose(term.predict(mass, g), 3.044 + neff.delta_neff_scalar(mass, expected), rtol=1e-14)
        assert term.standard_model == 3.044
        assert "constraints/neff_scalar.csv" in loaded.checksums
    assert "constraints/neff_scalar.csv" not in nuinfer.load("hese7").checksums


def test_options_that_a_scalar_does_not_have_are_refused() -> None:
    for options, message in (
        ({"model": "paper"}, "constraints.neff.model: 'paper' is not allowed with model.mediator 'scalar'"),
        ({"case": "entropy"}, "constraints.neff.case: entropy is only for model = 'paper'"),
    ):
        with pytest.raises(ConfigError, match=message):
            neff.CONSTRAINT.build("two_sided", "planck2018", (0, 0, 1), (1.0, 50.0), mediator="scalar", **options)
    with pytest.raises(ConfigError, match=r"constraints.neff: the range of m_zprime_mev, \[1, 200\], is not inside"):
        neff.CONSTRAINT.build("two_sided", "planck2018", (0, 0, 1), (1.0, 200.0), mediator="scalar")


# Options --------------------------------------------------------------------------------------------------------------


def test_domain_and_options_are_refused_by_name() -> None:
    with pytest.raises(PhysicsDomainError, match=r"m_zprime_mev: 0.05 is outside the allowed range \[0.1, 100\]"):
        neff.delta_neff(0.05)
    with pytest.raises(PhysicsDomainError, match=r"g_prime: -1 is outside the allowed range \[0, "):
        neff.delta_neff(10.0, -1.0)
    with pytest.raises(ConfigError, match="temperatures: 'one' is none of common, split"):
        neff.delta_neff(10.0, temperatures="one")
    for options, message in (
        ({"model": "exact"}, "constraints.neff.model: 'exact' is none of paper, boltzmann"),
        ({"temperatures": "one"}, "constraints.neff.temperatures: 'one' is none of"),
        ({"case": "entropy"}, "constraints.neff.case: entropy is only for model = 'paper'"),
        ({"t_dec_mev": 2.0}, "constraints.neff.t_dec_mev: 2.0 is only for model = 'paper'"),
        ({"model": "paper", "temperatures": "split"}, "temperatures: split is only for model = 'boltzmann'"),
    ):
        with pytest.raises(ConfigError, match=message):
            neff.CONSTRAINT.build("two_sided", "planck2018", LMU_LTAU, (1.0, 50.0), **options)
    with pytest.raises(ConfigError, match=r"constraints.neff: the range of m_zprime_mev, \[1, 200\], is not inside"):
        neff.CONSTRAINT.build("two_sided", "planck2018", LMU_LTAU, (1.0, 200.0))


def test_the_solver_is_not_imported_by_the_package() -> None:
    # The fit reads tables; scipy's integrators stay out of it.
    import subprocess
    import sys

    code = "import sys, nuinfer.constraints; sys.exit('nuinfer.constraints.neff.boltzmann' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert neff_boltzmann.__doc__
