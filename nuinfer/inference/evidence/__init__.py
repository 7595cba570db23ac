"""Evidences and comparisons."""
