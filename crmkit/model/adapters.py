"""Small declarations by which a plugin offers a service or an entry of a menu."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context


@dataclass(frozen=True)
class NavEntry:
    """An entry of the side bar, or of the menu of the signed-in person.

    Attributes:
        label: English.
        url: Local address, below `/<plugin>/` or of an entity.
        group: Label of the group it joins; a new one when none has that label.
        permission: Entity the reader must be able to read, or a permission of the plugin; "" is
            everybody.
        key: Letter after `g` that opens it.
        slot: The side bar, or the menu of the signed-in person.
    """

    label: str
    url: str
    icon: str = "plug"
    group: str = ""
    order: int = 50
    permission: str = ""
    key: str = ""
    slot: Literal["navigation", "user.menu"] = "navigation"


@dataclass(frozen=True)
class Permission:
    """A right of a plugin's own beside the verbs of its entities: `<plugin>.<name>`."""

    name: str
    label: str


@dataclass(frozen=True)
class Policy:
    """Expected answers for one entity of the plugin: read by tests, reviewed by people.

    Attributes:
        allows: Verb to scope for each role that differs from the role's own pattern.
    """

    entity: str
    role: str
    allows: dict[str, str]


@dataclass(frozen=True)
class HealthCheck:
    """Something that must work: answers "" or a sentence that says what does not and the remedy."""

    name: str
    label: str
    check: Callable[[Context], Awaitable[str]]


@dataclass(frozen=True)
class Report:
    """A page of figures below `/<plugin>/`, offered among the reports.

    Attributes:
        permission: As of `NavEntry`.
    """

    name: str
    label: str
    url: str
    icon: str = "chart-bar"
    permission: str = ""


@dataclass(frozen=True)
class FieldType:
    """A kind of custom field: a text that is checked when it is typed, and shown in its own way.

    Attributes:
        name: `<plugin>.<name>`.
        parse: What was typed to what is stored; raises ValueError with an English sentence, which
            stands beside the field.
        show: What is stored to what people read.
    """

    name: str
    label: str
    parse: Callable[[str], str]
    show: Callable[[str], str]


@dataclass(frozen=True)
class FileFormat:
    """A format lists are exported to: rows of texts, the heading first, to bytes."""

    name: str
    label: str
    extension: str
    media_type: str
    write: Callable[[list[list[str]]], bytes]


async def _unconnected(*_given: object) -> None:
    """Stands for what a service has no need of."""


@dataclass(frozen=True)
class Adapter:
    """A service somebody else runs: a channel of messages, a sign-in provider, a file store.

    Attributes:
        connect: Of `auth`: `async (url)` answers the address where signing in begins; the page it
            comes back to is the plugin's own and ends with `crmkit.enter`.
        dial: Of a `channel` that is a telephone: `async (ctx, number)` lets the reader's own
            telephone call a number, instead of a `tel:` link. A refusal such as `InvalidError`
            is read by the person.
    """

    kind: Literal["channel", "auth", "storage"]
    name: str
    label: str
    connect: Callable[..., Awaitable[Any]] = _unconnected
    dial: Callable[[Context, str], Awaitable[None]] | None = None


@dataclass(frozen=True)
class AutomationPart:
    """A trigger, condition or action of a plugin's own for rules."""

    kind: Literal["trigger", "condition", "action"]
    name: str
    label: str
    handler: Callable[..., Awaitable[Any]]
