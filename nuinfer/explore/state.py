"""Where one is: an analysis, a point of it, the keys that were switched, and the highest point seen."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.config import ModelConfig
from nuinfer.datafiles import shipped_data
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.search import uphill
from nuinfer.parameters import in_units
from nuinfer.physics.evolution import LAWS
from nuinfer.physics.mediator import COUPLINGS, MEDIATORS
from nuinfer.physics.mixing import MIXINGS
from nuinfer.physics.sources import SOURCES
from nuinfer.physics.spectra import SPECTRA
from nuinfer.typing import FloatArray

DIGITS = (6, 9, 12, 17)
"""Digits of a value: so few that one can read them, more only where a point would else leave what is possible."""

TAIL, WITHIN = 1e-4, 1e-6  # of a prior without an end, beyond the slider; of a range, so that rounding stays inside

AS_GIVEN = "as given"


def _listed(key: str) -> tuple[Any, ...]:
    """What a key of ``[model]`` may be, where its type says it."""
    return get_args(ModelConfig.model_fields[key].annotation)


def switches() -> dict[str, tuple[Any, ...]]:
    """Keys that can be switched, and what each may be beside what is given.

    Examples
    --------
    >>> switches()["model.ordering"]
    ('normal', 'inverted')
    """
    return {
        "data.dataset": tuple(shipped_data()),
        "model.source": tuple(SOURCES.shipped),
        "model.spectrum": tuple(SPECTRA.shipped),
        "model.evolution": tuple(name for name, law in LAWS.shipped.items() if law.log_density is not None),
        "model.ordering": _listed("ordering"),
        "model.masses": _listed("masses"),
        "model.mixing": tuple(MIXINGS),
        "model.absorption": (True, False),
        "model.mediator": tuple(MEDIATORS),
        "model.couplings": tuple(COUPLINGS),
        "model.coherence": _listed("coherence"),
        "model.regeneration": (True, False),
        "model.targets": _listed("targets"),
        "model.channels": _listed("channels"),
        "constraints.all.form": ("off",),
    }


@dataclass(frozen=True)
class Best:
    """The highest point seen: its log-probability, the terms of that, and where it is."""

    log_prob: float
    terms: Mapping[str, float]
    at: Mapping[str, float]


@dataclass(frozen=True)
class State:
    """A point of an analysis.

    Parameters
    ----------
    analysis : Analysis
        With the keys that were switched.
    at : mapping of str to float
        The point in physical units, as ``--at`` of a command takes it.
    given : Analysis
        What the page was opened with.
    switched : mapping
        Keys that differ from it, and their values.
    best : Best or None
        The highest point seen of this analysis.
    """

    analysis: Analysis
    at: Mapping[str, float]
    given: Analysis
    switched: Mapping[str, Any] = field(default_factory=dict)
    best: Best | None = None

    @property
    def theta(self) -> FloatArray:
        """The point, shape (n_dim,)."""
        return self.analysis.theta(self.at)


def ends_of(analysis: Analysis) -> FloatArray:
    """Finite ends between which each parameter is moved, shape (n_dim, 2); rounded they are inside the prior."""
    tails = analysis.prior_transform(np.repeat([[TAIL], [1.0 - TAIL]], len(analysis.parameter_names), axis=1)).T
    ends = np.where(np.isfinite(analysis.prior_bounds), analysis.prior_bounds, tails)
    physical = [in_units(name, *pair)[1] for name, pair in zip(analysis.parameter_names, ends.tolist(), strict=True)]
    round_ones = np.array([[_rounded(value, DIGITS[0]) == value for value in pair] for pair in physical])
    within = ends + np.ptp(ends, axis=-1, keepdims=True) * [WITHIN, -WITHIN]
    return np.where(round_ones, ends, within)


def begin(analysis: Analysis, start: FloatArray | None = None) -> State:
    """The state at a point of shape (n_dim,), by default in the centre of the prior."""
    return State(analysis, _readable(analysis, analysis.theta() if start is None else start), analysis)


def moved(state: State, values: Mapping[str, float]) -> State:
    """The state with named values changed, by the names of the parameters or of the quantities themselves.

    Fractions that would add up to too much give way to the one that is moved.

    Raises
    ------
    ConfigError
        For an unknown name, a parameter that is fixed, or a value that has no meaning.
    """
    analysis, names = state.analysis, [in_units(name)[0] for name in state.analysis.parameter_names]
    given = {label: x for label, (x,) in (in_units(name, value) for name, value in values.items())}
    point = analysis.point(given)
    if fixed := [name for name in given if name not in names]:
        raise ConfigError(f"parameter '{fixed[0]}': it is fixed here, to {point[fixed[0]]:g}")
    at = {**state.at, **given}
    if analysis.space.shares:
        kept = [
            analysis.point({name: at[name]})[own] for own, name in zip(analysis.parameter_names, names, strict=True)
        ]
        held = [k for k, name in enumerate(names) if name in given]
        at = _readable(analysis, analysis.into_prior(kept, held))
    return replace(state, at=at)


def nudged(state: State, values: Mapping[str, float]) -> State:
    """The same by hand: values of parameters, kept within their ends and rounded."""
    columns, ends = state.analysis.parameter_names.index, ends_of(state.analysis)
    inside = {name: float(np.clip(value, *ends[columns(name)])) for name, value in values.items()}
    return moved(state, dict(_in_digits(name, value, DIGITS[0]) for name, value in inside.items()))


def _readable(analysis: Analysis, theta: FloatArray) -> dict[str, float]:
    """A point in physical units, its values rounded unless that makes it less probable by much."""
    wanted, at = float(analysis.log_prob(theta)), dict[str, float]()
    for digits in DIGITS:
        at = dict(_in_digits(name, value, digits) for name, value in zip(analysis.parameter_names, theta, strict=True))
        if not np.isfinite(wanted) or analysis.log_prob(analysis.theta(at)) > wanted - 1e-2:
            break
    return at


def _in_digits(name: str, value: float, digits: int) -> tuple[str, float]:
    label, (physical,) = in_units(name, float(value))
    return label, _rounded(physical, digits)


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def keys_with(state: State, key: str, value: Any) -> dict[str, Any]:
    """The keys that differ from what was given, with one more switched, or back."""
    others = {name: each for name, each in state.switched.items() if name != key}
    return others if value in (AS_GIVEN, value_of(state.given, key)) else {**others, key: value}


def switched(state: State, keys: Mapping[str, Any]) -> State:
    """The state of another analysis: what both have of the point is kept, inside the prior.

    Raises
    ------
    ConfigError, DataIntegrityError
        If the keys do not go together.
    """
    analysis = state.given.with_overrides(keys) if keys else state.given
    known = analysis.theta()
    for column, (name, ends) in enumerate(zip(analysis.parameter_names, analysis.prior_bounds, strict=True)):
        label = in_units(name)[0]
        if label in state.at:
            known[column] = np.clip(state.at[label] if label == name else np.log10(state.at[label]), *ends)
    return replace(begin(analysis, analysis.into_prior(known)), given=state.given, switched=keys)


def value_of(analysis: Analysis, key: str) -> Any:
    """What a configuration has for a key of `switches`; "as given" where it is none of the values there."""
    table, _, name = key.rpartition(".")
    value = getattr(getattr(analysis.config, table, None), name, None)
    return AS_GIVEN if value is None else value


def climbed(state: State) -> State:
    """The state at the maximum next to its point; see `nuinfer.inference.profile.search.uphill`."""
    return replace(state, at=_readable(state.analysis, uphill(state.analysis, state.theta).theta))


def arguments(state: State) -> list[str]:
    """The point as arguments of a command: ``--at name=value`` for each parameter."""
    return [part for name, value in state.at.items() for part in ("--at", f"{name}={value!r}")]


def command(state: State, origin: Sequence[str]) -> str:
    """The command that predicts the counts at the point, from the arguments that the page was opened with."""
    keys = [part for key, value in state.switched.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    return shlex.join(["nuinfer", "predict", *origin, *keys, *arguments(state)])


def seen(state: State, terms: Mapping[str, float]) -> State:
    """The state that knows how high its point is, by the terms there."""
    log_prob = sum(terms.values())
    if state.best is not None and not log_prob > state.best.log_prob:
        return state
    return replace(state, best=Best(log_prob, terms, state.at))
