"""Sampling with emcee."""
