"""``model.relic_neutrinos``: whether the relics have the temperature that our own Delta N_eff gives them."""

from typing import Any

from nuinfer.config.tables import Config, mediator_of
from nuinfer.constants import COORDINATES
from nuinfer.constraints import CONSTRAINTS
from nuinfer.constraints.definition import NUFIT60, Prediction, is_lmu_ltau
from nuinfer.parameters import PARAMETERS

MASS, _ = COORDINATES


def n_eff(config: Config) -> Prediction:
    """N_eff against (m_Z', g') as ``[constraints.neff]`` has it, whatever its form."""
    settings: dict[str, Any] = getattr(config.constraints, "neff").model_dump()  # noqa: B009 - a field made at run time
    options = {name: settings[name] for name in CONSTRAINTS.shipped["neff"].options}
    return CONSTRAINTS.shipped["neff"].prediction({}, NUFIT60, **options)


def not_heated_because(config: Config) -> str:
    """Why the relics of a configuration cannot be heated; blank if they can.

    Raises
    ------
    ConfigError
        If the options of ``[constraints.neff]`` do not go together.
    """
    model = config.model
    mediator = mediator_of(model)
    if not mediator.spin or not is_lmu_ltau(mediator.given):
        return "Delta N_eff is known for a vector with charges (0, q, -q)"
    if model.neutrino == "dirac":
        return "with model.neutrino 'dirac' Delta N_eff is not that of the table"
    (mass,) = config.parameters.parameters([PARAMETERS[MASS]])
    lowest, (first, _) = 10.0 ** mass.range[0], n_eff(config).covered_mev or (0.0, 0.0)
    if lowest < first:
        return f"m_zprime_mev from {lowest:g} is below {first:g}, where the table of Delta N_eff begins"
    return ""
