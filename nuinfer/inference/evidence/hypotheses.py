"""Sets of hypotheses: made by varying keys of a configuration, the standard set, and what makes evidences comparable.

Evidences are probabilities of data. They can be set against each other if the data are the same, the counts and the
measured values of two-sided constraints, and if one-sided terms, which scale ln Z, are the same. Priors on shared
parameters, and exclusions, which cut priors, belong to a hypothesis; where they differ the ratio of evidences depends
on that, and a warning says so.
"""

import itertools
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.config import presets
from nuinfer.errors import ConfigError
from nuinfer.inference.work.files import flat
from nuinfer.loading import load
from nuinfer.priors import Normal, Prior, Uniform

BASELINE, DATA = "pp", ("hese7", "hese3")
GROUPS = ("source", "evolution", "neutrinos", "mediator", "modelling")
"""Kinds of change of the standard set; those of the last are sensitivities to how propagation is computed."""

STANDARD = (
    ("around", "hese7", "", ()),
    ("without_neff", "hese7", ", without N_eff", ("constraints.neff.form=off",)),
    ("alone", "hese7_icecube", ", IceCube alone", ()),
)
"""Tables of ``standard.toml``, with the preset, the end of the name, and the settings of their blocks."""

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
    choices: dict[str, list[str]] = {}
    for text in vary:
        key, equals, values = text.partition("=")
        key = key.strip()
        if not equals or not key:
            raise ConfigError(f"--vary {text}: write it as table.key=value,value,...")
        if key in choices:
            raise ConfigError(f"--vary {key}: given twice; put all its values into one")
        choices[key] = _split(values)
    made: dict[str, Analysis] = {}
    for chosen in itertools.product(*choices.values()):
        pairs = list(zip(choices, chosen, strict=True))
        label = ", ".join(f"{_short(key)}={value}" for key, value in pairs)
        analysis = load(base, [*settings, *(f"{key}={value}" for key, value in pairs)])
        made[": ".join(filter(None, (analysis.name if prefix or not label else "", label)))] = analysis
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
        text = "give several presets or files, or --vary key=value,value"
        raise ConfigError(f"compare: one hypothesis is not a comparison; {text} (presets: {', '.join(presets())})")
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


