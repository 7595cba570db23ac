"""Sampling, run folders and convergence; the entry points are `fit.fit` and `run.open_run`."""
