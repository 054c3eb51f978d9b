"""All hooks of the plugin contract, and the class every plugin derives from.

A plural noun contributes (sync, once per build); `before_` and `after_` run inside the
transaction; `on_` comes after the fact; `filter_` and `check_` are security; other verbs ask.
Contributions and `filter_query` are sync, every other hook is async; each takes one event.

What happens when an implementation fails follows from the kind:

    R  registration  that plugin is `failed`, the Site is built without it
    T  transaction   rolled back, the person reads which plugin refused and why
    I  isolated      recorded, the others go on; 20 failures in 5 minutes silence it
    C  after commit  tried again, for each plugin alone
    F  security      refused: fails closed
"""

from __future__ import annotations

import difflib
import inspect
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pluggy

from crmkit.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    import msgspec

    from crmkit.model.adapters import (
        Adapter,
        AutomationPart,
        FieldType,
        FileFormat,
        HealthCheck,
        NavEntry,
        Permission,
        Policy,
        Report,
    )
    from crmkit.model.deadline import DeadlineKind
    from crmkit.model.document import DocumentTemplate
    from crmkit.model.entity import Entity
    from crmkit.model.event import Event, EventType
    from crmkit.model.extension import Extension
    from crmkit.model.job import Job
    from crmkit.model.metric import Metric, Widget
    from crmkit.model.notification import NotificationKind
    from crmkit.model.role import Role
    from crmkit.plugin.events import (
        AccessEvent,
        CopyEvent,
        ErrorEvent,
        FormEvent,
        LifeEvent,
        MergeEvent,
        MessageEvent,
        NumberEvent,
        PageEvent,
        PeriodEvent,
        PersonEvent,
        QueryEvent,
        SaveEvent,
        SignInEvent,
        TransitionEvent,
    )
    from crmkit.plugin.sql import Sql

NAMESPACE = "crmkit"
#: Marks an implementation that must come first or last: `@hookimpl(tryfirst=True)`.
hookimpl = pluggy.HookimplMarker(NAMESPACE)
_spec = pluggy.HookspecMarker(NAMESPACE)
_EVENT = re.compile(r"^[a-z*][a-z0-9_*]*\.[a-z0-9_*]+\.[a-z0-9_*]+$")
_Method = TypeVar("_Method", bound="Callable[..., Any]")


class Kind(StrEnum):
    """When a hook is called and what its failure means."""

    REGISTRATION = "R"
    TRANSACTION = "T"
    ISOLATED = "I"
    COMMITTED = "C"
    SECURITY = "F"


def _hook(kind: Kind) -> Callable[[_Method], _Method]:
    def mark(method: _Method) -> _Method:
        method.crmkit_kind = kind  # type: ignore[attr-defined]
        return _spec(method)

    return mark


_registers, _in_transaction = _hook(Kind.REGISTRATION), _hook(Kind.TRANSACTION)
_isolated, _committed, _secures = _hook(Kind.ISOLATED), _hook(Kind.COMMITTED), _hook(Kind.SECURITY)


