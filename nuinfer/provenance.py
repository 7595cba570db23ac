"""Where everything comes from: what has to be cited, the checksums of the files, and a hash of it all.

A citation stands with the thing it belongs to: a law, a source or a spectrum in its file, a set of numbers beside the
numbers, a data set and a measurement in their data. Here they are collected. None says that something rests on no
publication; a blank one is an error when the analysis loads.
"""

import functools
import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nuinfer import likelihood
from nuinfer.config import Config, definitions, entry_of, late_keys, own_definitions
from nuinfer.constraints import CONSTRAINTS
from nuinfer.constraints.base import Constraint
from nuinfer.constraints.tables import FOLDER, data_folder
from nuinfer.detector.dataset import DataSet
from nuinfer.detector.flux_points import FluxPoints
from nuinfer.errors import ConfigError
from nuinfer.physics import cosmology, evolution, mediator, mixing, sources, spectra
from nuinfer.registry import is_path, load_file

SOFTWARE: Mapping[str, str] = MappingProxyType({
    "emcee": "Foreman-Mackey et al., Publ. Astron. Soc. Pac. 125 (2013) 306, arXiv:1202.3665; moves: ter Braak, "
    "Stat. Comput. 16 (2006) 239, and Nelson et al., Astrophys. J. Suppl. 210 (2014) 11, arXiv:1311.5229",
    "arviz-stats": "Kumar et al., J. Open Source Softw. 4 (2019) 1143; R-hat: Vehtari et al. 2021, arXiv:1903.08008",
    "numpy": "Harris et al., Nature 585 (2020) 357, arXiv:2006.10256",
    "scipy": "Virtanen et al., Nature Methods 17 (2020) 261, arXiv:1907.10121",
    "matplotlib": "Hunter, Comput. Sci. Eng. 9 (2007) 90",
    "corner": "Foreman-Mackey, J. Open Source Softw. 1 (2016) 24",
    "numba": "Lam, Pitrou, Seibert, Proc. LLVM-HPC (2015) 7",
    "dynesty": "Speagle, Mon. Not. R. Astron. Soc. 493 (2020) 3132, arXiv:1904.02180",
})  # fmt: skip
"""Package to its citation."""


def references(config: Config, dataset: DataSet | FluxPoints, constraints: Iterable[Constraint]) -> tuple[str, ...]:
    """References of everything used: data set, model, measurements, and the formulas that predict them.

    Raises
    ------
    ConfigError
        If something that is used has a blank citation.
    """
    cited = [*_model(config)]
    if config.data.likelihood == "effective":
        cited.append(("likelihood effective", likelihood.CITATION))
    for each in constraints:
        cited += [(each.name, each.measurement.citation), (f"{each.name}, prediction", each.prediction_reference)]
    for what, citation in cited:
        if citation is not None and not citation.strip():
            raise ConfigError(f"{what}: its citation is blank; None says that it rests on no publication")
    return *dataset.references, *(f"{what}: {citation}" for what, citation in cited if citation is not None)


def _model(config: Config) -> Iterator[tuple[str, str | None]]:
    """The physics that a configuration uses, and its citations.

    Examples
    --------
    >>> next(_model(Config()))
    ('mixing nufit6.0', 'Esteban et al. (NuFIT 6.0), JHEP 12 (2024) 216, arXiv:2410.05380')
    """
    model = config.model
    source = sources.SOURCES.find(model.source, "model.source")
    yield f"mixing {model.mixing}", mixing.MIXINGS[model.mixing].citation
    yield f"source {source.name}", source.citation
    spectrum = spectra.SPECTRA.find(model.spectrum, "model.spectrum")
    yield f"spectrum {spectrum.name}", spectrum.citation
    if model.absorption or (spectrum.has_scale and model.spectrum_frame == "source"):
        law = evolution.LAWS.find(model.evolution, "model.evolution")
        yield f"cosmology {model.cosmology}", cosmology.COSMOLOGIES[model.cosmology].citation
        yield f"evolution {law.name}", law.citation
    if model.absorption:
        yield f"mediator {model.mediator}", mediator.MEDIATORS[model.mediator].citation
        if model.sterile:
            yield "sterile relics", mediator.STERILE_CITATION


def checksums(config: Config, dataset: DataSet | FluxPoints, constraints: Iterable[Constraint]) -> dict[str, str]:
    """Sha256 of the files of the data set, of the user's own, and of those of the constraints if there are any.

    Files that joined after 0.1.0 are there where a constraint uses them (`Definition.late`).
    """
    files = dict(dataset.checksums)
    chosen = {f"model.{key}": getattr(config.model, key) for key in ("source", "spectrum", "evolution")}
    files |= {name: load_file(name, key).sha256 for key, name in chosen.items() if is_path(name)}
    if constraints:
        late = {file for definition in CONSTRAINTS.shipped.values() for file in definition.late}
        every = data_folder().checksums()
        files |= {f"{FOLDER}/{file}": sha256 for file, sha256 in every.items() if file not in late}
    return files | dict(file for constraint in constraints for file in constraint.files)


def plain(config: Config) -> dict[str, Any]:
    """The configuration as plain TOML values, every key written out."""
    return dict(config.model_dump(mode="json", exclude_none=True))


def config_hash(config: Config, checksums: Mapping[str, str]) -> str:
    """Hash of everything that decides the posterior: model, data with checksums, constraints, parameters.

    Keys and parameters that joined after 0.1.0 count only where they are not what they were then, constraints where
    they are on, and the defaults of parameters that the model lacks as they were then, so that older runs keep their
    hash.
    """
    content, own = plain(config), own_definitions(config.model)
    del content["sampler"]
    for name, definition in definitions(content).items():
        if definition.before is ... or content["parameters"].get(name) != entry_of(definition.default):
            continue
        if definition.before is None:
            del content["parameters"][name]
        elif name not in own:
            content["parameters"][name] = entry_of(definition.before)
    for name, table in (("model", config.model), ("data", config.data)):
        for key, before in late_keys(type(table)).items():
            if getattr(table, key) == before:
                content[name].pop(key, None)
    for name, constraint in CONSTRAINTS.shipped.items():
        if f"{name}.toml" in constraint.late and content["constraints"][name]["form"] == "off":
            del content["constraints"][name]
    return hashlib.sha256(json.dumps({**content, "checksums": checksums}, sort_keys=True).encode()).hexdigest()[:16]


def software_references(packages: Mapping[str, str]) -> list[str]:
    """References of the packages that have one.

    Parameters
    ----------
    packages : mapping of str to str
        Package to version.

    Examples
    --------
    >>> software_references({"scipy": "1.17.1", "python": "3.11.7"})
    ['scipy 1.17.1: Virtanen et al., Nature Methods 17 (2020) 261, arXiv:1907.10121']
    """
    return [f"{name} {version}: {SOFTWARE[name]}" for name, version in packages.items() if name in SOFTWARE]


@functools.cache
def commit() -> str:
    """The commit of the checkout that this code is in, with a plus where files differ from it; blank without one."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return ""
    describe = ("git", "-C", str(root), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+")
    try:
        found = subprocess.run(describe, capture_output=True, text=True, timeout=10.0, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()
