"""What has to be cited for each choice of a configuration, and for the software behind a run.

References of data sets and constraints are in their files; those of the formulas and sets of numbers are here, one
entry per value of a configuration key.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nuinfer.config import Config
from nuinfer.constants import KAMADA_YU

_NUFIT = "Esteban et al. (NuFIT 6.0), JHEP 12 (2024) 216, arXiv:2410.05380"
_PLANCK = "Planck Collaboration, Astron. Astrophys. 641 (2020) A6, arXiv:1807.06209"

MODEL: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "mixing": {"paper": KAMADA_YU, "nufit6.0": _NUFIT},
        "cosmology": {"paper": KAMADA_YU, "planck18": f"{_PLANCK}; T_CMB: Fixsen 2009, arXiv:0911.1955"},
        "evolution": {
            "sfr": "Yuksel, Kistler, Beacom, Hopkins, Astrophys. J. 683 (2008) L5, arXiv:0804.4008",
            "bllac": "Di Mauro et al., Astrophys. J. 786 (2014) 129, arXiv:1311.5708",
            "quasar": "Boyle et al., Mon. Not. R. Astron. Soc. 317 (2000) 1014, astro-ph/0005368",
            "grb": "Wanderman and Piran, Mon. Not. R. Astron. Soc. 406 (2010) 1944, arXiv:0912.0709",
        },
        "mediator": {"vector": KAMADA_YU, "scalar": "Esteban et al., Phys. Rev. D 104 (2021) 123014, arXiv:2107.13568"},
    }
)
"""Key of ``[model]`` and its value to a citation; values that rest on no publication are not here."""

SOFTWARE: Mapping[str, str] = MappingProxyType(
    {
        "emcee": "Foreman-Mackey et al., Publ. Astron. Soc. Pac. 125 (2013) 306, arXiv:1202.3665; moves: ter Braak, "
        "Stat. Comput. 16 (2006) 239, and Nelson et al., Astrophys. J. Suppl. 210 (2014) 11, arXiv:1311.5229",
        "arviz": "Kumar et al., J. Open Source Softw. 4 (2019) 1143; R-hat: Vehtari et al. 2021, arXiv:1903.08008",
        "numpy": "Harris et al., Nature 585 (2020) 357, arXiv:2006.10256",
        "scipy": "Virtanen et al., Nature Methods 17 (2020) 261, arXiv:1907.10121",
        "matplotlib": "Hunter, Comput. Sci. Eng. 9 (2007) 90",
        "corner": "Foreman-Mackey, J. Open Source Softw. 1 (2016) 24",
        "numba": "Lam, Pitrou, Seibert, Proc. LLVM-HPC (2015) 7",
        "dynesty": "Speagle, Mon. Not. R. Astron. Soc. 493 (2020) 3132, arXiv:1904.02180",
    }
)
"""Package to its citation."""


def model_references(config: Config) -> list[str]:
    """References of the physics that a configuration uses, each with what it stands for.

    Examples
    --------
    >>> model_references(Config())[0]
    'mixing nufit6.0: Esteban et al. (NuFIT 6.0), JHEP 12 (2024) 216, arXiv:2410.05380'
    """
    model = config.model.model_dump()
    used = ["mixing"]
    if config.model.absorption or config.model.spectrum != "power_law":
        used += ["cosmology", "evolution"]
    if config.model.absorption:
        used += ["mediator"]
    cited = [(f"{key} {model[key]}", MODEL[key].get(model[key])) for key in used]
    return [f"{what}: {citation}" for what, citation in cited if citation]


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
