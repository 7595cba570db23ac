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

from dataclasses import dataclass

from nuinfer.errors import ConfigError

ONE_SIGMA = 0.6826894921370859
"""The level that is written as 68 %."""

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

    def label(self, level: float) -> str:
        """For a legend or the head of a table.

        Examples
        --------
        >>> LIMIT.label(0.95), INTERVAL.label(ONE_SIGMA)
        ('95 % CL, one-sided', '68 % CL, two-sided')
        """
        return f"{percent(level)} CL, {self.words}"


LIMIT = Convention("one-sided", tails=2)
INTERVAL = Convention("two-sided")
PLANE = Convention("two parameters", parameters=2)
CONVENTIONS = {"limit": LIMIT, "interval": INTERVAL, "plane": PLANE}


def percent(*levels: float) -> str:
    """Levels as they are written.

    Examples
    --------
    >>> percent(ONE_SIGMA, 0.95), percent(0.999)
    ('68, 95 %', '99.9 %')
    """
    return ", ".join("68" if level == ONE_SIGMA else f"{100.0 * level:g}" for level in levels) + " %"


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

HPD = tuple(credible(level, kind="HPD") for level in HPD_LEVELS)
