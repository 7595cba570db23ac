"""How a beam reaches Earth: one class per way, behind the protocol of `points.Transport`."""
