"""Free flavours on their simplex, spectra in the frame of the source, evolution laws.

`tests/reference/spectra.json` is an independent calculation by adaptive quadrature, shell by shell:
`tests/reference/make_spectra.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from baseline_numbers import FIRST_EDITION
from beams import columns, emitted_beyond, finer, populations
from nominal import FIXED
from scipy import stats

import nuinfer
from nuinfer.errors import ConfigError, NonFiniteLogProbError, PhysicsDomainError
from nuinfer.flux import flux_at_earth, transition_at_earth, unabsorbed_flux
from nuinfer.inference.profile.profile import Profile
from nuinfer.parameters import Parameter, ParameterSpace
from nuinfer.physics.cosmology import PLANCK18
from nuinfer.physics.evolution import LAWS
from nuinfer.physics.mediator import LMU_LTAU
from nuinfer.physics.mixing import PAPER
from nuinfer.physics.propagation import flavour_at_earth, source_populations
from nuinfer.physics.shells import make_shells
from nuinfer.physics.sources import free_fractions, source_fractions
from nuinfer.physics.spectra import SPECTRA
from nuinfer.priors import SimplexShare, Uniform
from nuinfer.transport.points import PIVOT_GEV, Propagation
from nuinfer.transport.resonant import Resonant

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "spectra.json").read_text())


def thinned(cases):
    """Every other case by default, the rest with the slow tests."""
    return [pytest.param(case, marks=pytest.mark.slow) if k % 2 else case for k, case in enumerate(cases)]


FREE, CUTOFF, BROKEN = "model.source=free", "model.spectrum=cutoff", "model.spectrum=broken_power_law"
SINGLE = ("model.evolution=single", "model.source_redshift=1.0")
PARABOLA, EARTH = "model.spectrum=log_parabola", "model.spectrum_frame=earth"


def loaded(*overrides):
    return nuinfer.load("hese7_icecube", overrides)


# Free flavours


@pytest.fixture(scope="module")
def free():
    return loaded(FREE)


def simplex(*names):
    total = {1: 0.7, 2: 1.0}[len(names)]
    shares = tuple(Parameter(name, name, SimplexShare(total, len(names))) for name in names)
    return ParameterSpace((Parameter("gamma", "g", Uniform(1.0, 3.0)), *shares))


@pytest.mark.parametrize(("names", "area"), [(("f_e", "f_mu"), 0.5), (("f_mu",), 0.7)])
def test_prior_of_the_fractions_is_uniform_and_normalised(names, area):
    """Its density is one over the area of the simplex (length of the line) inside and zero outside."""
    space = simplex(*names)
    inside = space.sample(1000, np.random.default_rng(1))
    np.testing.assert_allclose(space.log_prior(inside), -np.log(2.0 * area), rtol=1e-12, atol=1e-14)
    box = np.random.default_rng(2).random((200_000, len(names)))
    points = np.column_stack([np.full(len(box), 2.0), box])
    expected = np.where(box.sum(axis=1) <= space.bounds[1, 1], -np.log(2.0 * area), -np.inf)
    np.testing.assert_array_equal(np.isfinite(space.log_prior(points)), np.isfinite(expected))
    assert abs(np.mean(2.0 * np.exp(space.log_prior(points))) - 1.0) < 5.0 * np.sqrt((1.0 / area - 1.0) / len(box))


def test_prior_transform_is_the_documented_map():
    """f_e = 1 - sqrt(1 - u_1), f_mu = (1 - f_e) u_2: constant Jacobian 1/2, onto the simplex; batches do not matter."""
    space, u = simplex("f_e", "f_mu"), np.random.default_rng(3).random((500, 3))
    theta = space.prior_transform(u)
    f_e = 1.0 - np.sqrt(1.0 - u[:, 1])
    np.testing.assert_allclose(theta[:, 1:], np.column_stack([f_e, (1.0 - f_e) * u[:, 2]]), rtol=1e-12, atol=1e-15)
    steps = 1e-6 * np.eye(3)[1:]
    jacobian = np.stack([space.prior_transform(u + h) - space.prior_transform(u - h) for h in steps], -1)[:, 1:] / 2e-6
    np.testing.assert_allclose(np.linalg.det(jacobian)[u[:, 1] < 0.99], 0.5, rtol=1e-4)
    np.testing.assert_array_equal(space.prior_transform(u.reshape(5, 100, 3)).reshape(500, 3), theta)
    corners = np.array(np.meshgrid([0.5], [0.0, 0.3, 1.0], [0.0, 0.7, 1.0])).T.reshape(-1, 3)
    assert np.all(np.isfinite(space.log_prior(space.prior_transform(corners))))
    grid = np.column_stack([np.full(3000, 0.5), np.random.default_rng(4).random(3000), np.ones(3000)])
    assert np.all(np.isfinite(space.log_prior(space.prior_transform(grid)))), "rounding on the edge f_e + f_mu = 1"


def test_every_fraction_has_the_same_marginal():
    """f_e, f_mu and f_tau = 1 - f_e - f_mu are exchangeable: each is Beta(1, 2)."""
    draws = simplex("f_e", "f_mu").sample(20_000, np.random.default_rng(5))[:, 1:]
    for values in (*draws.T, 1.0 - draws.sum(axis=1)):
        assert stats.kstest(values, stats.beta(1, 2).cdf).pvalue > 1e-4
    assert stats.kstest(draws[:, 0], stats.uniform.cdf).pvalue < 1e-10, "the test sees another prior"


def test_not_a_number_stays_one_and_far_away_is_outside():
    space = simplex("f_e", "f_mu")
    assert np.isnan(space.log_prior([2.0, np.nan, 0.1]))
    assert np.all(space.log_prior([[2.0, 0.6, 0.6], [2.0, -1e-9, 0.1], [2.0, 1e308, 1e308]]) == -np.inf)


def test_a_search_that_leaves_the_simplex_is_put_back():
    space = simplex("f_e", "f_mu")
    box = np.column_stack([np.full(5000, 2.0), np.random.default_rng(6).random((5000, 2))])
    inside = np.isfinite(space.log_prior(box))
    back = space.into_prior(box)
    assert np.all(np.isfinite(space.log_prior(back)))
    np.testing.assert_array_equal(back[inside], box[inside])
    np.testing.assert_allclose(back[:, 2] / back[:, 1], box[:, 2] / box[:, 1], rtol=1e-12)
    held = space.into_prior(box, held=[1])
    assert np.all(np.isfinite(space.log_prior(held)))
    np.testing.assert_array_equal(held[:, 1], box[:, 1])
    np.testing.assert_array_equal(space.into_prior(box[:7].reshape(7, 1, 3)).reshape(7, 3), back[:7])


def test_free_flavours_at_the_corners_are_the_named_sources(free):
    for source, f_e, f_mu in (("pp", 1 / 3, 2 / 3), ("muon_damped", 0.0, 1.0)):
        named = loaded(f"model.source={source}").predict()["astro"]
        np.testing.assert_allclose(free.predict({"f_e": f_e, "f_mu": f_mu})["astro"], named, rtol=1e-12)
    assert {"f_e", "f_mu"} <= set(free.parameter_names)
    assert not {"f_e", "f_mu"} & set(loaded().parameter_names)


def test_counts_are_linear_in_the_fractions(free):
    """A mixture of sources gives the mixture of their counts."""
    pure = [free.predict({"f_e": e, "f_mu": m})["astro"] for e, m in ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0))]
    mixed = free.predict({"f_e": 0.2, "f_mu": 0.5})["astro"]
    np.testing.assert_allclose(mixed, 0.2 * pure[0] + 0.5 * pure[1] + 0.3 * pure[2], rtol=1e-12)


def test_fractions_off_the_simplex_are_not_counted(free):
    np.testing.assert_array_equal(np.isnan(free_fractions([0.8, -0.1, 0.2], [0.8, 0.5, 0.3])).any(-1), [1, 1, 0])
    theta = free.prior_transform([0.5] * len(free.parameter_names))
    theta[[free.parameter_names.index(name) for name in ("f_e", "f_mu")]] = 0.8
    assert free.log_prob(theta) == -np.inf
    with pytest.raises(NonFiniteLogProbError, match="'data'"):
        free.log_likelihood(theta)


@pytest.mark.parametrize(("overrides", "names"), [
    (["parameters.f_e.value=0.3"], ["f_mu"]), (["parameters.f_mu.value=0.4"], ["f_e"]),
    (["parameters.f_e.value=0.3", "parameters.f_mu.value=0.7"], []),
])  # fmt: skip
def test_fractions_can_be_fixed(free, overrides, names):
    fixed = free.with_overrides(overrides)
    assert [name for name in fixed.parameter_names if name in ("f_e", "f_mu")] == names
    draws = fixed.sample_prior(300, np.random.default_rng(7))
    assert np.all(np.isfinite(fixed.log_prior(draws)))
    for name in names:
        left = 1.0 - float(overrides[0].split("=")[1])
        column = draws[:, fixed.parameter_names.index(name)]
        assert left - 0.02 < column.max() <= left


@pytest.mark.parametrize(("overrides", "message"), [
    (["parameters.f_e.value=1"], r"parameters\.f_mu: .*leave 0"),
    (["parameters.f_e.value=1.5"], r"parameters\.f_e: 1\.5 is not allowed"),
    (["parameters.f_e.value=0.6", "parameters.f_mu.value=0.6"], r"f_e \+ f_mu: 1\.2 is not allowed"),
    (["parameters.f_e.prior=uniform"], r"parameters\.f_e: .*simplex"),
])  # fmt: skip
def test_fractions_that_make_no_sense_are_refused(overrides, message):
    with pytest.raises(ConfigError, match=message):
        loaded(FREE, *overrides)


def test_values_at_a_point(free):
    assert free.point({"f_e": 0.9})["f_mu"] == pytest.approx(0.05)
    assert free.point()["f_e"] == free.point()["f_mu"] == pytest.approx(1 / 3)
    with pytest.raises(ConfigError, match="at most 1"):
        free.point({"f_e": 0.9, "f_mu": 0.3})
    with pytest.raises(ConfigError, match=r"f_e: -0\.1"):
        free.point({"f_e": -0.1})


def test_profile_searches_the_simplex():
    """Data of a pure nu_mu source: the best fit lies on the edge of the simplex, and its ends can be profiled."""
    fixed = [f"parameters.{name}.value={value}" for name, value in (
        ("log10_m_zprime_mev", 1.0), ("log10_g_prime", -6.0), ("lightest_nu_mass_ev", 0.05), ("gamma", 2.5),
)]  # fmt: skip
    analysis = loaded(FREE, "model.regeneration=false", *FIXED, *fixed)
    truth = {"phi_total": 15.0, "f_e": 0.0, "f_mu": 1.0}
    counts = np.sum(list(analysis.predict(truth).values()), axis=0)
    profile = Profile(analysis.with_observed(counts))
    best = dict(zip(analysis.parameter_names, profile.best.theta, strict=True))
    true_point = [truth[name] for name in analysis.parameter_names]
    assert profile.best.log_prob >= analysis.with_observed(counts).log_prob(true_point) - 1e-3
    assert best["f_e"] + best["f_mu"] <= 1.0
    corner = profile.at("f_e", 0.9999)
    assert np.isfinite(corner.log_prob)
    assert corner.theta[1:].sum() <= 1.0


# Evolution laws


@pytest.mark.parametrize("case", REFERENCE["laws"], ids=lambda case: case["evolution"])
def test_evolution_laws(case):
    np.testing.assert_allclose(LAWS.shipped[case["evolution"]].density(case["redshift"]), case["result"], rtol=1e-9)


@pytest.mark.parametrize("name", ["sfr", "flat", "bllac", "quasar", "grb"])
def test_slope_of_an_evolution_law_is_its_derivative(name):
    x, h = np.linspace(0.02, 1.7, 60), 1e-5
    law = LAWS.shipped[name].log_density
    np.testing.assert_allclose(law(x)[1], (law(x + h)[0] - law(x - h)[0]) / (2 * h), rtol=1e-6, atol=1e-7)


def test_gamma_ray_bursts_follow_the_published_power_laws():
    """(1+z)^2.1 below z = 3 and (1+z)^-1.4 above (arXiv:0912.0709); the corner itself is 7 % lower."""
    density = LAWS.shipped["grb"].density
    assert density(1.5) == pytest.approx(2.5**2.1, rel=1e-6)
    assert density(9.0) / density(8.0) == pytest.approx((10 / 9) ** -1.4, rel=1e-6)
    assert density(3.0) / 4.0**2.1 == pytest.approx(2**-0.1, rel=1e-6)


@pytest.mark.parametrize("name", ["bllac", "quasar", "grb"])
def test_redshift_tables_converge_with_the_fourth_power_of_the_interval(name):
    z = np.linspace(0.1, 4.9, 60)[None]
    *tables, exact = (
        emitted_beyond(columns(2.3), make_shells(name, PLANCK18, 5.0, n), z, 1e5) for n in (64, 128, 256, 4096)
    )
    errors = [np.abs(table - exact).max() for table in tables]
    assert errors[1] < 5e-6
    assert errors[0] / errors[2] > 100.0  # 256 where the interval resolves the corner


def test_flavour_at_earth_takes_every_law():
    """At energies below the dip of the farthest source everything crosses it, whatever the evolution."""
    point = ([1e4, 5e5], 8.0, 4e-4, [0.05], [1, 2, 0], 2.5)
    setting = (PAPER, LMU_LTAU, PLANCK18, "decoherent")
    flat = flavour_at_earth(*point, "flat", *setting)
    for name in ("bllac", "quasar", "grb"):
        law = flavour_at_earth(*point, name, *setting)
        np.testing.assert_allclose(law[0], flat[0], rtol=1e-12)
        assert abs(law[1].sum() - flat[1].sum()) > 1e-4
    with pytest.raises(PhysicsDomainError, match="evolution: 'agn' is not one of"):
        flavour_at_earth(*point, "agn", *setting)


# Spectra


def analysis_of(case):
    keys = ("source", "evolution", "coherence", "ordering", "spectrum", "source_redshift")
    settings = {f"model.{key}": case[key] for key in keys if key in case}
    settings["model.spectrum_frame"] = case.get("frame", "source")
    settings |= {
        "model.absorption": case["absorption"],
        "model.regeneration": False,
        "model.relic_neutrinos": "standard",
        "data.dataset": str(FIRST_EDITION),
    }
    if "source_redshift" in case:
        settings["model.evolution"] = "single"
    return nuinfer.load("hese7_icecube", settings)


@pytest.mark.parametrize(
    "case", thinned(REFERENCE["counts"]), ids=lambda c: "-".join(str(c.get(k)) for k in ("spectrum", "frame", "source"))
)
def test_counts_against_adaptive_quadrature(case):
    """Every bin to 1e-5 at the default accuracy."""
    analysis = analysis_of(case)
    at = {name: case[name] for name in ("log10_m_zprime_mev", "log10_g_prime", "gamma", "f_e", "f_mu") if name in case}
    at |= {name: case[name] for name in SPECTRA.shipped[case["spectrum"]].values}
    at |= {"lightest_nu_mass_ev": case["lightest_ev"], "phi_total": 1.0, "detector_scale": 1.0, "energy_scale": 1.0}
    if not case["absorption"]:
        at = {name: value for name, value in at.items() if name not in ("log10_m_zprime_mev", "log10_g_prime")}
        del at["lightest_nu_mass_ev"]
    np.testing.assert_allclose(analysis.predict(at)["astro"], case["result"], rtol=1e-5)


@pytest.mark.parametrize(
    "case", thinned(REFERENCE["daughters"]), ids=lambda c: f"{c['spectrum']}-{c.get('frame', 'source')}"
)
def test_daughters_against_adaptive_quadrature(case):
    """Regeneration of one degenerate target, by a direct integral over the redshift of the absorption."""
    single = "source_redshift" in case
    shells = make_shells(case.get("evolution", "single"), PLANCK18, case.get("source_redshift", 5.0))
    values = {name: case[name] for name in SPECTRA.shipped[case["spectrum"]].values}
    values |= {"frame": case.get("frame", "source")}
    transport = Resonant(shells, Propagation(PAPER, LMU_LTAU, PLANCK18, "decoherent", split=False), 400)
    source = source_populations(source_fractions("pp"), PAPER)[:1]
    point = (case[n] for n in ("energy_gev", "m_zprime_mev", "g_prime", "masses_ev", "gamma"))
    got = populations(transport, *point, source, case["spectrum"], **values)[0].sum(axis=0)
    # over the unabsorbed flux at the pivot; the reference is over the power law
    got = got * emitted_beyond(columns(case["gamma"], case["spectrum"], **values), shells, [[0.0]], PIVOT_GEV)[0, 0]
    np.testing.assert_allclose(got, case["result"], rtol=1e-7 if single else 1e-6)


@pytest.mark.parametrize("overrides", [
    [CUTOFF], [BROKEN, EARTH, *SINGLE], [PARABOLA],
    *(pytest.param(each, marks=pytest.mark.slow) for each in (
        [BROKEN], [BROKEN, "model.evolution=grb"], [CUTOFF, *SINGLE], [BROKEN, *SINGLE, "model.source=pgamma"],
        [BROKEN, EARTH], [CUTOFF, EARTH],
    )),
])  # fmt: skip
def test_regenerated_counts_are_accurate(overrides):
    """Against 16 times finer tables of the shells and 6 times finer ones of the absorbed flux: below 1e-5 per bin."""
    analysis = loaded(*overrides, "parameters.energy_scale.value=1")
    values = analysis.values(analysis.sample_prior(3, np.random.default_rng(8)))
    fine = finer(analysis, 2048, 9, regeneration_intervals=240)
    default, exact = (model.expected(values).components[:, 0] for model in (analysis.model, fine))
    counted = exact > 1e-9 * exact.sum(axis=(-2, -1), keepdims=True)  # behind a cut-off there is nothing
    assert np.abs(default / exact - 1.0)[counted].max() < 1e-5


@pytest.mark.parametrize("overrides", [
    [FREE, "model.masses=degenerate", "model.evolution=grb"], [BROKEN, EARTH], [CUTOFF, "model.absorption=false"],
    [FREE, "model.targets=thermal", "model.regeneration=false"],
    *(pytest.param(each, marks=pytest.mark.slow) for each in (
        [FREE], [FREE, "model.coherence=coherent"], [FREE, CUTOFF], [BROKEN, "model.source=pgamma"], [BROKEN, *SINGLE],
        [BROKEN, FREE, "model.absorption=false"], ["model.evolution=bllac"], ["model.evolution=quasar"],
        [PARABOLA, "model.absorption=false"],
    )),
])  # fmt: skip
def test_batches_do_not_matter(overrides):
    """Not in a single bit."""
    analysis = loaded(*overrides)
    theta = analysis.sample_prior(12, np.random.default_rng(9))
    whole = analysis.expected_counts(theta)
    np.testing.assert_array_equal([analysis.expected_counts(point) for point in theta], whole)
    np.testing.assert_array_equal(analysis.expected_counts(theta.reshape(3, 4, -1)).reshape(whole.shape), whole)


@pytest.mark.parametrize(("overrides", "column", "span"), [
    ([BROKEN, "model.regeneration=false"], "log10_break_gev", (5.2, 6.6)),
    ([BROKEN, "model.evolution=single", "model.source_redshift=1.0"], "log10_break_gev", (5.2, 6.6)),
    ([CUTOFF, "model.regeneration=false"], "log10_cutoff_gev", (5.2, 7.0)),
    ([BROKEN, EARTH], "log10_break_gev", (5.0, 6.4)), ([PARABOLA], "beta", (-0.5, 1.0)),
])  # fmt: skip
def test_log_likelihood_has_no_steps_along_the_scale_of_a_spectrum(overrides, column, span):
    """Second differences along a line stay those of a smooth curve: a quadrature node that jumps would stand out."""
    analysis = loaded(*overrides)
    centre = analysis.space.centres({"log10_m_zprime_mev": 1.0, "log10_g_prime": -3.2, "gamma": 2.2})
    theta = np.tile([centre[name] for name in analysis.parameter_names], (300, 1))
    theta[:, analysis.parameter_names.index(column)] = np.linspace(*span, 300)
    log_likelihood = analysis.log_likelihood(theta)
    assert np.ptp(log_likelihood) > 0.5, "the spectrum should matter along this line"
    assert np.abs(np.diff(log_likelihood, 2)).max() < 5e-3 * np.ptp(log_likelihood)


@pytest.mark.parametrize("spectrum", ["cutoff", "broken_power_law"])
def test_shapes_broadcast_and_converge_with_the_fourth_power_of_the_interval(spectrum):
    """A batch of points equals its own loop; the error falls by about 256 from 64 to 256 intervals."""
    rng = np.random.default_rng(11)
    drawn = {"cutoff_gev": 10 ** rng.uniform(5.5, 7, 6), "break_gev": 10 ** rng.uniform(5, 7, 6)}
    drawn["gamma_high"], gamma = rng.uniform(1.5, 5.0, 6), rng.uniform(1.5, 4.0, 6)
    energy, z = 10 ** rng.uniform(4.5, 6.5, (6, 1, 40)), rng.uniform(-0.5, 6.0, (6, 3, 40))

    def beyond(shells, at=slice(None)):
        values = {name: drawn[name][at] for name in SPECTRA.shipped[spectrum].values}
        return emitted_beyond(columns(gamma[at], spectrum, **values), shells, z[at], energy[at])

    exact = beyond(make_shells("sfr", PLANCK18, 5.0))
    errors = [np.abs(beyond(make_shells("sfr", PLANCK18, 5.0, n)) - exact).max() for n in (64, 256)]
    assert errors[0] / errors[1] > 100.0
    for shells in (make_shells("sfr", PLANCK18, 5.0, 128), make_shells("single", PLANCK18, 2.0)):
        whole = beyond(shells)
        for k in range(6):
            np.testing.assert_array_equal(beyond(shells, slice(k, k + 1)), whole[k : k + 1])


def test_limits_of_the_spectra_are_power_laws():
    """A cut-off or a break far above, equal indices, or a break far below (the power law of the high index)."""
    at = {"m_zprime_mev": 8.0, "g_prime": 4e-4, "lightest_nu_mass_ev": 0.02}
    plain = loaded("model.regeneration=false")
    cut, broken = (loaded(name, "model.regeneration=false") for name in (CUTOFF, BROKEN))
    soft, hard = (plain.predict({**at, "gamma": gamma})["astro"] for gamma in (2.4, 3.1))
    at["gamma"] = 2.4
    np.testing.assert_allclose(cut.predict({**at, "cutoff_gev": 1e20})["astro"], soft, rtol=1e-6)
    for scale, high, expected in ((1e12, 4.0, soft), (7e5, 2.4, soft), (1.0, 3.1, hard)):
        got = broken.predict({**at, "break_gev": scale, "gamma_high": high})["astro"]
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    steep = loaded("model.regeneration=false", *SINGLE).predict({**at, "gamma": 5.0})["astro"]
    after = loaded(BROKEN, "model.regeneration=false", *SINGLE).predict(
        {**at, "gamma": 0.0, "break_gev": 10**3.5, "gamma_high": 5.0}
    )["astro"]
    np.testing.assert_allclose(after, steep, rtol=1e-9)  # eleven orders of magnitude below the power law


def test_phi_total_is_the_unabsorbed_flux_at_100_tev():
    """Whatever the spectrum; and fluxes at Earth follow spectrum, source and shells like the counts do."""
    for overrides in ([CUTOFF, FREE], [BROKEN, *SINGLE], [BROKEN, EARTH], [PARABOLA, *SINGLE], [CUTOFF, EARTH]):
        analysis = loaded(*overrides, "model.regeneration=false")
        theta = analysis.sample_prior(20, np.random.default_rng(10))
        phi = theta[:, analysis.parameter_names.index("phi_total")]
        flux = unabsorbed_flux(analysis, theta, [1e5, 4e5]).sum(axis=-1)
        np.testing.assert_allclose(flux[:, 0], phi * 1e-18, rtol=1e-12)
        theta[:, 0], theta[:, 1] = 1.0, -6.0  # nothing is absorbed
        np.testing.assert_allclose(flux_at_earth(analysis, theta, [1e5, 4e5]).sum(axis=-1), flux, rtol=1e-4)
        transition = transition_at_earth(analysis, theta, [1e5, 4e5])
        np.testing.assert_allclose(transition.sum(axis=-2), 1.0, rtol=1e-4)


@pytest.mark.parametrize(("overrides", "message"), [
    ([CUTOFF, "model.targets=thermal", "model.regeneration=false"], r"model\.spectrum: \"cutoff\".*power_law"),
    ([CUTOFF, "parameters.log10_cutoff_gev.value=2"], r"log10_cutoff_gev: 2\.0 is not allowed"),
    (["model.spectrum=parabola"], r"model\.spectrum"),
    ([PARABOLA, "model.spectrum_frame=source"], r"frame: 'source' is not allowed with .* 'log_parabola', only 'earth'"),
    ([PARABOLA, "model.targets=thermal"], r"model\.spectrum: \"log_parabola\".*power_law"),
    ([BROKEN, EARTH, "model.targets=thermal"], r"model\.spectrum: \"broken_power_law\".*power_law"),
    ([BROKEN, "model.spectrum_frame=moon"], r"model\.spectrum_frame: \"moon\".*'source' or 'earth'"),
    (["model.evolution=agn"], r"model\.evolution"),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(overrides, message):
    with pytest.raises(ConfigError, match=message):
        loaded(*overrides)


def test_parameters_of_a_spectrum_belong_to_it_alone():
    extra = {"log10_cutoff_gev", "log10_break_gev", "gamma_high"}
    for overrides, expected in (
        ([], set()),
        ([CUTOFF], {"log10_cutoff_gev"}),
        ([BROKEN], extra - {"log10_cutoff_gev"}),
    ):
        assert extra & set(loaded(*overrides).parameter_names) == expected
