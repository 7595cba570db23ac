"""The physics: mixing, masses, cosmology, mediator, absorption, sources and propagation.

Every function broadcasts: sample axes lead, physics axes trail. Flavours are ordered (e, mu, tau), mass states
(1, 2, 3), species (nu_e, nu_mu, nu_tau, nubar_e, nubar_mu, nubar_tau).
"""

from nuinfer.registry import modules_of

__getattr__, __dir__ = modules_of(__name__)
