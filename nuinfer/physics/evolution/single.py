"""One redshift for every source, that of ``model.source_redshift``."""

from nuinfer.physics.evolution import Law

LAW = Law("single", "one redshift", citation=None, log_density=None, order=6)
