"""What a confidence level means: the one place that says so, for every limit, interval, region and legend.

By profile likelihood a level is a fall of ln P below its maximum (Wilks 1938, Ann. Math. Stat. 9, 60; one-sided limits:
Cowan et al. 2011, arXiv:1007.1727):

=========  ========================================  ======  ======
limit      one end, upper or lower                   0.113   1.353
interval   both ends of one parameter                0.5     1.921
plane      a region of two parameters                1.148   2.996
=========  ========================================  ======  ======

at 68 and 95 %, where 68 % is one standard deviation, 0.6827. A limit from a mean and an error lies where a Gaussian has
fallen as far, at 1.645 sigma. What draws of a posterior say is called credible: intervals and regions are those of
highest density (HPD); a limit leaves the rest of the draws beyond it; bands along a curve are central at each point.
"""

import math
from dataclasses import dataclass

from nuinfer.errors import ConfigError

ONE_SIGMA = 0.6826894921370859
"""The level that is written as 68 %."""

MOST_SIGMAS, SAME_SIGMAS = 7.0, 1e-6

HPD_LEVELS = (0.68, 0.95)
"""Shares of the posterior that its intervals and regions hold."""


@dataclass(frozen=True)
class Convention:
    """How far ln P falls at a confidence level.

    Parameters
    ----------
    words : str
        What legends and tables call it, after the level.
    parameters : int
        Degrees of freedom of the chi^2.
    tails : int
        2 where only one of the two tails of the parameter counts.
    """

    words: str
    parameters: int = 1
    tails: int = 1

    def drop(self, level: float) -> float:
        """Fall of ln P below its maximum.

        Raises
        ------
        ConfigError
            If the level is not in [0.5, 1).

        Examples
        --------
        >>> [round(one.drop(0.95), 3) for one in (LIMIT, INTERVAL, PLANE)]
        [1.353, 1.921, 2.996]
        >>> [round(one.drop(ONE_SIGMA), 3) for one in (INTERVAL, PLANE)]
        [0.5, 1.148]
        """
        if not 0.5 <= level < 1.0:
            raise ConfigError(f"level: {level} is outside the allowed [0.5, 1)")
        from scipy import special  # late: `nuinfer --help` names the conventions

        return 0.5 * float(special.chdtri(self.parameters, self.tails * (1.0 - level)))

    def sigmas(self, level: float) -> float:
        """The same fall as standard deviations of a Gaussian.

        Examples
        --------
        >>> round(LIMIT.sigmas(0.95), 3), round(INTERVAL.sigmas(0.95), 3)
        (1.645, 1.96)
        """
        return float((2.0 * self.drop(level)) ** 0.5)

    def level(self, sigmas: float) -> float:
        """The level at which ln P has fallen by ``sigmas^2/2``, the inverse of `sigmas`.

        Raises
        ------
        ConfigError
            If there are not between 0 and 7 of them.

        Examples
        --------
        >>> round(INTERVAL.level(1.0), 6), round(LIMIT.level(1.645), 3), f"{1.0 - LIMIT.level(5.0):.3g}"
        (0.682689, 0.95, '2.87e-07')
        """
        if not 0.0 < sigmas <= MOST_SIGMAS:
            raise ConfigError(f"sigma: {sigmas:g} is outside the allowed (0, {MOST_SIGMAS:g}]")
        from scipy import special

        return 1.0 - float(special.chdtrc(self.parameters, sigmas**2)) / self.tails

    def written(self, level: float) -> str:
        """A level as sigmas where these are what was asked for, else in percent.

        Examples
        --------
        >>> LIMIT.written(0.95), LIMIT.written(LIMIT.level(5.0)), INTERVAL.written(ONE_SIGMA)
        ('95 %', '5 sigma', '68 %')
        """
        sigmas = self.sigmas(level)
        asked = level > ONE_SIGMA and abs(sigmas - round(sigmas, 1)) < SAME_SIGMAS
        return f"{sigmas:.2g} sigma" if asked else percent(level)

    def label(self, level: float) -> str:
        """For a legend or the head of a table.

        Examples
        --------
        >>> LIMIT.label(0.95), INTERVAL.label(ONE_SIGMA)
        ('95 % CL, one-sided', '68 % CL, two-sided')
        """
        written = self.written(level)
        return f"{written}{'' if written.endswith('sigma') else ' CL'}, {self.words}"


LIMIT = Convention("one-sided", tails=2)
INTERVAL = Convention("two-sided")
PLANE = Convention("two parameters", parameters=2)
CONVENTIONS = {"limit": LIMIT, "interval": INTERVAL, "plane": PLANE}


def percent(*levels: float) -> str:
    """Levels as they are written.

    Examples
    --------
    >>> percent(ONE_SIGMA, 0.95), percent(0.999), percent(0.99999971)
    ('68, 95 %', '99.9 %', '99.999971 %')
    """
    return ", ".join("68" if level == ONE_SIGMA else _percentage(level) for level in levels) + " %"


def _percentage(level: float) -> str:
    """In percent, with as many digits as part it from 100."""
    nines = math.ceil(-math.log10(1.0 - level)) if level < 1.0 else 0
    return f"{100.0 * level:.{max(6, nines + 1)}g}"


def credible(*levels: float, kind: str = "") -> str:
    """What legends and tables call intervals, regions and limits of a posterior.

    Examples
    --------
    >>> credible(0.68, 0.95, kind="HPD"), credible(0.95)
    ('credible 68, 95 % (HPD)', 'credible 95 %')
    """
    return f"credible {percent(*levels)}" + (f" ({kind})" if kind else "")


UNCONSTRAINED, AS_PRIOR = "unconstrained", "as its prior"
"""What tables and figures say of a quantity whose posterior is its prior."""

PROFILE = f"profile {percent(0.95)} CL"
"""What tables call the limits of a fit by profile likelihood."""

HPD = tuple(credible(level, kind="HPD") for level in HPD_LEVELS)
