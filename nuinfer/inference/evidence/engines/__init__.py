"""Nested samplers, one file each with the constant ``ENGINE``, found by listing this folder."""
