"""crmkit.toml as frozen structs; an unknown key is refused with its path."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from crmkit.errors import ConfigError


class ServerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How pages are served."""

    #: Address to listen on.
    host: str = "127.0.0.1"
    #: TCP port, 0 for any free one.
    port: int = 8000
    #: Serving processes.
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    #: Address people type, such as https://crm.example.org; needed beyond this machine.
    base_url: str = ""
    #: Addresses of proxies whose X-Forwarded-For is believed.
    trusted_proxies: tuple[str, ...] = ()


class DatabaseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the data lies; without `url` crmkit runs its own PostgreSQL below var/."""

    url: str = ""
    pool_min: int = 2
    pool_max: int = 10
    #: Seconds a statement may take.
    timeout: float = 15.0
    #: Settings of the embedded server, name to value.
    settings: dict[str, str] = {}


class WebhooksConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom webhooks may call."""

    #: Also this machine, private networks and addresses without TLS.
    allow_private: bool = False


class OAuthConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mail provider that wants OAuth 2 instead of passwords."""

    client_id: str
    #: Where access tokens are given for refresh tokens.
    token_url: str
    client_secret: str = ""
    scope: str = ""

    def __repr__(self) -> str:
        """Leave out the secret, as logs and errors show this."""
        return f"OAuthConfig({self.client_id}, {self.token_url})"


class MailConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mail; accounts stand in the database."""

    #: Name, as accounts bear it, to the provider.
    oauth: dict[str, OAuthConfig] = {}


class PluginsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`enabled`, when present, is the law; else the database decides."""

    enabled: tuple[str, ...] | None = None


class WorkConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Work besides requests."""

    #: Jobs at the same time in each serving process; 0 leaves them to `crmkit worker`.
    slots: Annotated[int, msgspec.Meta(ge=0, le=200)] = 8
    #: Days a job that is done stays to be seen.
    keep_days: Annotated[int, msgspec.Meta(ge=0, le=36500)] = 7


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of a site."""

    name: str = "crmkit"
    #: Postal address of the company, for documents; lines separated by line breaks.
    address: str = ""
    language: str = "en"
    time_zone: str = "UTC"
    #: Folder below themes/ whose templates and tokens replace the default ones.
    theme: str = ""
    #: ISO 4217 code of the site's own money.
    currency: str = "USD"
    server: ServerConfig = ServerConfig()
    webhooks: WebhooksConfig = WebhooksConfig()
    mail: MailConfig = MailConfig()
    database: DatabaseConfig = DatabaseConfig()
    plugins: PluginsConfig = PluginsConfig()
    work: WorkConfig = WorkConfig()
    folder: Path = Path()

    @property
    def var(self) -> Path:
        """The folder of data and logs, never in git."""
        return self.folder / "var"

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """What one start of serving differs in.

    Attributes:
        safe: The core alone, without jobs.
        without: Ids of plugins to leave out.
        working: False leaves jobs to `crmkit worker`.
        quiet: Say nothing of the address; another process does.
    """

    safe: bool = False
    without: tuple[str, ...] = ()
    working: bool = True
    quiet: bool = False


_FILE = "crmkit.toml"


def load_config(site: Path) -> Config:
    """Read `<site>/crmkit.toml`; a missing file means the defaults.

    The environment may give CRMKIT_DATABASE_URL, so that no password stands in a file.

    Raises:
        ConfigError: The file is no TOML, or a key or value does not fit; names the place.
    """
    path = site / _FILE
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this is no valid TOML: {error}.") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    if "folder" in raw:
        raise ConfigError(f"{path}: unknown key `folder`.")
    _check_keys(path, raw, Config, "")
    url = os.environ.get("CRMKIT_DATABASE_URL")
    if url:
        raw.setdefault("database", {})["url"] = url
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_place(str(error))}.") from error
    if config.time_zone not in available_timezones():
        raise ConfigError(
            f"{path}: `time_zone` is not one of the tz database, such as Europe/Berlin."
        )
    if not re.fullmatch(r"[A-Z]{3}", config.currency):
        raise ConfigError(f"{path}: `currency` is an ISO 4217 code of three letters, such as USD.")
    return msgspec.structs.replace(config, folder=site.resolve())


def _check_keys(path: Path, raw: object, kind: type[msgspec.Struct], prefix: str) -> None:
    if not isinstance(raw, dict):
        return
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    fields.pop("folder", None)
    for key, value in raw.items():
        if key not in fields:
            near = difflib.get_close_matches(key, list(fields), 1)
            hint = f" Did you mean `{prefix}{near[0]}`?" if near else ""
            raise ConfigError(f"{path}: unknown key `{prefix}{key}`.{hint}")
        child = fields[key].type
        if isinstance(child, type) and issubclass(child, msgspec.Struct):
            _check_keys(path, value, child, f"{prefix}{key}.")


def _place(message: str) -> str:
    """Turn "Expected `int`, got `str` - at `$.server.port`" into a sentence that starts there."""
    what, _, where = message.partition(" - at `$.")
    return f"`{where.rstrip('`')}`: {what[0].lower()}{what[1:]}" if where else what
