"""The hooks a plugin may implement, and the class it derives from.

A plural noun contributes (sync, once per build); `before_` and `after_` run inside the
transaction; other verbs ask. Every other hook than a contribution is async and takes one event.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from crmkit.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.model.context import Context
    from crmkit.model.entity import Entity
    from crmkit.plugin.plan import EntityPlan


@dataclass(slots=True)
class SaveEvent:
    """A record about to be written, or just written.

    Attributes:
        values: Field to new value; `before_save` may change it.
        before: Field to stored value; empty for a new record.
        record_id: None in `before_save` of a new record.
    """

    ctx: Context
    entity: EntityPlan
    values: dict[str, Any]
    before: dict[str, Any] = field(default_factory=dict)
    record_id: int | None = None


@dataclass(slots=True)
class PageEvent:
    """Somebody opens the home page or a record; `scope` is mine, team or all."""

    ctx: Context
    scope: str = "mine"
    entity: EntityPlan | None = None
    record_id: int | None = None


class HookSpecs:
    """All hooks with their meaning; to override one is to implement it."""

    def entities(self) -> Iterable[Entity]:
        """Contribute entities; called once per build."""
        return ()

    async def before_save(self, event: SaveEvent) -> None:
        """Change `event.values` or raise Veto; inside the transaction, for create and update."""

    async def after_save(self, event: SaveEvent) -> None:
        """Write derived rows in the same commit."""

    async def before_delete(self, event: SaveEvent) -> None:
        """Raise Veto to keep `event.before` out of the trash; inside the transaction."""

    async def agenda(self, event: PageEvent) -> Any:  # noqa: ANN401 - documented in docs/
        """Answer what the reader has to do, for the home page; isolated."""

    async def widgets(self, event: PageEvent) -> Any:  # noqa: ANN401
        """Answer figures and lists for the home page; isolated."""

    async def timeline(self, event: PageEvent) -> Any:  # noqa: ANN401
        """Answer what happened around a record, newest first; isolated."""

    async def page_panels(self, event: PageEvent) -> Any:  # noqa: ANN401
        """Answer panels for the side of a record's page; isolated."""


_HOOKS = frozenset(name for name in vars(HookSpecs) if not name.startswith("_"))


class Plugin(HookSpecs):
    """Base of every plugin's class.

    Attributes:
        listens: Names of events `on_event` gets, patterns allowed.
    """

    listens: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Refuse a public method that is no hook: it would never be called."""
        for name, value in vars(cls).items():
            if name.startswith("_") or name in _HOOKS or not callable(value):
                continue
            near = difflib.get_close_matches(name, _HOOKS, 1)
            hint = f" Did you mean `{near[0]}`?" if near else " Start its name with an underscore."
            raise PluginError(f"{cls.__module__}.{cls.__name__}.{name} is no hook.{hint}")


def implements(plugin: Plugin, hook: str) -> bool:
    """Say whether the plugin overrides a hook."""
    return getattr(type(plugin), hook) is not getattr(HookSpecs, hook)
