"""Configuration: overrides, and one clear line for everything that is wrong."""

from __future__ import annotations

import itertools
import pickle
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nuinfer
from nuinfer import errors
from nuinfer.config import Config, FixedConfig, NormalConfig, UniformConfig, parse, presets, read_text
from nuinfer.errors import ConfigError, NuinferError
from nuinfer.inference.evidence.hypotheses import gathered
from nuinfer.inference.studies.campaign import count_jobs
from nuinfer.tried import corners


@pytest.mark.parametrize("preset", presets())
def test_presets_load_and_resolve_to_themselves(preset):
    analysis = nuinfer.load(preset)
    resolved = parse(analysis.config_toml())
    assert resolved == analysis.config
    assert parse(read_text(preset)) == analysis.config


def test_the_commented_preset_writes_out_every_key():
    """The template shows every key that has a default; parameters of other models are left to comments."""
    written, known = tomllib.loads(read_text("hese7")), Config().model_dump(exclude_none=True)
    for table in ("model", "data", "sampler"):
        assert set(written[table]) == set(known[table])
    others = {"m_nu_ev", "f_e", "f_mu", "log10_cutoff_gev", "log10_break_gev", "gamma_high"}
    others |= {"gamma", "beta", "sterile_mass_ev"}
    assert set(known["parameters"]) - set(written["parameters"]) == others
    assert all(name in read_text("hese7") for name in others)


def test_overrides_replace_values_and_priors():
    config = parse("[parameters.gamma]\nprior = 'uniform'\nlow = 2\nhigh = 3", [
        "model.source=pgamma", "parameters.gamma.high=3.5", "parameters.phi_total.value=6.4",
        "parameters.norm_muon.sigma=0.1", 'parameters.detector_scale={prior="uniform", low=0.5, high=2}',
    ])  # fmt: skip
    assert config.model.source == "pgamma"
    assert config.parameters.gamma == UniformConfig(prior="uniform", low=2, high=3.5)
    assert config.parameters.phi_total == FixedConfig(value=6.4)
    assert config.parameters.norm_muon == NormalConfig(prior="normal", mean=1, sigma=0.1, low=0)
    assert config.parameters.detector_scale == UniformConfig(prior="uniform", low=0.5, high=2)
    assert parse("", {"model.z_max": 4.0}).model.z_max == 4.0


COMPLEX = [[0.0, [0.5, 1.0], 0.0], [[0.5, -1.0], 0.25, 0.0], [0.0, 0.0, -1.0]]


@pytest.mark.parametrize(
    "couplings", ["nu_tau", COMPLEX, np.array([[0, 0.5 + 1j, 0], [0.5 - 1j, 0.25, 0], [0, 0, -1]])]
)
def test_couplings_and_charges_take_each_others_place(couplings):
    """In overrides, of a text or of an analysis; the resolved text has one of them, and comes back as it was."""
    analysis = nuinfer.load("hese7_icecube", {"model.charges": [1, 1, 1], "model.couplings": couplings})
    written = tomllib.loads(analysis.config_toml())["model"]
    assert "charges" not in written
    assert written["couplings"] == ("nu_tau" if isinstance(couplings, str) else COMPLEX)
    for again in (parse(analysis.config_toml()), parse(analysis.config_toml(), resolved=True)):
        assert again == analysis.config
    assert analysis.with_overrides(["model.source=pgamma"]).config.model.couplings == analysis.config.model.couplings
    assert pickle.loads(pickle.dumps(analysis.config)) == analysis.config  # noqa: S301 - ours
    back = analysis.with_overrides(["model.charges=[0, 1, -1]"])
    assert back.config_hash == nuinfer.load("hese7_icecube").config_hash != analysis.config_hash
    with pytest.raises(ConfigError, match=r"^model.charges, model.couplings: one of the two is allowed, not both$"):
        parse('[model]\ncharges = [1, 1, 1]\ncouplings = "nu_e"')


