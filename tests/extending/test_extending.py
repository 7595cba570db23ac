"""The examples of docs/extending.md, used from outside the package: in a configuration, a fit, figures, references."""

from __future__ import annotations

import json
import pickle
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from nominal import FIXED
from plotting_checks import importance_samples, legend_entries, make_run, make_summary
from scipy.special import logsumexp

import nuinfer
from nuinfer import plotting
from nuinfer.cli import main
from nuinfer.errors import ConfigError, DataIntegrityError, RunFolderError
from nuinfer.inference.evidence.nested import Setting, Target, run_nested
from nuinfer.inference.studies.campaign import parse_campaign, run_campaign
from nuinfer.inference.work.calls import Inline
from nuinfer.physics.evolution import LAWS
from nuinfer.registry import load_file

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
EXAMPLES = dict(re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL))
FLUX = [*FIXED, "model.absorption=false"]  # gamma and phi_total are left


@pytest.fixture(autouse=True)
def examples(tmp_path, monkeypatch):
    """The files of the page, in the working directory."""
    for name, text in EXAMPLES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(*overrides):
    return nuinfer.load("hese7_icecube", overrides)


def draws(analysis, n=20):
    return analysis.sample_prior(n, np.random.default_rng(5))


def astro(analysis, **at):
    return analysis.predict(at)["astro"]


def assert_recorded(analysis, key, name, cited):
    """The path is absolute wherever it stands, its checksum is recorded, and what is used is cited."""
    path = Path(name).resolve()
    assert str(path) in analysis.config_toml()
    assert analysis.checksums[str(path)] == load_file(path, key).sha256
    assert cited in analysis.references()
    again = pickle.loads(pickle.dumps(analysis))  # as a worker gets it  # noqa: S301 - ours
    np.testing.assert_array_equal(again.log_prob(draws(analysis, 3)), analysis.log_prob(draws(analysis, 3)))


def test_every_row_of_the_table_has_its_example():
    rows = re.findall(r"^\| (.*?) \|.*?\|.*?\|", PAGE.read_text().partition("Yours becomes")[0], re.MULTILINE)[1:]
    assert len(rows) == 9
    assert len(EXAMPLES) == len(rows) + 6  # a source with a parameter, a table, flux points, and three TOML files


# What the model is made of --------------------------------------------------------------------------------------------


def test_a_law():
    """Its slope is its derivative, W peaks at z = 1.9 as published; the shipped law by a file is the shipped law."""
    law = load_file("madau.py", "x").constant("LAW", type(LAWS.shipped["sfr"]))
    x = np.linspace(0.01, 1.8, 500)
    log_w, slope = law.log_density(x)
    np.testing.assert_allclose(np.gradient(log_w, x)[5:-5], slope[5:-5], atol=1e-4)
    assert np.expm1(x[log_w.argmax()]) == pytest.approx(1.86, abs=0.02)
    analysis, shipped = load("model.evolution=madau.py"), load()
    assert_recorded(analysis, "model.evolution", "madau.py", f"evolution madau: {law.citation}")
    theta = draws(shipped)
    assert not np.allclose(analysis.log_prob(theta), shipped.log_prob(theta), rtol=0.0, atol=1e-3)
    Path("same.py").write_text(
        "from nuinfer.physics.evolution import Law, sfr\nLAW = Law('same', 'same', None, sfr.log_density)\n"
    )
    np.testing.assert_allclose(load("model.evolution=same.py").log_prob(theta), shipped.log_prob(theta), rtol=1e-12)


def test_a_source():
    """Counts are linear in the flavours: charm is three quarters of pions and a quarter of what (5, -1, 0) would be."""
    analysis = load("model.source=charm.py", "model.absorption=false")
    citation = "Enberg, Reno, Sarcevic, Phys. Rev. D 79 (2009) 053006, arXiv:0808.2807"
    assert_recorded(analysis, "model.source", "charm.py", f"source charm: {citation}")
    free = analysis.with_overrides(["model.source=free"])
    np.testing.assert_allclose(astro(analysis), astro(free, f_e=0.5, f_mu=0.5), rtol=1e-12)


