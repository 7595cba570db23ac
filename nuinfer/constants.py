"""Physical constants, once, with unit, source and year in the comment of each.

Published and tested numbers rest on these values; a newer mass or coupling shifts them (the tau mass moves the loop
mixing by 1.4e-5), so change one only together with the tests that cite it.
"""

from __future__ import annotations

import math

# Particle physics
FINE_STRUCTURE = 1.0 / 137.035999084  # CODATA 2018
ELECTRIC_CHARGE = math.sqrt(4.0 * math.pi * FINE_STRUCTURE)  # Heaviside-Lorentz, natural units
MASS_ELECTRON_MEV = 0.51099895  # CODATA 2018
MASS_MUON_MEV = 105.6583755  # CODATA 2018
MASS_TAU_MEV = 1776.86  # PDG 2022
MASS_W_GEV = 80.377  # PDG 2022
MASS_CHARGED_PION_MEV = 139.57039  # PDG 2022
LIFETIME_CHARGED_PION_S = 2.6033e-8  # PDG 2022
G_FERMI_GEV2 = 1.1663787e-5  # GeV^-2, CODATA 2018
NU_ELECTRON_LEFT = 0.727  # g_L of nu_e e below 10 MeV, radiative corrections included: PDG 2018, arXiv:2001.04466
NU_ELECTRON_RIGHT = 0.233  # g_R, all flavours, likewise; g_L of nu_mu and nu_tau is smaller by one
MASS_PLANCK_GEV = 1.220890e19  # CODATA 2018, sqrt(hbar c/G)

# Conversions
HBAR_EV_S = 6.582119569e-16  # CODATA 2018, exact
SPEED_OF_LIGHT_CM_S = 2.99792458e10  # exact
HBAR_C_MEV_CM = HBAR_EV_S * 1e-6 * SPEED_OF_LIGHT_CM_S
AVOGADRO_PER_MOL = 6.02214076e23  # CODATA 2018, exact
MEGAPARSEC_CM = 3.0856775814913673e24  # IAU 2015
BOLTZMANN_EV_K = 8.617333262e-5  # CODATA 2018, exact
EV_PER_MEV = 1e6
EV_PER_GEV = 1e9
MEV_PER_GEV = 1e3
SECONDS_PER_YEAR = 31557600.0  # Julian year, IAU
CM_PER_KM = 1e5
CM2_PER_M2 = 1e4

# Cosmology
T_CMB_K = 2.7255  # Fixsen 2009, arXiv:0911.1955
N_EFF_STANDARD_MODEL = 3.044  # arXiv:2008.01074, arXiv:2012.02726

# Mathematics
ZETA3 = 1.2020569031595942  # Riemann zeta(3)

# The paper whose model, formulas and figures the package reproduces
KAMADA_YU = "Kamada and Yu, Phys. Rev. D 92 (2015) 113004, arXiv:1504.00711"

COORDINATES = ("log10_m_zprime_mev", "log10_g_prime")
"""The parameters of the plane (m_Z', g')."""
