"""A piece of a statement with its arguments."""

from __future__ import annotations

from typing import Any

import msgspec


class Sql(msgspec.Struct, frozen=True):
    """A condition and its arguments, numbered from where the caller said."""

    text: str
    args: tuple[Any, ...] = ()