# The standard set -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """Hypotheses about one data set.

    Parameters
    ----------
    name : str
        Of the data and constraints.
    hypotheses : mapping of str to Analysis
        The baseline `BASELINE` first.
    groups : mapping of str to str
        Name of each hypothesis to its kind of change; the baseline is in none.
    """

    name: str
    hypotheses: Mapping[str, Analysis]
    groups: Mapping[str, str]

    @property
    def folder(self) -> str:
        """Name of the folder of its results."""
        return self.name.replace(", ", "-").replace(" ", "-").lower()

    def alternatives(self) -> list[str]:
        """The baseline and the hypotheses about the source: exclusive, of equal prior odds."""
        return [BASELINE, *(name for name, group in self.groups.items() if group == "source")]


def standard_blocks(overrides: Iterable[str] = ()) -> tuple[Block, ...]:
    """One change at a time around a baseline: what is compared separately, as ``standard.toml`` has it.

    Around ``hese7`` with 7.5 and 3 years of data; around the same without N_eff, for Dirac neutrinos; without external
    constraints. IceCube alone says what its data say about a dip, and takes charges for which the constraints do not
    hold.
    """
    held, blocks = tomllib.loads(Path(__file__).with_name("standard.toml").read_text(encoding="utf-8")), []
    for what, preset, where, settings in STANDARD:
        groups = {name: group for group in GROUPS for name in held[what].get(group, ())}
        every = {BASELINE: (), **{name: held[what][group][name] for name, group in groups.items()}}
        for data in DATA:
            base = [f"data.dataset={data}", *settings, *overrides]
            made = {name: load(preset, [*base, *change]) for name, change in every.items()}
            blocks.append(Block(data + where, made, groups))
    return tuple(blocks)


# What can be compared -------------------------------------------------------------------------------------------------


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
    switched = {name: a.with_overrides({"model.absorption": True}).config for name, a in hypotheses.items()}
    absorbing = [name for name, analysis in hypotheses.items() if analysis.config.model.absorption]
    without = [name for name in hypotheses if name not in absorbing]
    return [(a, b) for a, b in itertools.product(absorbing, without) if switched[a] == switched[b]]


def _same_data(a: str, first: Analysis, b: str, second: Analysis) -> None:
    one, other = first.dataset, second.dataset
    same_bins = np.array_equal(one.bins_gev, other.bins_gev) and one.topologies == other.topologies
    if same_bins and np.array_equal(one.observed, other.observed) and one.name == other.name:
        return
    what = f"the same {one.unit} in other bins" if one.name == other.name else "different data"
    overlap = one.name in other.overlaps or other.name in one.overlaps
    raise ConfigError(
        f"compare: '{a}' has {one.described}, '{b}' {other.described}: {what}, so a ratio of their evidences means "
        "nothing" + ("; they overlap in time, so the evidences cannot be multiplied either" if overlap else "")
    )


def _constraints(a: str, first: Analysis, b: str, second: Analysis) -> Iterator[str]:
    """Refuse smooth constraints that are not the same; warn of different exclusions."""
    one, other = ({c.name: c for c in analysis.constraints} for analysis in (first, second))
    for name in dict.fromkeys([*one, *other]):
        pair = one.get(name), other.get(name)
        facts = [c and (c.form, c.measurement) for c in pair]
        if facts[0] == facts[1]:
            continue
        forms = ["off" if c is None else f"{c.form} '{c.measurement.name}'" for c in pair]
        text = f"constraints.{name}: {forms[0]} in '{a}', {forms[1]} in '{b}'"
        if any(c and not c.is_exclusion for c in pair):
            raise ConfigError(f"{text}: a measurement is data, and a one-sided term has a scale of its own in ln Z")
        yield f"{text}: the exclusions leave different parts of the prior, and ln B depends on that"


def _priors(hypotheses: Mapping[str, Analysis]) -> Iterator[str]:
    """A warning for each parameter that is sampled by several hypotheses with different priors."""
    held: dict[str, dict[Prior, list[str]]] = {}
    for name, analysis in hypotheses.items():
        for parameter, prior in analysis.space.sampled:
            held.setdefault(parameter.name, {}).setdefault(prior, []).append(name)
    for parameter_name, priors in held.items():
        if len(priors) > 1:
            texts = "; ".join(f"{_prior_text(prior)} in {_listed(names)}" for prior, names in priors.items())
            why = "ln Z goes down with the volume of a prior, so ln B compares these priors too"
            yield f"parameters.{parameter_name} has different priors, {texts}: {why}"


def _modelling(hypotheses: Mapping[str, Analysis]) -> Iterator[str]:
    """A warning for each set of hypotheses that differ in `MODELLING` alone."""
    alike: dict[str, list[str]] = {}
    for name, analysis in hypotheses.items():
        config = analysis.config.model_dump(mode="json", exclude={"sampler": True, "model": set(MODELLING)})
        alike.setdefault(json.dumps(config, sort_keys=True), []).append(name)
    for names in alike.values():
        models = [hypotheses[name].config.model for name in names]
        keys = [key for key in MODELLING if len({getattr(model, key) for model in models}) > 1]
        if keys:
            why = "their ln B is the sensitivity to modelling, not odds of equal hypotheses"
            yield f"{_listed(names)} differ in how propagation is computed ({', '.join(keys)}): {why}"


def _prior_text(prior: Prior) -> str:
    ends = f"[{prior.low:g}, {prior.high:g}]"
    if isinstance(prior, Normal):
        return f"normal {prior.mean:g} +- {prior.sigma:g} in {ends}"
    return f"uniform {ends}" if isinstance(prior, Uniform) else f"{type(prior).__name__} in {ends}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _differences(analyses: Sequence[Analysis]) -> list[str]:
    """For each analysis the keys that are not the same in all of them, with its values."""
    tables = [flat(analysis.config.model_dump(mode="json", exclude={"sampler"})) for analysis in analyses]
    keys = [key for key in dict.fromkeys(itertools.chain(*tables)) if len({str(one.get(key)) for one in tables}) > 1]
    return [", ".join(f"{_short(key)}={one[key]}" for key in keys if key in one) for one in tables]


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
