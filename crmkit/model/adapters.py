"""Small declarations by which a plugin offers a service or an entry of a menu."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from crmkit.model.context import Context
    from crmkit.model.role import Scope, Verb


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
    """What a plugin is expected to allow: read by tests, reviewed by people.

    `crmkit.read_policy` reads it from `policies.toml`. Roles, verbs, fields and addresses that are
    not named have no right; roles of a site's own are none of its business.

    Attributes:
        rights: Entity to role to verb to scope.
        permissions: Permission of the plugin to the roles that have it.
        guards: Permission to what nobody meets without it: entities, and columns such as
            "orders.order_line.unit_cost".
        written: Entity to the fields people write; all others are computed or kept by code.
        public: Addresses that are open without signing in.
    """

    rights: Mapping[str, Mapping[str, Mapping[Verb, Scope]]] = field(default_factory=dict)
    permissions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    guards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    written: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    public: tuple[str, ...] = ()

    @property
    def roles(self) -> frozenset[str]:
        """Names of the roles it speaks of."""
        named = [role for by_role in self.rights.values() for role in by_role]
        return frozenset([*named, *(role for roles in self.permissions.values() for role in roles)])

    def scope(self, entity: str, role: str, verb: Verb) -> Scope:
        """Answer how far a role is expected to use a verb on an entity."""
        return self.rights.get(entity, {}).get(role, {}).get(verb, "none")


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
