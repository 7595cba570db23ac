"""One redshift for every source, that of ``model.source_redshift``."""

from nuinfer.physics.evolution import Law

LAW = Law(name="single", label="one redshift", citation=None, log_density=None, order=6)
