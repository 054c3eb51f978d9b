"""Needs a newer plugin API; must never be imported."""

raise AssertionError("imported, though its manifest does not fit")