def test_a_name_is_the_matrix_that_it_stands_for():
    """Counts of `couplings` by name, of the matrix and of charges agree to the last digit, heated relics included."""
    ways = {"couplings": "lmu_ltau"}, {"couplings": np.diag([0.0, 1.0, -1.0])}, {"charges": [0, 1, -1]}
    of = [nuinfer.load("hese7_icecube", {f"model.{key}": value for key, value in way.items()}) for way in ways]
    assert {analysis.config.model.relic_neutrinos for analysis in of} == {"heated"}
    theta = of[0].sample_prior(3, np.random.default_rng(1))
    for analysis in of[1:]:
        np.testing.assert_array_equal(analysis.expected_counts(theta), of[0].expected_counts(theta))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.orderng=normal", "model.orderng: unknown key .did you mean 'ordering'"),
        ("modl.ordering=normal", "modl: unknown key .did you mean 'model'"),
        ("model.ordering=norml", "model.ordering: \"norml\" is not allowed; it should be 'normal' or 'inverted'"),
        ("model.regeneration=1", "model.regeneration: 1 is not allowed; it should be a valid boolean"),
        ("model.z_max=-1", "model.z_max: -1 is not allowed; it should be greater than 0"),
        ("model.source=[1]", r"model.source: \[1\] is not allowed; it .* 'pp', .*, 'free' or the path of a .* file"),
        ("model.evolution=srf", "model.evolution: \"srf\" is not allowed; it .* 'sfr', 'flat', 'bllac', .* 'single'"),
        ("model.spectrum=log", "spectrum: \"log\" .* should be 'power_law', .*, 'log_parabola' or the path"),
        ("model.mixing=nufit5", "model.mixing: \"nufit5\" is not allowed; it should be 'paper' or 'nufit6.0'"),
        ("model.channels=some", "model.channels: \"some\" is not allowed; it should be 'resonance' or 'all'"),
        ("model.sterile=0", "model.sterile: 0 is not allowed; it should be a valid boolean"),
        ("model.relic_overdensity=0", "model.relic_overdensity: 0 is not allowed; it should be greater than 0"),
        ("model.relic_neutrinos=hot", "relic_neutrinos: \"hot\" is not allowed; it should be 'standard' or 'heated'"),
        ("data.likelihood=exact", "data.likelihood: \"exact\" is not allowed; it should be 'effective' or 'poisson'"),
        ("data.topologies=4", "data.topologies: 4 is not allowed; it should be 2 or 3"),
        ("parameters.gamma.prior=simplex", "parameters.gamma: .* it should be prior = 'uniform' with low and high"),
        ("parameters.f_e.prior=uniform", "parameters.f_e: .* it should be prior = 'simplex'"),
        ("model.charges=[0, 0, 0]", r"model.charges: \[0, 0, 0\] must be .* not all zero"),
        ("model.couplings=nu_tu", "model.couplings: \"nu_tu\" is not allowed; .* or a matrix .did you mean 'nu_tau'"),
        ("model.couplings=[[0, 1, 0], [1, 0, 0]]", "model.couplings: .* it should be a name, or 3 rows of 3 entries"),
        ("model.couplings=[0, 1, -1]", r"model.couplings: \[0, 1, -1\] is not .* 3 rows of 3 entries"),
        ("model.couplings=[[0, nan, 0], [nan, 0, 0], [0, 0, 0]]", "model.couplings: .*NaN.* each a finite number"),
        ("model.couplings=[[0, 0, 0], [0, 0, 0], [0, 0, 0]]", "model.couplings: .* not all zero"),
        ("model.couplings=[[0, 1, 0], [0, 0, 0], [0, 0, 0]]", r"couplings: \[\[0, 1, 0\].* must be Hermitian for"),
        ("model.couplings=[[0, [0, 1], 0], [[0, 1], 0, 0], [0, 0, 0]]", r"\[\[0, \[0, 1\], 0\], .* must be Hermitian"),
        ("parameters.log10_g_prime.high=1", "log10_g_prime: 1 is not allowed, .* width .* 2.65 times .* most 0.788"),
        ("model.couplings=nu_tau", r"constraints.borexino: model.charges \[0, 0, 1\] .'nu_tau'. are not allowed"),
        ("model.couplings=[[0, 0, 0], [0, 1, [0, 1]], [0, [0, -1], 0]]",
         r"constraints.muon_g2: model.couplings \[\[0, 0, 0\], \[0, 1, \[0, 1\]\], .* those of the muon to itself"),
        ("model.evolution=single", "model.source_redshift: None"),
        ("model.source_redshift=1.0", "model.source_redshift: 1.0 with evolution 'sfr'"),
        ("model=3", "model: 3 is not allowed; it should be a table"),
        ("model.source", "write it as table.key=value"),
        ("model.source.kind=pp", "'source' is a value, not a table"),
        ("parameters.gama.value=2", "parameters.gama: unknown key .did you mean 'gamma'"),
        ("parameters.gamma.prio=2", "parameters.gamma.prio: unknown key .did you mean 'prior'"),
        ("parameters.gamma.prior=gauss", "parameters.gamma: .*'uniform' with low and high"),
        ("parameters.gamma.value=nan", "parameters.gamma.value: NaN is not allowed; it should be a finite number"),
        ("parameters.gamma.low=5", "parameters.gamma: .*low < high"),
        ("parameters.phi_total.low=-1", r"parameters.phi_total: -1.0 is not allowed, it must be in \[0, inf\]"),
        ("parameters.lightest_nu_mass_ev.low=0", "parameters.lightest_nu_mass_ev: 0.0 is not allowed, targets at rest"),
        ("parameters.energy_scale.value=0.4", r"parameters.energy_scale: 0.4 is not allowed, .* \[0.5, 1.5\]"),
        ("data.dataset=hese8", "data set 'hese8'"),
        ("data.min_deposited_energy_gev=70000", "70000"),
        ("constraints.nef.form=off", "constraints.nef: unknown key .did you mean 'neff'"),
        ("constraints.neff.form=both", "constraints.neff.form: \"both\" is not allowed"),
        ("constraints.neff.measurement=planck2081", "planck2081"),
        ("constraints.muon_g2.confidence_level=2", "constraints.muon_g2.confidence_level: 2.0 is outside"),
        ("sampler.walkers=2", "sampler.walkers: 2 is not allowed; it should be greater than or equal to 8"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_in_one_line(override, message):
    with pytest.raises(NuinferError, match=message) as caught:
        nuinfer.load("hese7", [override])
    assert "\n" not in str(caught.value)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(ConfigError, match=r"'hese77'.*did you mean 'hese7'"):
        nuinfer.load("hese77")
    broken = tmp_path / "broken.toml"
    broken.write_text("[model\n")
    with pytest.raises(ConfigError, match="not valid TOML"):
        nuinfer.load(broken)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        nuinfer.load(broken)


KNOWN = [f"{table}.{key}" for table, keys in Config().model_dump().items() for key in keys]
KEYS = st.sampled_from([*KNOWN, "model", "data.x", "", "."])
ENTRIES = st.sampled_from(["value", "prior", "low", "high", "form", "x"])
NUMBERS = st.one_of(st.floats(), st.integers(-(10**20), 10**20), st.booleans())
TABLES = st.dictionaries(ENTRIES, st.floats() | st.text(max_size=4))
VALUES = NUMBERS | st.text(max_size=8) | st.none() | st.lists(st.floats(), max_size=4) | TABLES


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_random_configurations_load_or_are_refused(overrides):
    try:
        nuinfer.load("hese7", overrides)
    except NuinferError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    "override",
    ["model.z_max=true", "model.z_max='5_0'", "model.charges=[false, true, -1]", "sampler.ensembles='4'",
     "sampler.seed=true", "data.exposure='2'", "parameters.gamma.value=true", "parameters.gamma.high='3'"],
)  # fmt: skip
def test_numbers_are_numbers(override):
    with pytest.raises(ConfigError, match=r"is not allowed; it should be a valid (number|integer)"):
        parse("", [override])


