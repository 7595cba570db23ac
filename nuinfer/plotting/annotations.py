"""Names that figures need for annotations alone: nothing is imported for them, above all not matplotlib."""

from typing import TYPE_CHECKING, Any

from nuinfer.typing import ArrayLike, BoolArray, FloatArray

Look = dict[str, Any]
"""Keywords of matplotlib: how something is drawn."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from nuinfer.analysis import Analysis
    from nuinfer.constraints.base import Constraint
    from nuinfer.constraints.limits import Bound
    from nuinfer.inference.evidence.compare import Comparison
    from nuinfer.inference.evidence.evidence import Evidence
    from nuinfer.inference.runs.run import Run
    from nuinfer.inference.sampling.short import ShortRun
    from nuinfer.inference.studies.calibration import Calibration
    from nuinfer.inference.studies.forecast import Band, Forecast
    from nuinfer.inference.studies.limits import Limits

    Draws = ArrayLike
    Point = ArrayLike | None
    Panel = Axes | None
    Panels = Sequence[Axes] | None
else:
    Draws = Point = Panel = Panels = Any
    Axes = Axis = Figure = Any
    Analysis = Constraint = Bound = Run = ShortRun = Any
    Comparison = Evidence = Calibration = Forecast = Band = Limits = Any

__all__ = ["Analysis", "ArrayLike", "Axes", "Axis", "Band", "BoolArray", "Bound", "Calibration", "Comparison"]
__all__ += ["Constraint", "Draws", "Evidence", "Figure", "FloatArray", "Forecast", "Limits", "Look", "Panel", "Panels"]
__all__ += ["Point", "Run", "ShortRun"]
