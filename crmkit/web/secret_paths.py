"""Addresses that are secrets themselves: whoever reads a log must not get in by it."""

from __future__ import annotations

CALENDARS = "/calendar/"
HOOKS = "/hooks/"
_SECRET = (CALENDARS, HOOKS, "/setup/")


def shown_path(path: str) -> str:
    """Answer a path as logs and error trackers may show it."""
    return next((each for each in _SECRET if path.startswith(each)), path)