def test_numbers_of_numpy_are_numbers():
    config = parse("", {"model.charges": np.array([1.0, 1.0, 1.0]), "sampler.ensembles": np.int64(3)})
    assert (config.model.charges, config.sampler.ensembles) == ((1.0, 1.0, 1.0), 3)


@pytest.mark.parametrize("overrides", [["model={source='pgamma'}"], {"model": {"source": "pgamma"}}])
def test_a_table_changes_the_keys_that_it_has(overrides):
    old, new = parse(read_text("paper")).model, parse(read_text("paper"), overrides).model
    assert new == old.model_copy(update={"source": "pgamma"})


def test_a_table_of_a_parameter_replaces_its_prior_in_any_order():
    config = parse("", ["parameters={gamma={high=4, low=2, prior='uniform'}, phi_total={value=3}}"])
    assert (config.parameters.gamma.low, config.parameters.gamma.high) == (2.0, 4.0)
    assert config.parameters.phi_total.value == 3.0


def test_a_key_that_does_nothing_is_said_once_for_what_the_user_has_written(caplog, tmp_path):
    errors.warn_once.cache_clear()
    for _ in range(2):
        analysis = nuinfer.load("hese7_icecube", ["parameters.f_e.value=0.3", "parameters.log10_g_prime.high=-4"])
    (only,) = caplog.records
    assert "parameters.f_e does nothing: with model.source 'pp'" in only.getMessage()
    errors.warn_once.cache_clear()
    caplog.clear()
    path = tmp_path / "config.resolved.toml"  # which has every parameter
    path.write_text(analysis.config_toml())
    nuinfer.load(path)
    assert not caplog.records


