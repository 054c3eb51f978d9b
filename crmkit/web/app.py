"""The application: handlers, checks before them, errors after them, the guard around all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State

from crmkit.web.api.handlers import HANDLERS as API_HANDLERS
from crmkit.web.assets import serve_static
from crmkit.web.errors import handle_error
from crmkit.web.pages import HANDLERS
from crmkit.web.plugin_files import PluginFiles
from crmkit.web.policy import check_policy, list_routes
from crmkit.web.render import make_environment
from crmkit.web.security.csrf import check_form
from crmkit.web.security.guard import Guard
from crmkit.web.services import Services

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar.types import ControllerRouterHandler

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site
    from crmkit.web.services import AnyRequest, Exchange

#: Bytes of a form; the upload of an import has its own limit.
_LARGEST_FORM = 2 * 1024 * 1024
#: Of gzip: a list of 50 rows takes under a millisecond and shrinks to a tenth.
_LEVEL = 4


async def _before(request: AnyRequest) -> None:
    await check_policy(request)
    await check_form(request)


def create_app(
    site: Site,
    db: Database,
    config: Config,
    *,
    more: Sequence[ControllerRouterHandler] = (),
    owner_dsn: str = "",
    exchange: Exchange | None = None,
) -> Litestar:
    """Build the application for one Site.

    Args:
        more: Handlers besides the built-in ones and those of the plugins.
        owner_dsn: Address of the owner of the tables, for switching plugins.
        exchange: Exchanges this application for one of the Site as the database now says.

    Raises:
        PolicyMissingError: A handler does not say who may call it.
    """
    files = PluginFiles(site)
    environment = make_environment(site, config, files)
    services = Services(site, db, config, environment, owner_dsn, exchange)
    own = (handler for _, handler in site.contributions["routes"])
    app = Litestar(
        [*HANDLERS, *API_HANDLERS, *own, *more],
        before_request=_before,
        exception_handlers={Exception: handle_error},
        openapi_config=None,
        compression_config=CompressionConfig(
            backend="gzip", gzip_compress_level=_LEVEL, exclude=["^/live$"]
        ),
        request_max_body_size=_LARGEST_FORM,
        state=State({"services": services}),
        logging_config=None,
    )
    list_routes(app)
    app.asgi_handler = Guard(serve_static(app.asgi_handler, files), services)
    return app
