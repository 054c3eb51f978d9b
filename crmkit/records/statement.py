"""What a statement is put together with."""

from __future__ import annotations

from typing import Any


class Statement:
    """Collects the numbered arguments of a statement while its parts are written."""

    def __init__(self, *args: Any) -> None:  # noqa: ANN401 - any SQL value
        self.args: list[Any] = list(args)

    @property
    def next(self) -> int:
        """Number of the first free placeholder."""
        return len(self.args) + 1

    def add(self, value: Any) -> str:  # noqa: ANN401 - any SQL value
        """Add an argument and answer its placeholder."""
        self.args.append(value)
        return f"${len(self.args)}"