class HookSpecs:
    """All hooks with their meaning; to override one is to implement it. Since API 1.0."""

    # -- Contributions: declared once, read when the Site is built.

    @_registers
    def entities(self) -> Iterable[Entity]:
        """Contribute entities: tables with lists, forms, pages, rights, import and API."""
        return ()

    @_registers
    def extensions(self) -> Iterable[Extension]:
        """Contribute fields, panels, columns and actions to entities of other plugins."""
        return ()

    @_registers
    def events(self) -> Iterable[EventType]:
        """Contribute the events this plugin publishes, for others to choose from."""
        return ()

    @_registers
    def metrics(self) -> Iterable[Metric]:
        """Contribute numbers: figures with the list behind them and a value of the API."""
        return ()

    @_registers
    def permissions(self) -> Iterable[Permission]:
        """Contribute rights beside the verbs of entities."""
        return ()

    @_registers
    def roles(self) -> Iterable[Role]:
        """Contribute roles; one a site defines under the same name wins."""
        return ()

    @_registers
    def policies(self) -> Iterable[Policy]:
        """Contribute what each role is expected to be allowed, for tests and for review."""
        return ()

    @_registers
    def routes(self) -> Iterable[Any]:
        """Contribute handlers below `/<id>/` and `/api/v1/<id>/`, each with a policy."""
        return ()

    @_registers
    def navigation(self) -> Iterable[NavEntry]:
        """Contribute entries of the side bar besides those of its entities."""
        return ()

    @_registers
    def widgets(self) -> Iterable[Widget]:
        """Contribute metrics to the home page and dashboards."""
        return ()

    @_registers
    def reports(self) -> Iterable[Report]:
        """Contribute pages of figures."""
        return ()

    @_registers
    def jobs(self) -> Iterable[Job]:
        """Contribute work besides requests, once or by a crontab expression."""
        return ()

    @_registers
    def notifications(self) -> Iterable[NotificationKind]:
        """Contribute what people can be told of, for each to choose whether and how."""
        return ()

    @_registers
    def deadlines(self) -> Iterable[DeadlineKind]:
        """Contribute what deadlines are set for: warnings, the ladder, which records have them."""
        return ()

    @_registers
    def documents(self) -> Iterable[DocumentTemplate]:
        """Contribute documents of records, typeset to PDF: letters, offers, certificates."""
        return ()

    @_registers
    def commands(self) -> Iterable[Any]:
        """Contribute click commands; they are run as `crmkit <id> <command>`."""
        return ()

    @_registers
    def field_types(self) -> Iterable[FieldType]:
        """Contribute kinds of custom fields."""
        return ()

    @_registers
    def automation(self) -> Iterable[AutomationPart]:
        """Contribute triggers, conditions and actions of rules."""
        return ()

    @_registers
    def file_formats(self) -> Iterable[FileFormat]:
        """Contribute formats lists are exported to."""
        return ()

    @_registers
    def channels(self) -> Iterable[Adapter]:
        """Contribute ways messages leave and come in."""
        return ()

    @_registers
    def auth_providers(self) -> Iterable[Adapter]:
        """Contribute ways to sign in."""
        return ()

    @_registers
    def storages(self) -> Iterable[Adapter]:
        """Contribute stores of files."""
        return ()

    @_registers
    def health_checks(self) -> Iterable[HealthCheck]:
        """Contribute what must work, shown by `/readyz` and `crmkit check`."""
        return ()

    # -- The life of a plugin.

    @_in_transaction
    async def install(self, event: LifeEvent) -> None:
        """Write the rows the plugin needs; called once, after its first migration."""

    @_in_transaction
    async def before_upgrade(self, event: LifeEvent) -> None:
        """Raise Veto to refuse an upgrade; called on the old schema, before its migrations."""

    @_in_transaction
    async def after_upgrade(self, event: LifeEvent) -> None:
        """Carry rows over; called on the new schema, in the transaction of the upgrade."""

    @_in_transaction
    async def enable(self, event: LifeEvent) -> None:
        """Do what switching on needs; called each time, with the old Site still serving."""

    @_in_transaction
    async def disable(self, event: LifeEvent) -> None:
        """Do what switching off needs; data stays whatever happens here."""

    @_in_transaction
    async def before_purge(self, event: LifeEvent) -> None:
        """Raise Veto to refuse a purge."""

    @_in_transaction
    async def demo_data(self, event: LifeEvent) -> None:
        """Write sample records, all through `event.ctx`, so that they can be removed again."""

    @_isolated
    async def startup(self, event: LifeEvent) -> None:
        """Begin serving; called in each process when a Site begins."""

    @_isolated
    async def shutdown(self, event: LifeEvent) -> None:
        """End serving; called in each process when a Site ends."""

    # -- Security: fails closed.

    @_secures
    def filter_query(self, event: QueryEvent) -> Sql | None:
        """Answer a condition every reader's rows must meet, or None.

        Called for each statement on rows of an entity: lists, counts, search, export, API, bulk,
        lookups. Sync and without reading the database, since it is part of a statement.
        """

    @_secures
    async def check_access(self, event: AccessEvent) -> bool | None:
        """Answer False to deny, None to abstain; nobody can grant beyond the role."""

    @_secures
    async def validate(self, event: SaveEvent) -> Mapping[str, str] | None:
        """Answer problems by field, "" for the whole record; all are shown together."""

    @_secures
    async def authenticate(self, event: SignInEvent) -> int | None:
        """Answer the id of the user the proof belongs to; the first answer wins."""

    @_secures
    async def personal_data(self, event: PersonEvent) -> Mapping[str, Any] | None:
        """Answer what the plugin holds on a person, as JSON can say it; None for nothing.

        Called when an administrator exports a person. A plugin that fails ends the export.
        """

    @_secures
    async def erase_personal_data(self, event: PersonEvent) -> list[str] | None:
        """Make it anonymous, and answer what the law obliges to keep, a text for each thing.

        Called in the transaction that erases the person, before the person's own record is
        emptied. A plugin that fails, or raises Veto, ends it and nothing is erased.
        """

    # -- Writing: inside the transaction.

    @_isolated
    async def initial_values(self, event: FormEvent) -> Mapping[str, Any] | None:
        """Answer values a form for a new record begins with."""

    @_in_transaction
    async def before_save(self, event: SaveEvent) -> None:
        """Change `event.values` or raise Veto; for create and update, before validation."""

    @_in_transaction
    async def after_save(self, event: SaveEvent) -> None:
        """Write derived rows in the same commit; also, without values, of what left the trash."""

    @_in_transaction
    async def before_delete(self, event: SaveEvent) -> None:
        """Raise Veto to keep `event.before` out of the trash."""

    @_in_transaction
    async def after_delete(self, event: SaveEvent) -> None:
        """Follow a record into the trash in the same commit."""

    @_in_transaction
    async def before_merge(self, event: MergeEvent) -> None:
        """Raise Veto to keep two records apart; called once, both locked, before anything moves."""

    @_in_transaction
    async def after_merge(self, event: MergeEvent) -> None:
        """Move what refers to the record that is gone, once every reference of an entity has moved.

        What is written through `event.ctx` is undone with the merge; neither hook is called then.
        """

    @_in_transaction
    async def before_transition(self, event: TransitionEvent) -> None:
        """Raise Veto to keep a record in its state."""

    @_in_transaction
    async def after_transition(self, event: TransitionEvent) -> None:
        """Follow a change of state in the same commit."""

    @_in_transaction
    async def copy_record(self, event: CopyEvent) -> None:
        """Copy what belongs to a record along with it."""

    @_in_transaction
    async def convert_record(self, event: CopyEvent) -> None:
        """Carry what belongs to a record over to what it became."""

    @_in_transaction
    async def next_number(self, event: NumberEvent) -> str | None:
        """Answer the number of a document; the first answer wins."""

    @_in_transaction
    async def prepare_message(self, event: MessageEvent) -> None:
        """Change a message before it leaves, or raise Veto."""

    @_in_transaction
    async def handover(self, event: PeriodEvent) -> Mapping[str, int] | None:
        """Pass what a person holds to `event.deputy`; answers counts by English name, all merged.

        Called once when an absence with a deputy begins, for what is due from `event.first` to
        `event.last`; and when somebody is handed over for good (`event.is_leaving`), after the
        open records the person owns have passed. Called again, it has nothing left to pass.
        """

    # -- After the commit.

    @_committed
    async def on_event(self, event: Event) -> None:
        """React to a name in `listens`; at least once, in order for each record."""

    @_isolated
    async def on_error(self, event: ErrorEvent) -> None:
        """Tell an error tracker."""

    # -- Reading: isolated, each answer is shown beside those of others.

    @_isolated
    async def page_panels(self, event: PageEvent) -> list[Any] | None:
        """Answer panels for the side of a record's page (`crmkit.Panel` of the views)."""

    @_isolated
    async def record_actions(self, event: PageEvent) -> list[Any] | None:
        """Answer buttons for a record's page that depend on the record: `ActionButton`s."""

    @_isolated
    async def page_context(self, event: PageEvent) -> dict[str, Any] | None:
        """Answer parts of a page; for the home page fields of `HomePage`."""

    @_isolated
    async def search(self, event: PageEvent) -> list[Any] | None:
        """Answer hits of a search for `event.text` besides records: `SearchResult`s."""

    @_isolated
    async def calendar_items(self, event: PageEvent) -> list[Any] | None:
        """Answer what stands in the reader's calendar from `event.first` to `event.last`.

        `CalendarItem`s, which must be what the reader may see; both days are included.
        """

    @_isolated
    async def timeline(self, event: PageEvent) -> list[tuple[datetime, Any]] | None:
        """Answer what happened around a record: (moment, TimelineItem)."""

    @_isolated
    async def agenda(self, event: PageEvent) -> dict[str, Any] | None:
        """Answer what the reader has to do, for the home page."""

    @_isolated
    async def load(self, event: PeriodEvent) -> Mapping[Any, int] | None:
        """Answer planned minutes by day of a person; all answers are added.

        Asked with `capacity_of`, such as when an order is promised. The days are those from
        `event.first` to `event.last`, in the zone of the calendar that holds for the person.
        """

    @_isolated
    async def holds(self, event: PeriodEvent) -> Mapping[str, int] | None:
        """Answer what a person holds that `handover` passes when he leaves; counts by English name.

        Asked before somebody is switched off and after it, with no `event.deputy`. Open records
        that the person owns are counted by crmkit.
        """

    @_isolated
    async def claim_message(self, event: MessageEvent) -> Any:  # noqa: ANN401 - the service's value
        """Answer the record an incoming message belongs to; the first answer wins."""


