"""Other names of `nuinfer.analysis.Analysis`."""

from typing import TypeAlias

from nuinfer.analysis import Analysis

SampledAnalysis: TypeAlias = Analysis
SimulatedAnalysis: TypeAlias = Analysis
EvidenceAnalysis: TypeAlias = Analysis
