"""Addresses that are secrets themselves: whoever reads a log must not get in by it."""

from __future__ import annotations

import re

CALENDARS = "/calendar/"
HOOKS = "/hooks/"
_SECRET = (CALENDARS, HOOKS, "/setup/")
#: A token in the address of a page without login, as `sign_link` makes it.
_TOKEN = re.compile(r"/[A-Za-z0-9-]{1,80}\.[0-9a-f]{32}(?=/|$)")


def shown_path(path: str) -> str:
    """Answer a path as logs and error trackers may show it."""
    shown = next((each for each in _SECRET if path.startswith(each)), path)
    return _TOKEN.sub("/...", shown)