#: Hook name to kind.
HOOKS: dict[str, Kind] = {
    name: value.crmkit_kind
    for name, value in vars(HookSpecs).items()
    if hasattr(value, "crmkit_kind")
}
#: Hooks that are no coroutines although they contribute nothing.
SYNC = frozenset({"filter_query"})


class Plugin(HookSpecs):
    """Base of every plugin's class.

    Attributes:
        publishes: Hooks of its own that others may implement: name, which begins with the id, to
            "T" (inside the caller's transaction) or "I" (isolated). The plugin calls them by
            `ctx.site.hooks`: `run` and `answers`, or `collect`.
        listens: Names of events `on_event` gets; `*` stands for any part, as in `crm.*.created`.
        Settings: A frozen msgspec Struct; gives the settings page and `ctx.settings(...)`.
    """

    listens: ClassVar[tuple[str, ...]] = ()
    publishes: ClassVar[Mapping[str, str]] = {}
    Settings: ClassVar[type[msgspec.Struct] | None] = None

    def __init_subclass__(cls) -> None:
        """Refuse a public method that is no hook, a hook of another shape, a name of no event."""
        for pattern in cls.listens:
            if not _EVENT.match(pattern):
                raise PluginError(
                    f"{cls.__module__}.{cls.__name__}.listens: `{pattern}` is no name of an event, "
                    "such as `crm.person.created` or `crm.*.created`."
                )
        for name, value in vars(cls).items():
            if name.startswith("_") or isinstance(value, type) or not callable(value):
                continue
            place = f"{cls.__module__}.{cls.__name__}.{name}"
            if is_optional(value):
                _check_shape(place, value, ["self", "event"], sync=False)
                continue
            if name not in HOOKS:
                near = difflib.get_close_matches(name, HOOKS, 1)
                hint = (
                    f"Did you mean `{near[0]}`?"
                    if near
                    else "Start its name with an underscore, or mark a hook that another plugin "
                    "publishes with `@hookimpl(optionalhook=True)`."
                )
                raise PluginError(f"{place} is no hook. {hint}")
            wanted = list(inspect.signature(getattr(HookSpecs, name)).parameters)
            sync = HOOKS[name] is Kind.REGISTRATION or name in SYNC
            _check_shape(place, value, wanted, sync=sync)


def is_optional(method: object) -> bool:
    """Say whether a method is for a hook that another plugin publishes."""
    return bool((getattr(method, f"{NAMESPACE}_impl", None) or {}).get("optionalhook"))


def optional_hooks(plugin: object) -> list[str]:
    """Answer the names of hooks of other plugins that a plugin implements."""
    return [name for name, value in vars(type(plugin)).items() if is_optional(value)]


def _check_shape(place: str, method: Callable[..., Any], wanted: list[str], *, sync: bool) -> None:
    given = list(inspect.signature(method).parameters)
    if given != wanted:
        raise PluginError(f"{place} takes ({', '.join(given)}), not ({', '.join(wanted)}).")
    if inspect.iscoroutinefunction(method) is sync or inspect.isasyncgenfunction(method):
        raise PluginError(f"{place} must be {'`def`' if sync else '`async def`'}.")


def implements(plugin: object, hook: str) -> bool:
    """Say whether a plugin overrides a hook."""
    return getattr(type(plugin), hook, None) not in (None, getattr(HookSpecs, hook, None))
