"""A run on disk: folder, record, diagnostics."""
