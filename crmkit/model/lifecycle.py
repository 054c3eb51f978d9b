"""A declared state machine on a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["open", "won", "lost"]


class State(msgspec.Struct, frozen=True):
    """A state: stored key, English label, what it means, chance in percent, hue."""

    name: str
    label: str
    kind: Kind = "open"
    probability: int = 0
    hue: int = 8


class Lifecycle(msgspec.Struct, frozen=True):
    """States of a column and the moves between them.

    Attributes:
        column: Name of the column.
        states: In the order people see them; the first one is where a new record begins.
        moves: State to the states it may go to; None allows every move.
        requires: State to the columns that must be filled to be in it.
        begin: State of a new record; "" is the first one.
        second_person: State to `(ctx, record)`, which says whether a record is brought into it
            only by a person who did not work on it (four eyes); sync.
    """

    column: str
    states: tuple[State, ...]
    moves: dict[str, tuple[str, ...]] | None = None
    requires: dict[str, tuple[str, ...]] = {}
    begin: str = ""
    second_person: dict[str, Any] = {}

    @property
    def initial(self) -> str:
        """The state of a new record."""
        return self.begin or self.states[0].name

    def state(self, name: str) -> State | None:
        """Answer the state of that name."""
        return next((state for state in self.states if state.name == name), None)

    def can_move(self, old: str, new: str) -> bool:
        """Say whether a record may go from one state to another; staying is allowed."""
        if self.state(new) is None:
            return False
        return old == new or not old or self.moves is None or new in self.moves.get(old, ())

    def missing(self, name: str, values: Mapping[str, object]) -> tuple[str, ...]:
        """Answer the columns that are empty though the state asks for them."""
        return tuple(
            column for column in self.requires.get(name, ()) if values.get(column) in (None, "")
        )
