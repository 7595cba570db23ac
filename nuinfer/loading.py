"""From the name of a preset or a file to an analysis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nuinfer import config as configuration
from nuinfer.analysis import Analysis
from nuinfer.errors import expanded, warn_once
from nuinfer.exchange import warn_of_prior


def load(preset_or_path: str | Path, overrides: Iterable[str] | Mapping[str, Any] = ()) -> Analysis:
    """Build the analysis of a preset or of a TOML file.

    Parameters
    ----------
    preset_or_path : str or Path
        Name of a preset (``hese7``, ``hese7_icecube``) or path of a file.
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
    warn_of_prior(analysis.space, analysis.model)
    return analysis


def load_resolved(text: str) -> Analysis:
    """Build the analysis of a resolved configuration, on a CPU: who looks at it need not have what made it.

    Raises
    ------
    ConfigError, DataIntegrityError
        One line naming the key or file, the value and what is allowed.
    """
    config = configuration.parse(text, ["sampler.device=cpu"], resolved=True)
    analysis = Analysis(config, text, Path(configuration.CONFIG_RESOLVED).stem)
    warn_of_prior(analysis.space, analysis.model)
    return analysis


def _warn_of_idle(analysis: Analysis, keys: Iterable[str]) -> None:
    """Say which parameters a user has given that the model does not have."""
    model, there = analysis.config.model, {parameter.name for parameter in analysis.space.parameters}
    given = dict.fromkeys(key.split(".")[1] for key in keys if key.startswith("parameters."))
    for name in given.keys() - there:
        chosen = f"model.source '{model.source}', model.spectrum '{model.spectrum}' and model.masses '{model.masses}'"
        warn_once(f"parameters.{name} does nothing: with {chosen} there is no such parameter")
