"""Calls hooks: one implementation after another, each named, timed and on its own."""

from __future__ import annotations

import asyncio
import re
import time
import types
from collections import deque
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pluggy
import structlog

from crmkit.errors import CrmkitError, HookFailedError, UnavailableError
from crmkit.plugin.hookspecs import HOOKS, NAMESPACE, HookSpecs, Kind, implements, is_optional

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping

    from crmkit.plugin.hookspecs import Plugin
    from crmkit.plugin.sql import Sql

_PLACE = re.compile(r"\$(\d+)")
_log = structlog.get_logger("crmkit.hooks")

#: Seconds an implementation may take; a page waits for an isolated one no longer than this.
ISOLATED_SECONDS = 2.0
TRANSACTION_SECONDS = 10.0
_SLOW_SECONDS = 0.2
#: So many failures in so many seconds silence an isolated implementation.
MOST_FAILURES = 20
FAILURE_SECONDS = 300.0


class _Manager(pluggy.PluginManager):
    """Registers what a plugin's class overrides; the marker is only for the order."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:  # noqa: ANN401 - pluggy's
        method = getattr(type(plugin), name, None)  # not what the object itself holds
        if not implements(plugin, name) or not (name in HOOKS or is_optional(method)):
            return None
        found = getattr(method, f"{self.project_name}_impl", None) or {}
        if found.get("wrapper") or found.get("hookwrapper"):
            # It would wrap the making of a coroutine, not its run (TRAPS H3).
            raise CrmkitError(f"{type(plugin).__name__}.{name}: hooks are no wrappers.")
        return {**_OPTIONS, **found}


class _Nobody:
    """A published hook that nobody implements."""

    @staticmethod
    def get_hookimpls() -> list[Any]:
        return []


_NOBODY = _Nobody()
_OPTIONS: Any = {
    "wrapper": False,
    "hookwrapper": False,
    "optionalhook": False,
    "tryfirst": False,
    "trylast": False,
    "specname": None,
}


@dataclass(slots=True)
class Implementation:
    """One plugin's method for one hook, with what was seen of it.

    Attributes:
        seconds: Spent in all calls.
        failures: Moments of the latest failures, by the monotonic clock.
        failed: How many failures there were.
        silenced: It failed too often and is no longer called.
    """

    plugin: str
    hook: str
    call: Callable[..., Any]
    calls: int = 0
    seconds: float = 0.0
    failures: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_FAILURES))
    failed: int = 0
    last_error: str = ""
    silenced: bool = False

    def note(self, begin: float) -> None:
        """Count a call that began at a moment of the monotonic clock."""
        taken = time.perf_counter() - begin
        self.calls += 1
        self.seconds += taken
        if taken > _SLOW_SECONDS:
            _log.warning(
                "hook is slow", plugin=self.plugin, hook=self.hook, seconds=round(taken, 3)
            )


class Dispatcher:
    """The plugins of one Site, asked in the order they were loaded.

    pluggy keeps them in order; its own call loses async results and stops at the first exception
    (TRAPS H1, H2), so calling is done here. The modes: `run` inside a transaction, `collect`
    isolated, `first` for the first answer, `conditions` and `denied` for security.
    """

    def __init__(
        self,
        plugins: Mapping[str, Plugin],
        quarantine: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        """Order the implementations.

        Args:
            quarantine: Plugin id to the parts that failed too often, each with its last error.
        """
        manager = _Manager(NAMESPACE)
        manager.add_hookspecs(HookSpecs)
        # pluggy calls the last registered first.
        for name in reversed(list(plugins)):
            manager.register(plugins[name], name)
        self.plugins = dict(plugins)
        published = {
            hook: Kind(kind)
            for plugin in plugins.values()
            for hook, kind in getattr(plugin, "publishes", {}).items()
        }
        #: Hooks of the contract, and those that plugins publish.
        self.kinds: Mapping[str, Kind] = {**HOOKS, **published}
        #: Told once when an implementation is silenced; must not raise or wait.
        self.on_silenced: Callable[[Implementation], None] = _tell_nobody
        self._declared: dict[tuple[str, str], Implementation] = {}
        self._plans: dict[str, tuple[Implementation, ...]] = {
            hook: tuple(
                Implementation(each.plugin_name, hook, each.function)
                for each in reversed(getattr(manager.hook, hook, _NOBODY).get_hookimpls())
            )
            for hook in self.kinds
        }
        for name, parts in quarantine.items():
            self._silence(name, parts)

    def _silence(self, plugin: str, parts: Mapping[str, str]) -> None:
        for part, error in parts.items():
            found = [each for each in self._plans.get(part, ()) if each.plugin == plugin]
            if part not in self.kinds:
                found = [Implementation(plugin, part, _never)]
                self._declared[plugin, part] = found[0]
            for each in found:
                each.silenced, each.last_error = True, error

    def implementations(self, hook: str) -> tuple[Implementation, ...]:
        """Answer those that implement a hook, in the order they are asked."""
        return self._plans[hook]

    def silenced(self) -> Iterator[Implementation]:
        """Answer those that failed too often and are no longer called."""
        yield from (each for each in self.seen() if each.silenced)

    def seen(self) -> Iterator[Implementation]:
        """Answer every implementation, and what was declared and called, with their counts."""
        for plan in self._plans.values():
            yield from plan
        yield from self._declared.values()

    async def run(self, hook: str, event: object) -> None:
        """Call all inside the caller's transaction; an exception rolls it back.

        Raises:
            Veto: As a plugin raised it.
            HookFailedError: A plugin failed otherwise, or took too long; names it.
        """
        for each in self._plans[hook]:
            await _strictly(each, event)

    async def answers(self, hook: str, event: object) -> list[tuple[str, Any]]:
        """As `run`, with what each plugin answered, "nothing" left out."""
        return [
            (each.plugin, answer)
            for each in self._plans[hook]
            if (answer := await _strictly(each, event)) is not None
        ]

    async def ask(self, plugin: str, hook: str, event: object) -> None:
        """Call the implementation of one plugin, as `run` does."""
        for each in self._plans[hook]:
            if each.plugin == plugin:
                await _strictly(each, event)

    async def first(self, hook: str, event: object) -> Any:  # noqa: ANN401 - of any hook
        """Ask one after another until one answers something else than None."""
        isolated = self.kinds[hook] is Kind.ISOLATED
        for each in self._plans[hook]:
            answer = await self._alone(each, event) if isolated else await _strictly(each, event)
            if answer is not None:
                return answer
        return None

    async def collect(
        self, hook: str, event: object, check: Callable[[Any], Any] | None = None
    ) -> list[tuple[str, Any]]:
        """Ask all; one that fails is recorded by name and left out, the others answer.

        Args:
            check: Makes what is used of an answer; raises when it is not of the right kind.

        Returns:
            (plugin id, answer) of those that answered something.
        """
        answers: list[tuple[str, Any]] = []
        for each in self._plans[hook]:
            answer = await self._alone(each, event, check)
            if answer:
                answers.append((each.plugin, answer))
        return answers

    async def attempt(
        self,
        plugin: str,
        name: str,
        event: object,
        call: Callable[..., Any],
        check: Callable[[Any], Any] | None = None,
    ) -> tuple[bool, Any]:
        """Call something a plugin declared, such as a panel, isolated as a hook is.

        Args:
            name: What it is, for the log: "panel balance".

        Returns:
            Whether it worked, and what it answered.
        """
        each = self._declared.get((plugin, name))
        if each is None:
            each = self._declared[plugin, name] = Implementation(plugin, name, call)
        # What is kept are the counts; the call is another one each time, about another record.
        return await self._try(each, call, event, check)

    async def _alone(
        self, each: Implementation, event: object, check: Callable[[Any], Any] | None = None
    ) -> Any:  # noqa: ANN401
        """Call an isolated implementation; a failure is recorded and answers None."""
        return (await self._try(each, each.call, event, check))[1]

    async def _try(
        self,
        each: Implementation,
        call: Callable[..., Any],
        event: object,
        check: Callable[[Any], Any] | None,
    ) -> tuple[bool, Any]:
        """Answer whether a call worked, and what it answered."""
        if each.silenced:
            return False, None
        begin = time.perf_counter()
        try:
            answer = await _within(ISOLATED_SECONDS, _savepoint_or_plain(call, event))
            return True, check(answer) if check is not None and answer is not None else answer
        except (UnavailableError, HookFailedError) as error:
            # Another plugin's failure, met while reading rows: no mark against this one.
            _log.info("hook gave up", plugin=each.plugin, hook=each.hook, error=repr(error))
            return False, None
        except Exception as error:  # noqa: BLE001 - isolation is what this is for
            self._record(each, error)
            return False, None
        finally:
            each.note(begin)

    def _record(self, each: Implementation, error: Exception) -> None:
        now = time.monotonic()
        each.failures.append(now)
        each.failed += 1
        each.last_error = repr(error)
        often = len(each.failures) == MOST_FAILURES and now - each.failures[0] < FAILURE_SECONDS
        # Calls that were under way when it was silenced may fail after that.
        is_first = often and not each.silenced
        each.silenced = each.silenced or often
        _log.error(
            "hook failed",
            plugin=each.plugin,
            hook=each.hook,
            error=repr(error),
            silenced=each.silenced,
        )
        if is_first:
            self.on_silenced(each)

    def conditions(self, event: Any) -> list[Sql]:  # noqa: ANN401 - a QueryEvent
        """Ask `filter_query` of all; each condition's placeholders follow the ones before.

        Raises:
            HookFailedError: A plugin failed: rows it may have wanted to hide are not shown.
        """
        found: list[Sql] = []
        for each in self._plans["filter_query"]:
            begin = time.perf_counter()
            try:
                answer = each.call(event)
                if answer is not None:
                    _check_places(answer, event.first)
                    event.first += len(answer.args)
                    found.append(answer)
            except Exception as error:
                raise _failed(each, error) from error
            finally:
                each.note(begin)
        return found

    async def denied(self, event: object) -> str:
        """Ask `check_access` of all; answer the id of the plugin that denies, or "".

        Raises:
            HookFailedError: A plugin failed.
        """
        for each in self._plans["check_access"]:
            answer = await _strictly(each, event)
            if answer not in (None, True, False):
                raise _failed(each, TypeError(f"answered {answer!r}, not True, False or None"))
            if answer is False:
                return each.plugin
        return ""


def _check_places(condition: Sql, first: int) -> None:
    """A condition that names another's argument would hide, or show, other rows than it says."""
    named = {int(number) for number in _PLACE.findall(condition.text)}
    if named != set(range(first, first + len(condition.args))):
        raise ValueError(
            f"{condition.text!r}: {len(condition.args)} arguments are numbered from ${first}"
        )


