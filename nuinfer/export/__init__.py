"""Other packages' formats."""
