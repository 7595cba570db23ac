"""Calibration, campaigns, forecasts."""
