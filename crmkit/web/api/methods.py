"""Which methods an address of the API has, all handlers of it together (TRAPS L11)."""

from __future__ import annotations

import re

BASE = "/api/v1"
_ENTITY = r"[^/]+"
_TABLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"/?", ("GET",)),
    (r"/openapi\.json", ("GET",)),
    (r"/metrics(?:/[^/]+)?", ("GET",)),
    (r"/approvals", ("GET", "POST")),
    (r"/approvals/\d+", ("POST",)),
    (r"/calls", ("POST",)),
    (r"/mail-templates", ("GET",)),
    (rf"/{_ENTITY}", ("GET", "POST")),
    (rf"/{_ENTITY}/\d+", ("GET", "PATCH", "DELETE")),
    (rf"/{_ENTITY}/\d+/restore", ("POST",)),
    (rf"/{_ENTITY}/\d+/merge", ("POST",)),
    (rf"/{_ENTITY}/actions/[^/]+", ("POST",)),
    (rf"/{_ENTITY}/\d+/actions/[^/]+", ("POST",)),
)
_PATTERNS = tuple((re.compile(re.escape(BASE) + text), methods) for text, methods in _TABLE)


def allowed_methods(path: str) -> tuple[str, ...]:
    """Answer the methods of an address, OPTIONS last; nothing where no handler of ours is."""
    for pattern, methods in _PATTERNS:
        if pattern.fullmatch(path.rstrip("/")):
            return (*methods, "OPTIONS")
    return ()
