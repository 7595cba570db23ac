"""The figures, one file each: what is drawn, and one constant ``FIGURE`` that says the rest."""
