"""What can go wrong, as one tree.

    CrmkitError
    ├── ConfigError           crmkit.toml or another settings file says something unusable
    ├── DatabaseStartError    the database cannot be started or reached
    ├── MigrationError        the schema could not be brought up to date
    ├── PluginError           a plugin breaks the contract
    ├── SignInError           wrong name or password, expired link
    ├── ForbiddenError        the role does not allow it
    ├── NotFoundError         no such record, entity or page for this reader
    ├── InvalidError          input that breaks rules, all problems at once
    │   ├── Veto              a plugin refused and says why
    │   ├── HookFailedError   a plugin's code failed inside a write or a check
    │   ├── NeverOpensError   a working calendar is not open for so long
    │   └── MalformedError    what was sent cannot be read at all
    ├── ConflictError         two things that exclude each other
    │   └── StaleVersionError somebody saved in between
    ├── LimitError            too often or too large
    └── UnavailableError      the database or a service does not answer in time

Errors know nothing of HTTP; `crmkit.web.errors` maps classes to answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class CrmkitError(Exception):
    """Base of all errors crmkit raises on purpose; the message names place and remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(CrmkitError):
    """A settings file cannot be used."""


class DatabaseStartError(CrmkitError):
    """The database cannot be started or reached."""


class MigrationError(CrmkitError):
    """A migration failed or the database is newer than the code."""


class PluginError(CrmkitError):
    """A plugin breaks the contract."""


class SignInError(CrmkitError):
    """Sign-in failed; the text is the same for unknown names and wrong passwords."""


class ForbiddenError(CrmkitError):
    """The role does not allow it."""


class NotFoundError(CrmkitError):
    """There is no such thing, or the reader may not know that there is."""


class InvalidError(CrmkitError):
    """Input that breaks rules.

    Attributes:
        problems: Field name to sentence; "" is a problem of the whole.
    """

    def __init__(self, message: str, problems: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.problems = dict(problems or {})


class Veto(InvalidError):  # noqa: N818 - the word of the contract
    """A plugin refuses a write: `raise Veto("Points must not be zero", amount="...")`."""

    def __init__(self, message: str, **problems: str) -> None:
        super().__init__(message, problems)


class HookFailedError(InvalidError):
    """A plugin's code failed where that must not be passed over; nothing was written.

    Attributes:
        plugin: Its id.
        hook: What it was asked.
    """

    def __init__(self, plugin: str, hook: str) -> None:
        super().__init__(
            f"The plugin `{plugin}` failed in `{hook}`; nothing was saved. "
            "An administrator can look at the plugins page and switch it off."
        )
        self.plugin = plugin
        self.hook = hook


class NeverOpensError(InvalidError):
    """A working calendar is not open for so long, however far one counts."""


class MalformedError(InvalidError):
    """What was sent cannot be read: no JSON, or characters and numbers nothing can store."""


class ConflictError(CrmkitError):
    """Two things that exclude each other."""


class SecondPersonError(ConflictError):
    """A person other than who did the work has to do it; that person can be asked."""


class StaleVersionError(ConflictError):
    """Somebody saved the record after it was opened.

    Attributes:
        current: Field name to stored value.
        changed_by: Name of who saved last, "" when unknown.
        changed_at: When, in UTC.
    """

    def __init__(
        self, message: str, current: Mapping[str, Any], changed_by: str, changed_at: datetime | None
    ) -> None:
        super().__init__(message)
        self.current = dict(current)
        self.changed_by = changed_by
        self.changed_at = changed_at


class LimitError(CrmkitError):
    """Too many tries, or too much at once.

    Attributes:
        retry_after: Seconds until another try is worth it; 0 when it never is.
    """

    def __init__(self, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnavailableError(CrmkitError):
    """The database or a service does not answer in time; nothing was written."""


class StorageFullError(UnavailableError):
    """A disk has no room left; nothing was written."""
