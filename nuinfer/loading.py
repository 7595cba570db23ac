"""From the name of a preset or a file to an analysis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from nuinfer import config as configuration
from nuinfer.analysis import Analysis
from nuinfer.errors import expanded, warn_once
from nuinfer.exchange import warn_of_prior
from nuinfer.parameters import DETECTOR


def load(preset_or_path: str | Path, overrides: Iterable[str] | Mapping[str, Any] = ()) -> Analysis:
    """Build the analysis of a preset or of a TOML file.

    Parameters
    ----------
    preset_or_path : str or Path
        Name of a preset, one of `nuinfer.config.presets` (``nuinfer presets`` says what each is), or path of a file.
    overrides : iterable of str, or mapping
        ``"table.key=value"`` strings, or dotted keys to values.

    Raises
    ------
    ConfigError, DataIntegrityError
        One line naming the key or file, the value and what is allowed.

    Examples
    --------
    >>> analysis = load("hese7_icecube", ["model.source=pgamma"])
    >>> analysis.expected_counts(analysis.prior_transform([0.5] * len(analysis.parameter_names))).shape
    (3, 15)
    """
    text, path = configuration.read_text(preset_or_path), Path(preset_or_path)
    resolved = path.name == configuration.CONFIG_RESOLVED
    folder = None if str(preset_or_path) in configuration.presets() else expanded(path).parent
    analysis = Analysis(configuration.parse(text, overrides, resolved=resolved, folder=folder), text, path.stem)
    own_text = "" if folder is None or resolved else text
    _warn_of_idle(analysis, configuration.typed(own_text, overrides))
    _warn_of_model(analysis)
    return analysis


def load_resolved(text: str, name: str) -> Analysis:
    """Build the analysis of a resolved configuration, on a CPU: who looks at it need not have what made it.

    Raises
    ------
    ConfigError, DataIntegrityError
        One line naming the key or file, the value and what is allowed.
    """
    config = configuration.parse(text, ["sampler.device=cpu"], resolved=True)
    analysis = Analysis(config, text, name)
    _warn_of_model(analysis)
    return analysis


def changed(analysis: Analysis, overrides: Collection[str]) -> Analysis:
    """An analysis with keys that a user has changed; raises what `load` does."""
    if overrides:
        analysis = analysis.with_overrides(overrides)
        _warn_of_idle(analysis, configuration.typed("", overrides))
    return analysis


def _warn_of_model(analysis: Analysis) -> None:
    """Say what the model leaves out and what its constraints do not know."""
    warn_of_prior(analysis.space, analysis.model)
    config = analysis.config
    used = configuration.constraint_forms(config.constraints)["constraints.neff"] != "off"
    if config.model.sterile and (used or config.model.relic_neutrinos == "heated"):
        what = "constraints.neff" if used else "model.relic_neutrinos 'heated'"
        warn_once(f"{what} knows active neutrinos alone; a sterile state in equilibrium adds up to 1 to N_eff")


def _warn_of_idle(analysis: Analysis, keys: Collection[str]) -> None:
    """Say which keys that a user has given do nothing, and why."""
    config, idle = analysis.config, defaultdict[str, list[str]](list)
    given = dict.fromkeys(key.split(".")[1] for key in keys if key.startswith("parameters."))
    for name in given.keys() - {parameter.name for parameter in analysis.space.parameters}:
        idle[_no_parameter_because(config, name)].append(f"parameters.{name}")
    for key, because in configuration.idle_keys(config, config, keys):
        idle[because].append(key)
    said = [f"{', '.join(found)} {'do' if found[1:] else 'does'} nothing: {because}" for because, found in idle.items()]
    if said:
        warn_once("; ".join(said))


def _no_parameter_because(config: configuration.Config, name: str) -> str:
    """What a model without a parameter is."""
    model = config.model
    if name in DETECTOR:
        return f"'{config.data.dataset}' has flux points"
    without = "" if model.absorption else "model.absorption false, "
    chosen = f"model.source '{model.source}', model.spectrum '{model.spectrum}' and model.masses '{model.masses}'"
    return f"with {without}{chosen} there is no such parameter"
