"""Maxima, profiles, likelihood ratios."""