def test_a_parameter_of_a_source():
    """Mixtures have the counts of their parts, nu and nubar apart; the parameter is fitted, fixed or cut."""
    mixture = load("model.source=mixture.py", "parameters.neutron_share.high=0.5")
    column = mixture.parameter_names.index("neutron_share")
    assert mixture.prior_bounds[column].tolist() == [0.0, 0.5]
    assert mixture.parameter_labels["neutron_share"] == "$f_n$"
    assert not any("source mixture" in line for line in mixture.references())
    parts = [astro(load(f"model.source={name}"), m_zprime_mev=8.0, g_prime=3e-4) for name in ("pp", "neutron")]
    for share in (0.0, 0.3, 0.5):
        mixed = astro(mixture, m_zprime_mev=8.0, g_prime=3e-4, neutron_share=share)
        np.testing.assert_allclose(mixed, (1.0 - share) * parts[0] + share * parts[1], rtol=1e-10)
    theta = draws(mixture)
    np.testing.assert_array_equal(mixture.log_prob(theta)[7:9], mixture.log_prob(theta[7:9]))
    assert "neutron_share" not in load("model.source=mixture.py", "parameters.neutron_share.value=0").parameter_names
    with pytest.raises(ConfigError, match=r"parameters.neutron_share: 1.5 is not allowed, it must be in \[0, 1\]"):
        load("model.source=mixture.py", "parameters.neutron_share.high=1.5")


def test_a_table_as_a_spectrum():
    """A table of a power law is that power law, beyond its ends too; that of the page is another."""
    tilted = [*FLUX, "parameters.gamma.value=2"]
    given = astro(load("model.spectrum=tabulated.py", *tilted))
    straight = EXAMPLES["tabulated.py"].replace("[1.2, 1.0, 0.7, 0.4, 0.1, 0.01]", "(ENERGY_GEV / 1e5) ** -0.5")
    Path("straight.py").write_text(straight)
    power_law = astro(load(*FLUX, "parameters.gamma.value=2.5"))
    np.testing.assert_allclose(astro(load("model.spectrum=straight.py", *tilted)), power_law, rtol=1e-6)
    assert not np.allclose(given, power_law, rtol=0.05)


