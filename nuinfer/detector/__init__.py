"""What a neutrino telescope saw, what it would see, and what is not astrophysical."""
