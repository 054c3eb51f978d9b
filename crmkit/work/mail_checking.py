"""What people type of a mail account, and where the servers of its address are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import InvalidError
from crmkit.model.values import N_
from crmkit.work.mail.accounts import Tls
from crmkit.work.mail.addresses import check_mailbox
from crmkit.work.mail_sharing import read_patterns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.config import OAuthConfig
    from crmkit.model.context import Context
    from crmkit.work.mail_accounts import MailAccount

#: What people without a role of administration may name: they must not look around in a network.
_PORTS = {"smtp_port": {25, 465, 587, 2525}, "imap_port": {143, 993}}
_TLS = ("implicit", "starttls", "plain")
_MOST_FOLDERS = 20
#: Of `Servers`, as an account has them.
SERVER_NAMES = ("smtp_host", "smtp_port", "smtp_tls", "imap_host", "imap_port", "imap_tls")
Servers = tuple[str, int, Tls, str, int, Tls]
_GOOGLE: Servers = ("smtp.gmail.com", 465, "implicit", "imap.gmail.com", 993, "implicit")
_MICROSOFT: Servers = (
    "smtp-mail.outlook.com", 587, "starttls", "outlook.office365.com", 993, "implicit",
)  # fmt: skip
_YANDEX: Servers = ("smtp.yandex.ru", 465, "implicit", "imap.yandex.ru", 993, "implicit")
_MAIL_RU: Servers = ("smtp.mail.ru", 465, "implicit", "imap.mail.ru", 993, "implicit")
#: Domain of the address to where its servers are.
PRESETS: Mapping[str, Servers] = {
    "gmail.com": _GOOGLE, "googlemail.com": _GOOGLE,
    "outlook.com": _MICROSOFT, "hotmail.com": _MICROSOFT, "live.com": _MICROSOFT,
    "yandex.ru": _YANDEX, "yandex.com": _YANDEX, "ya.ru": _YANDEX,
    "mail.ru": _MAIL_RU, "bk.ru": _MAIL_RU, "inbox.ru": _MAIL_RU, "list.ru": _MAIL_RU,
    "gmx.de": ("mail.gmx.net", 587, "starttls", "imap.gmx.net", 993, "implicit"),
    "web.de": ("smtp.web.de", 587, "starttls", "imap.web.de", 993, "implicit"),
    "icloud.com": ("smtp.mail.me.com", 587, "starttls", "imap.mail.me.com", 993, "implicit"),
}  # fmt: skip


def refused(ctx: Context, problems: dict[str, str]) -> InvalidError:
    """Answer the error of an account that is not kept, by what is wrong with it."""
    return InvalidError(ctx.translate(N_("The mail account was not saved.")), problems)


def _check_secret(
    ctx: Context, text: Mapping[str, str], before: MailAccount | None, *, is_admin: bool
) -> dict[str, str]:
    """Answer what is wrong with the way to sign in."""
    oauth, known = text.get("oauth", ""), sorted(ctx.config.mail.oauth)
    if oauth and oauth not in known:
        told = ", ".join(known) or "-"
        return {"oauth": ctx.translate(N_("is one of {ports}")).format(ports=told)}
    is_new = before is None or before.oauth != oauth
    # A relay in the same house may want no password.
    if is_new and not text.get("password") and (oauth or not is_admin):
        return {"password": ctx.translate(N_("must be filled in"))}
    return {}


def _check_rules(
    ctx: Context, text: Mapping[str, str], problems: dict[str, str]
) -> dict[str, list[str]]:
    """Answer the rules of sharing; what is wrong with them is put to the problems."""
    rules: dict[str, list[str]] = {}
    for name in ("share_with", "keep_private"):
        try:
            rules[name] = read_patterns(text.get(name, ""))
        except ValueError as error:
            told = N_("is a list of addresses, of domains, or *; {typed} is none of them")
            problems[name] = ctx.translate(told).format(typed=error)
    return rules


def find_servers(provider: OAuthConfig | None, domain: str) -> Servers | None:
    """Answer the servers of a provider that people sign in at, or those that a domain is known by.

    Args:
        domain: Of the address, in small letters.
    """
    known = PRESETS.get(domain)
    if provider is None or not provider.smtp_host:
        return known
    given = (provider.smtp_host, provider.smtp_port, provider.smtp_tls,
             provider.imap_host, provider.imap_port, provider.imap_tls)  # fmt: skip
    # Outlook.com sends by another server than the companies of the same provider.
    return known if known and known[3] == given[3] else given


def check_account(
    ctx: Context, typed: Mapping[str, str], before: MailAccount | None, *, is_admin: bool
) -> dict[str, Any]:
    """Answer the columns of an account as it was typed, those of its secrets left out.

    Raises:
        InvalidError: All that is wrong with it, by name.
    """
    text = {name: str(value).strip() for name, value in typed.items()}
    problems: dict[str, str] = {}
    try:
        address = check_mailbox(text.get("address", ""), text.get("name", "")).address
    except InvalidError as error:
        raise refused(ctx, {"address": error.message}) from error
    provider = ctx.config.mail.oauth.get(text.get("oauth", ""))
    servers = find_servers(provider, address.rpartition("@")[2].lower())
    known = {name: str(value) for name, value in zip(SERVER_NAMES, servers or (), strict=False)}
    if not text.get("smtp_host") and not text.get("imap_host"):
        text |= known
    # The administrator wrote down where a provider's servers are.
    is_free = is_admin or (bool(known) and known.items() <= text.items())
    if not text.get("smtp_host"):
        problems["smtp_host"] = ctx.translate(
            N_("is not known for this address; ask who runs your mail")
        )
    ports = {}
    for name, usual in (("smtp_port", 465), ("imap_port", 993)):
        typed_port = text.get(name) or str(usual)
        ports[name] = int(typed_port) if typed_port.isdecimal() and len(typed_port) < 6 else 0  # noqa: PLR2004
        allowed = ports[name] if is_free else ports[name] in _PORTS[name]
        if not allowed or ports[name] > 65535:  # noqa: PLR2004 - the highest port
            told = ", ".join(map(str, sorted(_PORTS[name])))
            problems[name] = ctx.translate(N_("is one of {ports}")).format(ports=told)
    for name in ("smtp_tls", "imap_tls"):
        if (text.get(name) or "implicit") not in _TLS:
            problems[name] = ctx.translate(N_("is one of {ports}")).format(ports=", ".join(_TLS))
    problems |= _check_secret(ctx, text, before, is_admin=is_admin)
    rules = _check_rules(ctx, text, problems)
    if problems:
        raise refused(ctx, problems)
    team = text.get("team", "")
    return {
        "address": address, "name": text.get("name", "")[:120],
        "username": text.get("username", "") or address, "oauth": text.get("oauth", ""),
        "folders": list(dict.fromkeys(
            name.strip()[:200] for name in text.get("folders", "").split(",") if name.strip()
        ))[:_MOST_FOLDERS],
        **rules, "smtp_host": text["smtp_host"], "imap_host": text.get("imap_host", ""), **ports,
        "smtp_tls": text.get("smtp_tls") or "implicit",
        "imap_tls": text.get("imap_tls") or "implicit",
        "team": int(team) if team.isdecimal() and is_admin else None,
        "sends_notices": bool(text.get("sends_notices")) and is_admin,
    }  # fmt: skip
