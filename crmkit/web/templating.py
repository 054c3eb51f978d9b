"""Where templates come from: the theme, its parents, the plugin, the core, in that order.

A template keeps its path in all of them: `record.html` is the core's, `loyalty/balance.html` of
the plugin loyalty. The original of an overridden one is `@core/record.html`, `@loyalty/...`.
"""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from jinja2 import BaseLoader, BytecodeCache, Environment, TemplateNotFound, TemplateSyntaxError
from markupsafe import Markup

from crmkit.web.themes import theme_chain

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2.bccache import Bucket

    from crmkit.config import Config
    from crmkit.plugin.site import Site
    from crmkit.web.services import Visit

    Source = tuple[str, str | None, Callable[[], bool] | None]

_CORE = Path(__file__).parent / "templates"
_log = structlog.get_logger("crmkit.templates")


class SiteLoader(BaseLoader):
    """Loads the templates of one Site.

    Attributes:
        broken: Path of a theme's template to why its original is shown instead.
    """

    def __init__(self, site: Site, config: Config) -> None:
        self._themes = [theme.folder / "templates" for theme in theme_chain(config)]
        self._plugins = {
            name: info.folder / "templates"
            for name, info in site.plugins.items()
            if info.is_on and info.folder is not None
        }
        self.broken: dict[str, str] = {}

    def get_source(self, environment: Environment, template: str) -> Source:
        """Answer a template's text.

        A template of a theme that does not compile is named in the log, and its original is
        shown: a page must not fall to its look.
        """
        for folder in self._themes if not template.startswith("@") else ():
            path = _inside(folder, template)
            if path is None:
                continue
            text = path.read_text(encoding="utf-8")
            try:
                environment.parse(text, template, str(path))
            except TemplateSyntaxError as error:
                self.broken[str(path)] = f"line {error.lineno}: {error.message}"
                _log.error("template of the theme left out", path=str(path), reason=str(error))
                continue
            return text, str(path), None
        path = self._original(template.removeprefix("@"), explicit=template.startswith("@"))
        if path is None:
            raise TemplateNotFound(template)
        return path.read_text(encoding="utf-8"), str(path), None

    def _original(self, name: str, *, explicit: bool) -> Path | None:
        owner, _, rest = name.partition("/")
        if owner in self._plugins:
            return _inside(self._plugins[owner], name)
        if explicit and owner == "core":
            return _inside(_CORE, rest)
        return None if explicit else _inside(_CORE, name)


class CompiledTemplates(BytecodeCache):
    """Compiled templates of this process, by what they are compiled from.

    Without it the first pages after each exchange of the Site would compile them all again, a
    quarter of a second while others wait.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill a bucket with what was compiled of the same text."""
        code = self._known.get((bucket.key, bucket.checksum))
        if code is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled; an older text of the same template goes."""
        for known in [each for each in self._known if each[0] == bucket.key]:
            self._known.pop(known, None)
        self._known[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


class VisitInForce:
    """What macros know about the page being made; as a global, it needs no import with context.

    A template that is imported with context is run again for each import, which cost each page
    a tenth of its time.
    """

    @property
    def nonce(self) -> str:
        """Of the content security policy."""
        return _in_force.get()[0]

    @property
    def csrf(self) -> str:
        """Token of this page's forms."""
        return _in_force.get()[1]


#: Nonce and token of the page being made.
_in_force: ContextVar[tuple[str, str]] = ContextVar("crmkit_page", default=("", ""))


def begin_page(visit: Visit) -> dict[str, Any]:
    """Set what macros know about the page, and answer the same for its template."""
    csrf = visit.csrf
    _in_force.set((visit.nonce, csrf))
    return {"csp_nonce": visit.nonce, "csrf_token": csrf}


def draw(environment: Environment, visit: Visit, template: str, values: dict[str, Any]) -> Markup:
    """Answer a part of a page, made by a template that escapes what it prints."""
    text = environment.get_template(template).render(
        **begin_page(visit), request_path="", is_fragment=False, **values
    )
    return Markup(text)  # noqa: S704 - the environment escapes


def _inside(folder: Path, name: str) -> Path | None:
    """Answer a file of a folder; a path that leads out of it is none."""
    if ".." in name.split("/") or name.startswith("/"):
        return None
    path = folder / name
    return path if path.is_file() else None