async def _never(_event: object) -> None:
    """Stands for what a plugin declared until that is called again."""


def _tell_nobody(_each: Implementation) -> None:
    """What is silenced shows in `silenced` of this process alone."""


async def _strictly(each: Implementation, event: object) -> Any:  # noqa: ANN401 - of any hook
    """Call an implementation whose failure is the caller's."""
    begin = time.perf_counter()
    try:
        return await _within(TRANSACTION_SECONDS, each.call(event))
    except (CrmkitError, UnavailableError):
        raise  # Veto and the other sentences of the tree are meant for the person
    except Exception as error:
        raise _failed(each, error) from error
    finally:
        each.note(begin)


def _failed(each: Implementation, error: Exception) -> HookFailedError:
    _log.error("hook failed", plugin=each.plugin, hook=each.hook, error=repr(error))
    return HookFailedError(each.plugin, each.hook)


async def _within(seconds: float, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
    """Run an implementation, for no longer than some seconds.

    Most look at the event, see that it is none of theirs and end without waiting for anything.
    Those cost no timer, which is dearer than all the rest of a call.
    """
    try:
        waiting = work.send(None)
    except StopIteration as done:
        return done.value
    async with asyncio.timeout(seconds):
        return await _rest(work, waiting)


@types.coroutine
def _rest(work: Coroutine[Any, Any, Any], waiting: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401
    """Go on with a coroutine that waits for something: hand that up, and what comes of it down."""
    while True:
        try:
            sent = yield waiting
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:  # noqa: BLE001 - also that it is cancelled is its business
            step: Callable[[Any], Any] = work.throw
            given: Any = error
        else:
            step, given = work.send, sent
        try:
            waiting = step(given)
        except StopIteration as done:
            return done.value


def _savepoint_or_plain(call: Callable[..., Any], event: Any) -> Coroutine[Any, Any, Any]:  # noqa: ANN401
    """Call an implementation; inside a transaction in a savepoint.

    SQL that fails in it then does not poison what the caller still writes (TRAPS C10).
    """
    ctx = getattr(event, "ctx", None)
    if ctx is None or not ctx.db.in_transaction:
        return call(event)  # type: ignore[no-any-return]
    return _in_savepoint(ctx, call, event)


async def _in_savepoint(ctx: Any, call: Callable[..., Any], event: object) -> Any:  # noqa: ANN401
    async with ctx.db.transaction():
        return await call(event)
