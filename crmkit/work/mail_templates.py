"""Texts that people begin a message with: one name, a version for each language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel import Locale
from msgspec import Struct

from crmkit.errors import NotFoundError
from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crmkit.model.context import Context

_COLUMNS = "id, version, name, entity, language, subject, body"


class MailTemplate(Struct, frozen=True, kw_only=True):
    """One version of a template.

    Attributes:
        entity: Of the records it is for; "" is any.
        language: Code, such as "de"; it need not be one the pages speak.
    """

    id: int
    version: int
    name: str
    entity: str
    language: str
    subject: str
    body: str


async def list_templates(ctx: Context, entity: str | None = None) -> list[MailTemplate]:
    """List the templates, by name and language; with an entity those that fit its records."""
    rows = await ctx.db.rows(
        f"SELECT {_COLUMNS} FROM core_mail_template "  # noqa: S608 - our own text
        "WHERE trashed_at IS NULL AND ($1::text IS NULL OR entity IN ('', $1)) "
        "ORDER BY lower(name), entity, language",
        entity,
    )
    return [MailTemplate(**dict(row)) for row in rows]


async def find_mail_template(ctx: Context, number: int) -> MailTemplate:
    """Answer a template by its number.

    Raises:
        NotFoundError: There is none.
    """
    row = await ctx.db.row(
        f"SELECT {_COLUMNS} FROM core_mail_template WHERE id = $1 AND trashed_at IS NULL",  # noqa: S608 - as above
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
