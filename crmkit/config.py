"""crmkit.toml as frozen structs; an unknown key is refused with its path."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
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
    #: Where access tokens are given for codes and refresh tokens.
    token_url: str
    client_secret: str = ""
    scope: str = ""
    #: Fills in what is not given, see `PRESETS`.
    preset: Literal["", "google", "microsoft"] = ""
    #: Where people sign in and consent; without it they paste a refresh token.
    authorize_url: str = ""
    #: What the provider wants besides what every one gets (RFC 6749, 4.1.1).
    authorize_params: dict[str, str] = {}
    #: What buttons call it; "" is its name.
    label: str = ""
    #: Servers of accounts that people add by signing in; as of an account.
    smtp_host: str = ""
    smtp_port: int = 465
    smtp_tls: Literal["implicit", "starttls", "plain"] = "implicit"
    imap_host: str = ""
    imap_port: int = 993
    imap_tls: Literal["implicit", "starttls", "plain"] = "implicit"

    def __repr__(self) -> str:
        """Leave out the secret, as logs and errors show this."""
        return f"OAuthConfig({self.client_id}, {self.token_url})"


#: What the documentation of two providers says: name of a preset to keys of `OAuthConfig`.
#:
#: Source:
#:     Google: developers.google.com, "Using OAuth 2.0 for Web Server Applications" (without
#:     `access_type=offline` and `prompt=consent` it gives a refresh token the first time only or
#:     never), "OAuth 2.0 Mechanism" of Gmail (scope, servers).
#:     Microsoft: learn.microsoft.com, "Microsoft identity platform and OAuth 2.0 authorization
#:     code flow" (`common` is every tenant), "Authenticate an IMAP, POP or SMTP connection using
#:     OAuth" (scopes), "POP, IMAP, and SMTP settings" of Outlook (servers).
PRESETS: dict[str, dict[str, Any]] = {
    "google": {
        "label": "Google",
        "authorize_url": "https://accounts.google.com/o/oauth2/v2/auth",
        "authorize_params": {"access_type": "offline", "prompt": "consent"},
        "token_url": "https://oauth2.googleapis.com/token",
        "scope": "https://mail.google.com/",
        "smtp_host": "smtp.gmail.com",
        "imap_host": "imap.gmail.com",
    },
    "microsoft": {
        "label": "Microsoft",
        "authorize_url": "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        "token_url": "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        "scope": "offline_access https://outlook.office.com/IMAP.AccessAsUser.All "
        "https://outlook.office.com/SMTP.Send",
        "smtp_host": "smtp.office365.com",
        "smtp_port": 587,
        "smtp_tls": "starttls",
        "imap_host": "outlook.office365.com",
    },
}


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

    The environment may give CRMKIT_DATABASE_URL and CRMKIT_OAUTH_NAME_SECRET, so that no password
    stands in a file.

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
    _complete_providers(raw)
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


def _complete_providers(raw: dict[str, Any]) -> None:
    """Fill in what presets and the environment give; what does not fit is refused afterwards."""
    mail = raw.get("mail")
    providers = mail.get("oauth") if isinstance(mail, dict) else None
    if not isinstance(providers, dict):
        return
    for name, given in list(providers.items()):
        if not isinstance(given, dict):
            continue
        usual = PRESETS.get(str(given.get("preset", "")), {})
        variable = re.sub(r"[^A-Z0-9]", "_", name.upper())
        secret = os.environ.get(f"CRMKIT_OAUTH_{variable}_SECRET")
        providers[name] = usual | given | ({"client_secret": secret} if secret else {})


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
