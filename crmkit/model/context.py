"""Who acts, on what, and why: handed to every action, hook and read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.model.role import Role, Verb
    from crmkit.model.site import SiteLike


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Principal:
    """The signed-in person.

    Attributes:
        teams: Own team, teams managed, and all below those.
        session_id: Of the session row; None for the command line.
    """

    user_id: int | None
    name: str
    role: Role
    teams: tuple[int, ...] = ()
    language: str = "en"
    time_zone: str = "UTC"
    theme: str = "system"
    session_id: str | None = None


class Store(Protocol):
    """What reads and writes records for a Context; the records layer is one."""

    async def get(
        self, ctx: Context, entity: str, record_id: int, verb: Verb, *, lock: bool
    ) -> dict[str, Any]:
        """Read a record."""

    async def create(self, ctx: Context, entity: str, values: dict[str, Any]) -> int:
        """Create a record."""

    async def save(
        self, ctx: Context, entity: str, record_id: int, values: dict[str, Any], version: int | None
    ) -> int:
        """Save a record."""

    async def trash(self, ctx: Context, entity: str, record_id: int, version: int | None) -> None:
        """Move a record to the trash."""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a write or a read needs besides its arguments.

    Attributes:
        cause: What made it happen: page, api, import, command.
        operation: Id of the operation that collects the changes; None opens one per save.
        clock: Answers the present moment in UTC; tests set it.
        translate: English text to the reader's language.
        store: Reads and writes records for `get`, `create`, `save` and `trash`.
    """

    db: Database
    site: SiteLike
    config: Config
    principal: Principal
    cause: str = "page"
    operation: int | None = None
    clock: Callable[[], datetime] = _utc_now
    translate: Callable[[str], str] = field(default=str)
    store: Store | None = None

    @property
    def _records(self) -> Store:
        if self.store is None:
            raise RuntimeError("This Context was made without a store of records.")
        return self.store

    async def get(
        self, entity: str, record_id: int, verb: Verb = "read", *, lock: bool = False
    ) -> dict[str, Any]:
        """Read a record with all its fields; a reference `x` has its title in `x__title`.

        Args:
            entity: Such as "crm.person".
            verb: The right it is read for.
            lock: Lock the row until the transaction ends.

        Raises:
            NotFoundError: There is none, or the reader may not use the verb on it.
        """
        return await self._records.get(self, entity, record_id, verb, lock=lock)

    async def create(self, entity: str, **values: Any) -> int:  # noqa: ANN401 - by field
        """Create a record and answer its id: permission, rules, hooks and journal as everywhere.

        Raises:
            ForbiddenError: The role may not create these.
            InvalidError: Rules are broken; all problems at once.
        """
        return await self._records.create(self, entity, values)

    async def save(
        self,
        entity: str,
        record_id: int,
        *,
        version: int | None = None,
        **values: Any,  # noqa: ANN401 - by field
    ) -> int:
        """Save fields of a record and answer its new version.

        Args:
            version: As the form showed it; None relies on the row lock.

        Raises:
            NotFoundError: There is none, or it is not the writer's to edit.
            StaleVersionError: Somebody saved in between.
            InvalidError: Rules are broken; all problems at once.
        """
        return await self._records.save(self, entity, record_id, values, version)

    async def trash(self, entity: str, record_id: int, *, version: int | None = None) -> None:
        """Move a record to the trash.

        Raises:
            NotFoundError: There is none, or it is not the writer's to delete.
        """
        await self._records.trash(self, entity, record_id, version)

    def now(self) -> datetime:
        """Answer the present moment, aware, in UTC."""
        return self.clock()

    @property
    def user_id(self) -> int | None:
        """Id of the acting user, None for the system."""
        return self.principal.user_id

    @property
    def language(self) -> str:
        """Language of texts for the reader."""
        return self.principal.language or self.config.language

    @property
    def time_zone(self) -> ZoneInfo:
        """Zone in which the reader reads moments."""
        return ZoneInfo(self.principal.time_zone or self.config.time_zone)

    def within(self, operation: int, cause: str | None = None) -> Context:
        """Answer the same context, its changes collected in one operation."""
        return replace(self, operation=operation, cause=cause or self.cause)