IDLE = [
    ("hese7_icecube", ["model.absorption=false", "model.coherence=coherent", "model.charges=[0, 2, -2]"],
     "model.charges, model.coherence do nothing: with absorption = false"),
    ("hese7_icecube", ["model.evolution=single", "model.source_redshift=0.05", "model.z_max=3.0"],
     "model.z_max does nothing: with evolution = 'single' there is one redshift"),
    ("hese7_icecube", ["model.spectrum_frame=earth"], "model.spectrum_frame does nothing: 'power_law' is the same"),
    ("paper", ["model.delta_m2_3l_ev2=2.6e-3"], 'model.delta_m2_3l_ev2 does nothing: with masses = "degenerate"'),
    ("mese11_icecube", ["data.topologies=2", "data.likelihood=poisson"],
     "data.likelihood, data.topologies do nothing: 'mese11' has flux points"),
    ("mese11_icecube", ["parameters.norm_muon.value=1"], "parameters.norm_muon does nothing: 'mese11' has flux points"),
    ("hese7", ["constraints.muon_g2.confidence_level=0.9"],
     'constraints.muon_g2.confidence_level does nothing: with form = "two_sided"'),
    ("hese7", ["constraints.borexino={measurement='bauer2018', form='exclusion'}",
               "constraints.borexino.confidence_level=0.9"],
     "constraints.borexino.confidence_level does nothing: measurement 'bauer2018' is a limit"),
    ("hese7", ["constraints.neff.model=paper", "constraints.neff.mixing=false"],
     'constraints.neff.mixing does nothing: with model = "paper"'),
]  # fmt: skip


def idle_in(caplog):
    """What was said of keys that do nothing."""
    return [record.getMessage() for record in caplog.records if " nothing: " in record.getMessage()]


@pytest.mark.parametrize(("preset", "overrides", "said"), IDLE)
def test_every_kind_of_key_that_does_nothing_is_said(preset, overrides, said, caplog):
    """And it does nothing: with the keys that are named left out, the posterior is the same."""
    errors.warn_once.cache_clear()
    analysis = nuinfer.load(preset, overrides)
    (only,) = idle_in(caplog)
    assert said in only
    named = said.split(" do")[0].split(", ")
    kept = [text for text in overrides if not text.startswith(tuple(named))]
    assert len(kept) < len(overrides)
    without = nuinfer.load(preset, kept)
    points = without.prior_transform(np.random.default_rng(1).random((3, without.space.n_dim)))
    np.testing.assert_array_equal(analysis.log_prob(points), without.log_prob(points))


@pytest.mark.parametrize(
    ("preset", "overrides"),
    [
        ("hese7", ["model.z_max=3", "data.topologies=3", "constraints.sn1987a.sigma_dex=0.5", "sampler.walkers=80"]),
        ("hese7", ["constraints.muon_g2.form=exclusion", "constraints.muon_g2.confidence_level=0.9"]),
        ("hese7", ["constraints.trident.confidence_level=0.9"]),  # a table that is switched off
        ("hese7", ["model.evolution=single", "model.source_redshift=0.05", "model.z_max=5.0"]),  # as it is by default
        ("hese7_icecube", ["model.spectrum=cutoff", "model.spectrum_frame=earth"]),
    ],
)
def test_keys_that_do_something_pass_without_a_word(preset, overrides, caplog):
    errors.warn_once.cache_clear()
    nuinfer.load(preset, overrides)
    assert not idle_in(caplog)


