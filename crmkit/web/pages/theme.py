"""The tokens of the site's theme as a stylesheet."""

from litestar import Response, get
from litestar.params import FromPath

from crmkit.errors import NotFoundError
from crmkit.web.policy import PUBLIC
from crmkit.web.services import AnyRequest, services_of
from crmkit.web.themes import theme_css, theme_url
from crmkit.web.translate import _

_FOREVER = "public, max-age=31536000, immutable"


@get("/theme/{name:str}", policy=PUBLIC)
async def theme_show(request: AnyRequest, name: FromPath[str]) -> Response[str]:
    """Answer the stylesheet; its address changes with its text."""
    css = theme_css(services_of(request).config)
    if not css or theme_url(css) != f"/theme/{name}":
        raise NotFoundError(_("There is no such stylesheet. Reload the page."))
    return Response(css, media_type="text/css", headers={"Cache-Control": _FOREVER})


HANDLERS = (theme_show,)
