"""Texts that people begin a message with: one name, a version for each language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel import Locale, UnknownLocaleError
from msgspec import Struct

from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.values import N_
from crmkit.work.mail.addresses import check_line
from crmkit.work.mail.templates import render_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crmkit.model.context import Context

_LONGEST_NAME = 100
_LONGEST_SUBJECT = 500
_LONGEST_BODY = 100_000
_COLUMNS = "id, name, entity, language, subject, body"


class MailTemplate(Struct, frozen=True, kw_only=True):
    """One version of a template.

    Attributes:
        entity: Of the records it is for; "" is any.
        language: Code, such as "de"; it need not be one the pages speak.
    """

    id: int
    name: str
    entity: str
    language: str
    subject: str
    body: str


async def list_templates(ctx: Context, entity: str | None = None) -> list[MailTemplate]:
    """List the templates, by name and language; with an entity those that fit its records."""
    rows = await ctx.db.rows(
        f"SELECT {_COLUMNS} FROM core_mail_template "  # noqa: S608 - our own text
        "WHERE $1::text IS NULL OR entity IN ('', $1) ORDER BY lower(name), entity, language",
        entity,
    )
    return [MailTemplate(**dict(row)) for row in rows]


async def find_mail_template(ctx: Context, number: int) -> MailTemplate:
    """Answer a template by its number.

    Raises:
        NotFoundError: There is none.
    """
    row = await ctx.db.row(
        f"SELECT {_COLUMNS} FROM core_mail_template WHERE id = $1",  # noqa: S608 - as above
        min(number, 2**62),
    )
    if row is None:
        raise NotFoundError(ctx.translate(N_("There is no such mail template.")))
    return MailTemplate(**dict(row))


def best_versions(
    templates: Sequence[MailTemplate], language: str, default: str
) -> list[MailTemplate]:
    """Answer one version of each name: the language, else the default, else the first there is.

    Of one name the template for the entity goes before the one for any.
    """
    found: dict[str, MailTemplate] = {}

    def rank(each: MailTemplate) -> tuple[bool, bool, bool]:
        return not each.entity, each.language != language, each.language != default

    for each in sorted(templates, key=rank):
        found.setdefault(each.name.lower(), each)
    return sorted(found.values(), key=lambda each: each.name.lower())


def language_code(noted: str, known: Iterable[str]) -> str:
    """Answer which of some languages a person's noted one is; "" for none of them.

    People write "de", "de-AT", "German", "Deutsch" or what the site's language calls it.
    """
    text = noted.strip().lower()
    codes = sorted(set(known))
    begin = text.replace("_", "-").partition("-")[0]
    if begin in codes:
        return begin
    for code in codes if text else ():
        locale = Locale.parse(code)
        names = (locale.get_display_name(each) for each in ("en", code, "ru"))
        if text in {str(name).lower() for name in names if name}:
            return code
    return ""


async def save_template(
    ctx: Context, typed: Mapping[str, str], places: Mapping[str, object], number: int = 0
) -> int:
    """Keep a version of a template and answer its number; 0 makes a new one.

    Args:
        typed: name, entity, language, subject and body.
        places: Every name that may be filled; what else stands in a place is refused.

    Raises:
        InvalidError: All that is wrong with it, by name.
        NotFoundError: There is no such template.
    """
    clean = {name: typed.get(name, "").replace("\0", "").replace("\r\n", "\n").strip()
             for name in ("name", "entity", "language", "subject", "body")}  # fmt: skip
    problems = _problems(ctx, clean, places)
    if not problems:
        twin = await ctx.db.value(
            "SELECT id FROM core_mail_template WHERE lower(name) = lower($1) AND entity = $2 "
            "AND language = $3 AND id <> $4",
            clean["name"], clean["entity"], clean["language"], number,
        )  # fmt: skip
        if twin is not None:
            problems["name"] = ctx.translate(N_("is there already for this language"))
    if problems:
        raise InvalidError(ctx.translate(N_("The mail template was not saved.")), problems)
    if number:
        await find_mail_template(ctx, number)
        await ctx.db.execute(
            "UPDATE core_mail_template SET name = $2, entity = $3, language = $4, subject = $5, "
            "body = $6, updated_at = now() WHERE id = $1",
            number, *clean.values(),
        )  # fmt: skip
        return number
    return int(
        await ctx.db.value(
            "INSERT INTO core_mail_template (name, entity, language, subject, body) "
            "VALUES ($1, $2, $3, $4, $5) RETURNING id",
            *clean.values(),
        )
    )


def _problems(
    ctx: Context, clean: Mapping[str, str], places: Mapping[str, object]
) -> dict[str, str]:
    problems = {}
    for name in ("name", "body"):
        if not clean[name]:
            problems[name] = ctx.translate(N_("must be filled in"))
    most = (("name", _LONGEST_NAME), ("subject", _LONGEST_SUBJECT), ("body", _LONGEST_BODY))
    for name, length in most:
        if len(clean[name]) > length:
            problems[name] = ctx.translate(N_("is too long"))
    if clean["entity"] and clean["entity"] not in ctx.site.entities:
        problems["entity"] = ctx.translate(N_("does not fit; enter another value"))
    try:
        Locale.parse(clean["language"])
    except (ValueError, UnknownLocaleError):
        problems["language"] = ctx.translate(N_("is no code of a language, such as de"))
    for name in ("subject", "body"):
        try:
            render_text(clean[name], places)
            if name == "subject":
                check_line(clean[name], name)
        except InvalidError as error:
            problems[name] = error.message.rstrip(".")
    return problems


async def remove_template(ctx: Context, number: int) -> None:
    """Forget a version of a template; what was written with it stays."""
    await ctx.db.execute("DELETE FROM core_mail_template WHERE id = $1", min(number, 2**62))