def test_the_template_has_no_key_that_is_warned_of(caplog, tmp_path):
    errors.warn_once.cache_clear()
    (tmp_path / "mine.toml").write_text(read_text("hese7"))
    nuinfer.load(tmp_path / "mine.toml")
    assert not idle_in(caplog)


def test_files_of_other_systems_and_what_is_no_configuration(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf[model]\r\nsource = 'pgamma'\r\n")  # a byte order mark
    assert nuinfer.load(path).config.model.source == "pgamma"
    for content, what in (
        ("[model] # Z\u00e9".encode("cp1252"), "not UTF-8"),
        (b"#" * 1_000_001, "larger than 1000000 bytes"),
        (b"a = " + b"[" * 5000, "not valid TOML"),
        (b"a = " + b"9" * 5000, "not valid TOML"),
    ):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=what) as caught:
            nuinfer.load(path)
        assert len(str(caught.value)) < 500
    with pytest.raises(ConfigError, match="is not a file"):
        nuinfer.load(tmp_path)
    with pytest.raises(ConfigError, match="neither a preset"):
        nuinfer.load("~nouser/mine.toml")


def test_variations_replace_what_is_set(tmp_path):
    """Of a comparison and of a campaign: names, and a matrix."""
    varied = gathered(["hese7_icecube"], ["model.charges=[1, 1, 1]"], ["model.couplings=nu_e,nu_tau"])
    assert [analysis.config.model.couplings for analysis in varied.values()] == ["nu_e", "nu_tau"]
    path = tmp_path / "campaign.toml"
    path.write_text(
        "[jobs.fits]\nanalysis = 'hese7_icecube'\ntask = 'best_fit'\nset = {'model.charges' = [1, 1, 1]}\n"
        "vary = {'model.couplings' = ['nu_e', [[0, 0, 0], [0, 0, [0, 1]], [0, [0, -1], 0]]]}\n"
    )
    assert count_jobs(path) == {"fits": 2}


@pytest.mark.parametrize(
    "override",
    [
        "parameters.gamma.low=-300",
        "parameters.gamma.high=300",
        "parameters.phi_total.high=1e300",
        "parameters.tilt_conventional.sigma=1e6",
    ],
)
def test_a_box_with_points_that_have_no_number_is_refused_at_load(override):
    with pytest.raises(ConfigError, match=r"points at which the model fails; narrow it: .* 'data'") as refused:
        nuinfer.load("hese7_icecube", [override])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", ["1e200", "1e-200"])
@pytest.mark.parametrize("key", ["data.exposure", "model.z_max", "parameters.norm_muon.sigma"])
def test_numbers_whose_squares_overflow_are_refused(key, value):
    with pytest.raises(ConfigError, match=rf"{key}: .* it should be between 1e-100 and 1e\+100"):
        parse("", [f"{key}={value}"])


def test_a_normal_prior_that_is_cut_to_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"parameters\.norm_muon: normal prior: nothing of it lies between"):
        nuinfer.load("hese7_icecube", ["parameters.norm_muon.sigma=1e30", "parameters.norm_muon.high=1.5"])


def test_corners_of_a_box_take_every_three_ends():
    """Each three columns have all eight combinations equally often, up to sixteen parameters."""
    design = corners(16)
    for three in itertools.combinations(range(16), 3):
        found, times = np.unique(design[:, three], axis=0, return_counts=True)
        assert len(found) == 8
        assert np.all(times == 4)
    assert {tuple(row) for row in corners(3).tolist()} == set(itertools.product((0.0, 1.0), repeat=3))


def test_all_constraints_at_once():
    """As one by one; the last override of a key counts."""
    names = ("muon_g2", "borexino", "neff", "sn1987a")
    alone = nuinfer.load("hese7", [f"constraints.{name}.form=off" for name in names])
    assert nuinfer.load("hese7", ["constraints.all.form=off"]).config_hash == alone.config_hash
    only = nuinfer.load("hese7", ["constraints.all.form=off", "constraints.neff.form=two_sided"])
    assert [constraint.name for constraint in only.constraints] == ["neff"]
    with pytest.raises(ConfigError, match=r"constraints\.\w+\.frm: unknown key"):
        nuinfer.load("hese7", ["constraints.all.frm=off"])
