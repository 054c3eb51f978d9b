"""Guards companies, and cannot load."""

raise RuntimeError("no licence")
