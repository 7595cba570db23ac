"""What each parameter is, said once; the config, its order and its defaults follow from it."""

from __future__ import annotations

import pytest

import nuinfer
from nuinfer.config import Config, ModelConfig, definitions, own_definitions
from nuinfer.errors import ConfigError
from nuinfer.parameters import DERIVED, PARAMETERS, Definition, Parameter
from nuinfer.priors import Uniform

COLUMNS = {
    (): ("log10_m_zprime_mev", "log10_g_prime", "lightest_nu_mass_ev", "gamma", "phi_total"),
    ("model.masses=degenerate",): ("log10_m_zprime_mev", "log10_g_prime", "m_nu_ev", "gamma", "phi_total"),
    ("model.absorption=false",): ("gamma", "phi_total"),
    ("model.absorption=false", "model.spectrum=broken_power_law", "model.source=free"): (
        *("gamma", "phi_total", "log10_break_gev", "gamma_high", "f_e", "f_mu"),
    ),
}
NUISANCE = ("norm_conventional", "norm_muon", "norm_prompt", "detector_scale", "energy_scale", "tilt_conventional")


@pytest.mark.parametrize("name", definitions())
def test_a_definition_is_complete(name: str) -> None:
    """Its default is inside of its domain, its label is for LaTeX, and its unit ends its name where it has one."""
    definition = definitions()[name]
    low, high = definition.domain
    ends = (definition.default,) * 2 if isinstance(definition.default, float) else None
    least, most = ends or (definition.default.low, definition.default.high)  # type: ignore[union-attr]
    assert low <= least <= most <= high
    assert definition.label.startswith("$")
    assert definition.meaning
    assert not definition.unit or name == "phi_total" or name.endswith(definition.unit.lower())


@pytest.mark.parametrize("overrides", COLUMNS)
def test_the_columns_of_theta_are_the_parameters_that_exist_in_their_order(overrides: tuple[str, ...]) -> None:
    analysis = nuinfer.load("hese7_icecube", overrides)
    assert analysis.parameter_names == COLUMNS[overrides] + NUISANCE
    known = definitions()
    assert analysis.parameter_labels == {name: known[name].label for name in analysis.parameter_names}


def test_a_configuration_holds_the_defaults_of_all_of_them() -> None:
    assert list(Config().parameters.model_dump()) == list(definitions())
    assert set(own_definitions(ModelConfig())) == set(PARAMETERS)
    assert Config().parameters.norm_prompt.model_dump() == {"value": 0.0}
    assert Config().parameters.f_e.model_dump() == {"prior": "simplex"}


def test_derived_quantities_are_those_that_have_a_label() -> None:
    analysis = nuinfer.load("hese7_icecube")
    theta = analysis.prior_transform([0.5] * len(analysis.parameter_names))
    assert set(analysis.derived(theta)) == set(analysis.derived_labels) == set(DERIVED)


def test_a_fixed_value_without_meaning_is_refused() -> None:
    toy = Definition("toy", "$t$", "", "a toy", (0.0, 1.0), Uniform(0.0, 1.0))
    with pytest.raises(ConfigError, match=r"parameters.toy: 2.0 is not allowed, it must be in \[0, 1\]"):
        Parameter(toy.name, toy.label, value=2.0, domain=toy.domain)
    with pytest.raises(ConfigError, match=r"parameters.toy: give either a prior or a value"):
        Parameter(toy.name, toy.label)
