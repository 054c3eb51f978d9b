"""Who acts, on what, and why: handed to every action, hook and read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.model.role import Role
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


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a write or a read needs besides its arguments.

    Attributes:
        cause: What made it happen: page, api, import, command.
        operation: Id of the operation that collects the changes; None opens one per save.
        clock: Answers the present moment in UTC; tests set it.
        translate: English text to the reader's language.
    """

    db: Database
    site: SiteLike
    config: Config
    principal: Principal
    cause: str = "page"
    operation: int | None = None
    clock: Callable[[], datetime] = _utc_now
    translate: Callable[[str], str] = field(default=str)

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
