"""People who read and answer without an account, and texts in their language."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from crmkit.model.people import LANGUAGES
from crmkit.records.plugins.rows import system_context
from crmkit.web.services import services_of, visit_of
from crmkit.web.templating import draw
from crmkit.web.translate import catalogue, catalogue_in_force

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmkit.model.context import Context
    from crmkit.web.services import AnyRequest

_SPOKEN = frozenset(choice.value for choice in LANGUAGES)


@contextmanager
def speaking(ctx: Context, language: str) -> Iterator[Context]:
    """Give a context that speaks a language: `_`, `ctx.translate`, dates and amounts.

    Args:
        language: Such as "ru"; one that crmkit does not speak is the site's own.
    """
    spoken = language if language in _SPOKEN else ctx.config.language
    texts = catalogue(spoken, ctx.site)  # type: ignore[arg-type]
    before = catalogue_in_force.set(texts)
    try:
        yield replace(
            ctx,
            principal=replace(ctx.principal, language=spoken),
            translate=lambda text: texts.gettext(text) if text else "",
        )
    finally:
        catalogue_in_force.reset(before)


def guest_context(request: AnyRequest, language: str = "") -> Context:
    """Answer a context for a page that needs no login: nobody's, with every right.

    Read and write with it only what a signed link names (`read_link`). The page is made in the
    language, the site's own where crmkit does not speak it.
    """
    services, visit = services_of(request), visit_of(request)
    spoken = language if language in _SPOKEN else services.config.language
    texts = services.texts.of(spoken)
    catalogue_in_force.set(texts)
    visit.language = spoken
    ctx = system_context(services.config, services.db, services.site, "link")
    return replace(
        ctx,
        principal=replace(ctx.principal, language=spoken, time_zone=services.config.time_zone),
        translate=lambda text: texts.gettext(text) if text else "",
        draw=lambda template, values: draw(services.environment, visit, template, values),
    )
