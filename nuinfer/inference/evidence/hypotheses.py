"""Sets of hypotheses: made by varying keys of a configuration, and checked for what makes their evidences comparable.

Evidences are probabilities of data. They can be set against each other if the data are the same: the counts, and the
measurements behind the smooth constraints. Priors on shared parameters, and exclusions, which cut priors, belong to a
hypothesis; where they differ the ratio of evidences depends on that, and a warning says so.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from nuinfer.analysis import Analysis, load
from nuinfer.config import presets
from nuinfer.errors import ConfigError
from nuinfer.priors import Normal, Prior, Uniform

MODELLING = ("coherence", "regeneration", "masses", "targets")
"""Keys of ``[model]`` that say how propagation is computed, not what nature may be."""


def varied(base: str, settings: Sequence[str], vary: Sequence[str], *, prefix: bool = False) -> dict[str, Analysis]:
    """Hypotheses from one preset or file, every combination of the values of some keys.

    Parameters
    ----------
    base : str
        A preset or the path of a TOML file.
    settings : sequence of str
        ``key=value`` overrides of all of them.
    vary : sequence of str
        ``key=value,value,...``; commas inside brackets and quotes belong to a value.
    prefix : bool
        Whether the names begin with that of the base.

    Raises
    ------
    ConfigError
        If a key is given without values or twice, or a value is not allowed.

    Examples
    --------
    >>> list(varied("hese7_icecube", [], ["model.source=pp,neutron", "model.ordering=normal,inverted"]))[-1]
    'source=neutron, ordering=inverted'
    """
    keys = [text.partition("=")[0].strip() for text in vary]
    for text, key in zip(vary, keys, strict=True):
        if "=" not in text or not key:
            raise ConfigError(f"--vary {text}: write it as table.key=value,value,...")
        if keys.count(key) > 1:
            raise ConfigError(f"--vary {key}: given twice; put all its values into one")
    values = [_split(text.partition("=")[2]) for text in vary]
    made: dict[str, Analysis] = {}
    for chosen in itertools.product(*values):
        pairs = list(zip(keys, chosen, strict=True))
        label = ", ".join(f"{_short(key)}={value}" for key, value in pairs)
        analysis = load(base, [*settings, *(f"{key}={value}" for key, value in pairs)])
        name = ": ".join(part for part in (analysis.name if prefix or not label else "", label) if part)
        made[name] = analysis
    return made


def gathered(bases: Sequence[str], settings: Sequence[str], vary: Sequence[str]) -> dict[str, Analysis]:
    """Hypotheses from several presets or files; see `varied`.

    Raises
    ------
    ConfigError
        If two of them have the same name, or there is only one.
    """
    made: dict[str, Analysis] = {}
    for base in bases:
        for name, analysis in varied(base, settings, vary, prefix=len(bases) > 1).items():
            if name in made:
                raise ConfigError(f"compare: two hypotheses are called '{name}'; give the files different names")
            made[name] = analysis
    if len(made) < 2:
        raise ConfigError(
            "compare: one hypothesis is not a comparison; give several presets or files, or --vary key=value,value "
            f"(presets: {', '.join(presets())})"
        )
    return made


def named(analyses: Mapping[str, Analysis] | Sequence[Analysis]) -> dict[str, Analysis]:
    """Hypotheses by name: the given one, or that of the preset or file, or the keys in which they differ.

    Raises
    ------
    ConfigError
        If there are less than 2, or two of them are the same.
    """
    if len(analyses) < 2:
        raise ConfigError(f"compare: {len(analyses)} hypotheses are given; at least 2 are needed")
    if isinstance(analyses, Mapping):
        return dict(analyses)
    names = [analysis.name for analysis in analyses]
    if len(set(names)) < len(names):
        names = _differences(analyses)
    if len(set(names)) < len(names):
        raise ConfigError(f"compare: the same hypothesis is given twice ({', '.join(names)})")
    return dict(zip(names, analyses, strict=True))


def check(hypotheses: Mapping[str, Analysis]) -> list[str]:
    """Refuse what cannot be compared; return warnings about what makes the comparison depend on a choice.

    Raises
    ------
    ConfigError
        For different data, measurements of smooth constraints that are not the same, or a hypothesis given twice.
    """
    warnings: list[str] = []
    for (a, first), (b, second) in itertools.combinations(hypotheses.items(), 2):
        _same_data(a, first, b, second)
        if first.config_hash == second.config_hash:
            raise ConfigError(f"compare: '{a}' and '{b}' are the same hypothesis")
        warnings += _constraints(a, first, b, second)
    return [*_priors(hypotheses), *warnings, *_modelling(hypotheses)]


def absorption_pairs(hypotheses: Mapping[str, Analysis]) -> list[tuple[str, str]]:
    """Names of hypotheses that differ in ``model.absorption`` alone: with it, without it."""
    switched = {name: analysis.with_overrides({"model.absorption": True}) for name, analysis in hypotheses.items()}
    return [
        (a, b)
        for a, b in itertools.permutations(hypotheses, 2)
        if hypotheses[a].config.model.absorption
        and not hypotheses[b].config.model.absorption
        and switched[a].config == switched[b].config
    ]


def _same_data(a: str, first: Analysis, b: str, second: Analysis) -> None:
    one, other = first.dataset, second.dataset
    same_bins = np.array_equal(one.bin_edges_gev, other.bin_edges_gev) and one.topologies == other.topologies
    if same_bins and np.array_equal(one.observed, other.observed) and one.name == other.name:
        return
    what = "the same events in other bins" if one.name == other.name else "different data"
    overlap = one.name in other.overlaps or other.name in one.overlaps
    raise ConfigError(
        f"compare: '{a}' has {one.observed.sum():.0f} events of {one.name} above {one.bin_edges_gev[0]:.4g} GeV, '{b}' "
        f"{other.observed.sum():.0f} of {other.name} above {other.bin_edges_gev[0]:.4g} GeV: {what}, so a ratio of "
        "their evidences means nothing"
        + ("; they overlap in time, so the evidences cannot be multiplied either" if overlap else "")
    )


def _constraints(a: str, first: Analysis, b: str, second: Analysis) -> list[str]:
    """Refuse smooth constraints that are not the same data; warn of different exclusions."""
    one, other = ({c.name: c for c in analysis.constraints} for analysis in (first, second))
    warnings = []
    for name in dict.fromkeys([*one, *other]):
        pair = one.get(name), other.get(name)
        forms = ["off" if c is None else f"{c.form} '{c.measurement.name}'" for c in pair]
        if pair[0] and pair[1] and (pair[0].form, pair[0].measurement) == (pair[1].form, pair[1].measurement):
            continue
        text = f"constraints.{name}: {forms[0]} in '{a}', {forms[1]} in '{b}'"
        if any(c is not None and not c.is_exclusion for c in pair):
            raise ConfigError(f"{text}: a measurement is data, and their evidences are of different data")
        warnings.append(f"{text}: the exclusions leave different parts of the prior, and ln B depends on that")
    return warnings


def _priors(hypotheses: Mapping[str, Analysis]) -> list[str]:
    """A warning for each parameter that is sampled by several hypotheses with different priors."""
    warnings = []
    held: dict[str, dict[Prior, list[str]]] = {}
    for name, analysis in hypotheses.items():
        for parameter, prior in analysis.space.sampled:
            held.setdefault(parameter.name, {}).setdefault(prior, []).append(name)
    for parameter_name, priors in held.items():
        if len(priors) > 1:
            texts = [f"{_prior_text(prior)} in {_listed(names)}" for prior, names in priors.items()]
            warnings.append(
                f"parameters.{parameter_name} has different priors, {'; '.join(texts)}: ln Z goes down with the volume "
                "of a prior, so ln B compares these priors too"
            )
    return warnings


def _modelling(hypotheses: Mapping[str, Analysis]) -> list[str]:
    """A warning for each set of hypotheses that differ in `MODELLING` alone."""
    alike: dict[str, list[str]] = {}
    for name, analysis in hypotheses.items():
        config = analysis.config.model_dump(mode="json", exclude={"sampler": True, "model": set(MODELLING)})
        alike.setdefault(json.dumps(config, sort_keys=True), []).append(name)
    warnings = []
    for names in alike.values():
        models = [hypotheses[name].config.model for name in names]
        keys = [key for key in MODELLING if len({getattr(model, key) for model in models}) > 1]
        if keys:
            warnings.append(
                f"{_listed(names)} differ in how propagation is computed ({', '.join(keys)}): their ln B is the "
                "sensitivity to modelling, not odds of equal hypotheses"
            )
    return warnings


def _prior_text(prior: Prior) -> str:
    if isinstance(prior, Uniform):
        return f"uniform [{prior.low:g}, {prior.high:g}]"
    if isinstance(prior, Normal):
        return f"normal {prior.mean:g} +- {prior.sigma:g} in [{prior.low:g}, {prior.high:g}]"
    return f"{type(prior).__name__} in [{prior.low:g}, {prior.high:g}]"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _differences(analyses: Sequence[Analysis]) -> list[str]:
    """For each analysis the keys that are not the same in all of them, with its values."""
    flat = [dict(_leaves(analysis.config.model_dump(mode="json", exclude={"sampler"}))) for analysis in analyses]
    keys = [key for key in dict.fromkeys(itertools.chain(*flat)) if len({str(one.get(key)) for one in flat}) > 1]
    return [", ".join(f"{_short(key)}={one[key]}" for key in keys if key in one) for one in flat]


def _leaves(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Dotted keys and values of nested tables."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _short(key: str) -> str:
    """A dotted key without its first table, and without ``value`` at its end.

    >>> _short("parameters.gamma.value"), _short("constraints.neff.form")
    ('gamma', 'neff.form')
    """
    parts = key.split(".")
    return ".".join(parts[1:-1] if parts[-1] == "value" and len(parts) > 2 else parts[1:] or parts)


def _split(text: str) -> list[str]:
    """Values between commas that are in no bracket and no quotes.

    >>> _split("[1, 1, 1],[0, 1, -1]")
    ['[1, 1, 1]', '[0, 1, -1]']
    """
    values, held = [], ""
    for part in text.split(","):
        held = f"{held},{part}" if held else part
        closed = all(held.count(left) == held.count(right) for left, right in ("[]", "{}", "()"))
        if closed and not (held.count('"') % 2 or held.count("'") % 2):
            values.append(held.strip())
            held = ""
    values += [held.strip()] if held else []
    if not all(values):
        raise ConfigError(f"--vary: an empty value in '{text}'")
    return values
