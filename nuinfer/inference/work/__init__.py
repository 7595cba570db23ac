"""Where work runs and where its results lie."""