def test_a_spectrum():
    """A curvature of zero is a power law, and the cut-off by a table is the compiled one."""
    analysis = load("model.spectrum=log_parabola.py", *FLUX)
    assert analysis.parameter_names == ("gamma", "phi_total", "curvature")
    citation = "IceCube Collaboration, Astrophys. J. 928 (2022) 50, arXiv:2111.10299"
    assert_recorded(analysis, "model.spectrum", "log_parabola.py", f"spectrum log_parabola: {citation}")
    np.testing.assert_allclose(astro(analysis, curvature=0.0), astro(load(*FLUX)), rtol=1e-6)
    straight, curved = (astro(analysis, curvature=beta).sum(axis=0) for beta in (0.0, 0.3))
    assert np.all(np.diff(curved / straight)[3:] < 0.0)  # softer and softer
    Path("mine.py").write_text(
        "from nuinfer.physics.spectra import Spectrum, cutoff\n"
        "def log_shape(energy_gev, gamma, cutoff_gev):\n    return -energy_gev / cutoff_gev\n"
        "SPECTRUM = Spectrum('mine', 'mine', None, cutoff.SPECTRUM.parameters, log_shape)\n"
    )
    mine, shipped = load("model.spectrum=mine.py"), load("model.spectrum=cutoff")
    assert mine.parameter_names == shipped.parameter_names
    theta = draws(shipped)
    np.testing.assert_allclose(mine.expected_counts(theta), shipped.expected_counts(theta), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(mine.log_prob(theta), shipped.log_prob(theta), rtol=1e-6)


# Terms and data -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overrides", [[], ["model.absorption=false"]])
def test_a_constraint(overrides):
    """A normal density of gamma, with a Z' and without: its observable does not need one."""
    keys = ["constraints.custom.tracks.file=tracks.py", "constraints.custom.tracks.sigma=0.2", *overrides]
    analysis, without = load(*keys), load(*overrides)
    assert_recorded(analysis, "file", "tracks.py", "custom.tracks: IceCube Collaboration, Astrophys. J. 928 (2022) 50, "
                    "arXiv:2111.10299")  # fmt: skip
    theta = draws(analysis)
    gamma = theta[:, analysis.parameter_names.index("gamma")]
    expected = -0.5 * ((gamma - 2.37) / 0.2) ** 2 - np.log(0.2 * np.sqrt(2.0 * np.pi))
    np.testing.assert_allclose(analysis.log_terms(theta)["custom.tracks"], expected, rtol=1e-12)
    np.testing.assert_allclose(analysis.log_prob(theta), without.log_prob(theta) + expected, rtol=1e-12)


def test_terms_and_curves_in_a_file_and_in_figures():
    """One configuration names both; the curve is drawn in the plane, the measurement among the pulls."""
    Path("mine.toml").write_text(EXAMPLES["tracks.toml"] + EXAMPLES["curve.toml"])
    analysis = nuinfer.load("mine.toml")
    assert analysis.term_names[1:-1] == ("limit_curve.somebody", "custom.tracks")
    assert "limit_curve.somebody: illustration, no published curve" in analysis.references()
    inside, outside = ({"m_zprime_mev": 10.0, "g_prime": g} for g in (4.99e-4, 5.01e-4))
    points = [analysis.theta(at) for at in (inside, outside)]
    assert analysis.log_exclusion(points).tolist() == [0.0, -np.inf]
    samples = importance_samples(analysis, number=200, prior_draws=1000)
    assert "somebody (at 90 %), exclusion" in legend_entries(plotting.plot_region(analysis, samples))
    ticks = [text.get_text() for text in plotting.plot_pulls(analysis, samples).axes[0].get_yticklabels()]
    assert "northern tracks (two-sided)" in ticks


def test_a_data_set():
    """Counts of a power law are area times flux; its reference is cited, its files are recorded."""
    made = runpy.run_path("make_water.py")
    made["make"](Path("water"))
    analysis = load("data.dataset=water", *FLUX)
    assert analysis.config.data.dataset == str(Path("water").resolve())
    assert analysis.topologies == ("cascade",)
    assert "nobody" in analysis.references()
    assert set(analysis.checksums) == {"dataset.toml", "events.csv", "response.npz", "backgrounds.csv"}
    edges = made["TRUE_GEV"]
    flux = 6e-18 * 1e5**2.5 * (edges[:-1] ** -1.5 - edges[1:] ** -1.5) / 1.5  # of six species, each with this area
    expected = 3.156e8 * 4.0 * np.pi * 1e4 * flux @ made["area_m2"]()[:, 4:]
    np.testing.assert_allclose(astro(analysis, gamma=2.5, phi_total=6.0)[0], expected, rtol=1e-5)
    assert analysis.observed_counts.sum() == pytest.approx(expected.sum() + 8.0 / (1.0 - 10**-0.17), rel=0.2)
    Path("water/events.csv").write_text("altered")
    with pytest.raises(DataIntegrityError, match="altered since it was sourced"):
        load("data.dataset=water")


def test_flux_points():
    """What is measured is the table; the errors are on its two sides, the last one is a limit."""
    runpy.run_path("make_northern.py")["make"](Path("northern"))
    analysis = nuinfer.load(
        "mese11_icecube", ["data.dataset=northern", "model.spectrum=power_law", "model.absorption=false"]
    )
    assert analysis.observed_counts.tolist() == [[2.22, 1.21, 0.33, 0.0]]
    best = dict(zip(analysis.parameter_names, nuinfer.best_fit(analysis).theta, strict=True))
    # arXiv:2111.10299: gamma 2.37 +- 0.09 and 1.44 +- 0.25 per flavour from the events themselves
    assert best["gamma"] == pytest.approx(2.37, abs=0.1)
    assert best["phi_total"] / 3.0 == pytest.approx(1.44, abs=0.25)


# A fit, its figures, and studies --------------------------------------------------------------------------------------


def test_all_of_them_in_a_fit(tmp_path):
    """A short run with a law, a source, a spectrum, a constraint and data of the user, opened from elsewhere."""
    runpy.run_path("make_water.py")["make"](Path("water"))
    files = ["model.evolution=madau.py", "model.source=mixture.py", "model.spectrum=log_parabola.py"]
    files += ["data.dataset=water", "constraints.custom.tracks.file=tracks.py"]
    settings = ["sampler.ensembles=2", "sampler.walkers=16", "sampler.max_steps=40"]
    analysis = load(*files, *FLUX, *settings)
    nuinfer.fit(analysis, tmp_path / "run", executor=Inline(), progress=False)
    run = nuinfer.open_run(tmp_path / "run")
    assert set(run.analysis.parameter_names) == {"gamma", "phi_total", "curvature", "neutron_share"}
    assert run.samples(0, 1).shape == (2, 40, 16, 4)
    assert set(run.summary()["parameters"]) >= {"curvature", "neutron_share"}
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    for name in ("madau.py", "mixture.py", "log_parabola.py", "tracks.py"):
        assert str(tmp_path / name) in record["checksums"]
    cited = [line.partition(":")[0] for line in record["references"]]
    assert {"evolution madau", "spectrum log_parabola", "custom.tracks"} <= set(cited)
    figure = plotting.plot("corner", run)
    assert any("f_n" in axes.get_xlabel() for axes in figure.axes)
    (tmp_path / "madau.py").write_text(EXAMPLES["madau.py"].replace("2.9", "3.0"))
    with pytest.raises(RunFolderError, match=r"another configuration, the data file .*madau\.py"):
        nuinfer.fit(run.analysis.with_overrides([]), tmp_path / "run", resume=True, executor=Inline(), progress=False)


def test_a_figure(tmp_path, monkeypatch, capsys):
    """At the command line too; nothing is left out above the dip's energies, and it says what it needs."""
    analysis = load()
    samples = importance_samples(analysis, number=100, prior_draws=500)
    run = make_run(analysis, samples, make_summary(analysis, samples))
    figure = plotting.plot("survival.py", run)
    assert legend_entries(figure) == [r"$\nu_e$", r"$\nu_\mu$", r"$\nu_\tau$"]
    assert all(line.get_ydata()[-1] == pytest.approx(1.0, abs=0.02) for line in figure.axes[0].get_lines())
    monkeypatch.setattr("nuinfer.inference.runs.run.open_run", lambda *_, **__: run)
    assert main(["plot", "chains/test", "--kind", "survival.py", "--format", "svg", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'survival.svg'}\n"
    standard = SimpleNamespace(analysis=load("model.absorption=false"))
    with pytest.raises(ConfigError, match=r"figure 'survival': model\.absorption = false"):
        plotting.plot("survival.py", standard)


def test_an_engine(tmp_path):
    """The average over a grid of quantiles is the same evidence; a comparison takes the engine by its path."""
    analysis = load(*FLUX)
    run = run_nested(analysis, 1, Setting(engine="plain.py", live=100))
    quantiles = (np.arange(100) + 0.5) / 100
    grid = np.stack(np.meshgrid(quantiles, quantiles), axis=-1).reshape(-1, 2)
    values = Target(analysis).log_likelihood(analysis.prior_transform(grid))
    assert run.ln_z == pytest.approx(logsumexp(values) - np.log(values.size), abs=4.0 * run.ln_z_error)
    mean = np.exp(values - logsumexp(values)) @ values
    assert run.information == pytest.approx(mean - (logsumexp(values) - np.log(values.size)), abs=0.2)
    options = ["--engine", "plain.py", "--live", "100", "--seeds", "1", "--no-loo", "--jobs", "1", "--json"]
    keys = [part for key in FLUX for part in ("--set", key)]
    assert main(["compare", "hese7_icecube", "--vary", "model.source=pp,charm.py", *keys, *options,
                 "--out", str(tmp_path / "out")]) == 0  # fmt: skip
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert {entry["name"] for entry in result["hypotheses"]} == {"source=pp", "source=charm.py"}


def test_a_kind_of_job(tmp_path):
    """The deviance is that of the counts of each simulated data set, so they differ."""
    text = EXAMPLES["goodness.toml"].replace("n = 500", "n = 2")
    keys = "\n".join(f'"{key}" = {value}' for key, value in (override.split("=") for override in FLUX))
    campaign = run_campaign(parse_campaign(f"{text}[jobs.goodness.set]\n{keys}\n"), tmp_path / "out", jobs=1,
                            progress=False)  # fmt: skip
    assert campaign.complete, campaign.failures()
    columns = campaign.columns()
    assert len(set(columns["deviance"].tolist())) == 2
    assert np.all((columns["deviance"] > 5.0) & (columns["deviance"] < 60.0))  # 30 bins, two parameters


# Mistakes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "key", "old", "new", "message"),
    [
        ("madau.py", "model.evolution", "LAW = Law", "MINE = Law", r"defines no LAW = Law\(\.\.\.\)"),
        ("madau.py", "model.evolution", '"Madau and', '" ", #', "evolution madau: its citation is blank"),
        ("charm.py", "model.source", "(1.0, 1.0, 0.0), (", "(1.0, -1.0, 0.0), (", "numbers >= 0, not all zero"),
        ("charm.py", "model.source", "    species", "    citations='', species", "cannot be loaded: TypeError"),
        ("mixture.py", "model.source", "share[:, None]", "share[None]", "species (failed|gave shape)"),
        ("mixture.py", "model.source", "parameters=(NEUTRONS,)", "", "a function if and only if there are parameters"),
        ("mixture.py", "model.source", "(1.0 - share)", "-(1.0 - share)", "negative or not finite in the centre"),
        ("log_parabola.py", "model.spectrum", "np.log(energy", "np.lgo(energy", "log_shape failed: AttributeError"),
        ("log_parabola.py", "model.spectrum", "** 2", "** 2 / 0.0", "not finite|ZeroDivisionError"),
        (
            "tracks.py",
            "constraints.custom.mine.file",
            "return Constraint",
            "return 3 or Constraint",
            "must be a Constraint",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_is_wrong_is_one_line(tmp_path, capsys, name, key, old, new, message):
    assert old in EXAMPLES[name]
    (tmp_path / name).write_text(EXAMPLES[name].replace(old, new))
    assert main(["predict", "hese7_icecube", "--set", f"{key}={name}"]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said)
    assert said.count("\n") == 1
