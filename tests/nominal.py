"""Nuisance parameters at their nominal values, for tests that leave a few others free."""

from __future__ import annotations

NOMINAL = {
    "norm_conventional": 1, "norm_muon": 1, "norm_prompt": 0, "detector_scale": 1, "energy_scale": 1,
    "tilt_conventional": 0,
}  # fmt: skip
FIXED = tuple(f"parameters.{name}.value={value}" for name, value in NOMINAL.items())
