"""Templates to answers: a page, or the blocks of it that htmx asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from jinja2 import Environment, StrictUndefined
from litestar import Response
from litestar.response import Redirect

from crmkit.web.assets import asset, icon, integrity
from crmkit.web.fields import with_numbers
from crmkit.web.flash import FLASH_COOKIE, pack_flash
from crmkit.web.rows import options_html, rows_html
from crmkit.web.services import services_of, visit_of
from crmkit.web.shell import make_shell
from crmkit.web.templating import CompiledTemplates, SiteLoader, VisitInForce, begin_page
from crmkit.web.themes import theme_css, theme_url
from crmkit.web.translate import _, ngettext, pgettext, printed, printed_plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.config import Config
    from crmkit.plugin.site import Site
    from crmkit.web.plugin_files import PluginFiles
    from crmkit.web.services import AnyRequest
    from crmkit.web.views import Flash, Link


_compiled = CompiledTemplates()
_REFUSED = 400


def make_environment(site: Site, config: Config, files: PluginFiles) -> Environment:
    """Make the environment of a Site: escaping on, an unknown name is an error."""
    environment = Environment(
        loader=SiteLoader(site, config),
        undefined=StrictUndefined,
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
        bytecode_cache=_compiled,
    )
    # For `{% trans %}`; the hundred plain calls of a page take half as long with our own.
    environment.install_gettext_callables(_, ngettext, newstyle=True)  # type: ignore[attr-defined]

    environment.filters["numbers"] = with_numbers

    def address(name: str) -> str:
        return files.url(name) if "/" in name else asset(name)

    environment.globals.update(
        _=printed,
        ngettext=printed_plural,
        pgettext=pgettext,
        visit=VisitInForce(),
        asset=address,
        icon=icon,
        integrity=integrity,
        options_html=options_html,
        rows_html=rows_html,
        theme_url=theme_url(theme_css(config)),
        plugin_styles=files.styles,
        plugin_scripts=files.scripts,
    )
    return environment


def wants_fragment(request: AnyRequest) -> bool:
    """Say whether htmx asks for a part; a history request wants the whole page (TRAPS T3)."""
    headers = request.headers
    return headers.get("hx-request") == "true" and headers.get("hx-request-type") == "partial"


def answer(  # noqa: PLR0913 - the parts of an answer
    request: AnyRequest,
    template: str,
    *,
    title: str,
    block: str = "",
    status: int = 200,
    crumbs: Sequence[Link] = (),
    flashes: Sequence[Flash] = (),
    headers: dict[str, str] | None = None,
    **values: Any,  # noqa: ANN401 - what the template's header comment names
) -> Response[str]:
    """Render a template; its `block` alone when htmx asked for a part.

    Args:
        title: Of the page, translated.
        block: Block of the fragment; "" has no fragment form.
        values: What the header comment of the template lists, mostly `page`.
    """
    services, visit = services_of(request), visit_of(request)
    is_fragment = bool(block) and wants_fragment(request)
    shell = make_shell(request, title, crumbs=tuple(crumbs), flashes=tuple(flashes))
    if status >= _REFUSED and request.method == "POST":
        shell = msgspec.structs.replace(shell, read_url=came_from(request, ""))
    context = {
        **values,
        "shell": shell,
        **begin_page(visit),
        "request_path": request.url.path,
        "is_fragment": is_fragment,
    }
    found = services.environment.get_template(template)
    if is_fragment:
        text = "".join(found.blocks[block](found.new_context(context)))
    else:
        text = found.render(context)
    response = Response(
        text,
        status_code=status,
        media_type="text/html",
        headers={"Vary": "HX-Request, HX-Request-Type", **(headers or {})},
    )
    if visit.flash:
        response.delete_cookie(FLASH_COOKIE)
    return response


def came_from(request: AnyRequest, default: str = "/") -> str:
    """Answer the page of this site the request came from."""
    came = urlsplit(request.headers.get("referer", ""))
    if came.netloc != request.headers.get("host", "") or not came.path.startswith("/"):
        return default
    path = "/" + came.path.lstrip("/\\")
    return f"{path}?{came.query}" if came.query else path


def go(request: AnyRequest, url: str, flash: Flash | None = None) -> Response[Any]:
    """Send the browser to a local path after a successful POST; the message is shown there."""
    visit = visit_of(request)
    response: Response[Any]
    if wants_fragment(request):
        response = Response("", status_code=204, headers={"HX-Redirect": url})
    else:
        response = Redirect(url, status_code=303)
    if flash is not None and visit.session:
        response.set_cookie(
            key=FLASH_COOKIE,
            value=pack_flash(visit.session, flash),
            max_age=60,
            httponly=True,
            samesite="lax",
            secure=services_of(request).is_https,
        )
    return response
