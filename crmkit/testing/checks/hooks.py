"""Each hook of a plugin misbehaves in turn: what it may break, and what it must refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import InvalidError
from crmkit.plugin.hookspecs import HOOKS, Kind, Plugin
from crmkit.testing.hostile import MODES, is_sync, misbehaving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from crmkit.testing.checks.trial import Trial

#: What is called when a plugin is switched, and asked there.
_LIFE = frozenset({
    "install", "after_upgrade", "enable", "disable", "demo_data", "before_upgrade",
    "before_purge", "startup", "shutdown",
})  # fmt: skip
_SERVER_ERROR, _UNAVAILABLE = 500, 503


def implemented(code: type[Plugin]) -> list[str]:
    """Answer the hooks a plugin implements, without those of its switching."""
    return [
        name
        for name in HOOKS
        if name not in _LIFE and getattr(code, name) is not getattr(Plugin, name)
    ]


async def no_hook_takes_pages_down(trial: Trial) -> AsyncIterator[str]:
    """Say which page of whom fails while a hook raises, sleeps or answers rubbish."""
    code = trial.code
    for hook in implemented(code):
        for mode in _modes(hook):
            with misbehaving(code, hook, mode):
                await trial.rebuild()
                if HOOKS[hook] in {Kind.ISOLATED, Kind.COMMITTED}:
                    wrong = await trial.unwell()
                elif HOOKS[hook] is Kind.REGISTRATION:
                    wrong = await _core_unwell(trial)
                else:
                    wrong = [each async for each in _half_written(trial)]
            for each in wrong:
                yield f"`{hook}` {_said(mode)}: {each}"
    await trial.rebuild()


def _modes(hook: str) -> Iterator[str]:
    for mode in MODES:
        if mode != "sleeps" or not is_sync(hook):
            yield mode


def _said(mode: str) -> str:
    return f"answers rubbish ({mode})" if mode.isdecimal() else mode


async def _core_unwell(trial: Trial) -> list[str]:
    """Without the plugin, pages of others answer."""
    client = await trial.client()
    found = []
    for name, plan in trial.running.site.entities.items():
        if plan.plugin not in {"core", trial.plugin}:
            status = (await client.get(f"/{name}")).status_code
            # A guard that is gone closes what it guards, on purpose.
            if status not in {200, _UNAVAILABLE if name in trial.running.site.guarded else 200}:
                found.append(f"/{name} answers {status}")
    return found


async def _half_written(trial: Trial) -> AsyncIterator[str]:
    """Write to every entity; what is refused leaves no row changed."""
    client = await trial.client()
    for entity in sorted(trial.records):
        if entity not in trial.running.site.entities:
            continue
        plan = trial.running.site.entity(entity)
        try:
            values = msgspec.to_builtins(await trial.samples.values(plan, least=True))
        except InvalidError:
            continue  # the hook refuses even what such a record would refer to
        for method, path, body in (
            ("POST", f"/api/v1/{entity}", values),
            ("DELETE", f"/api/v1/{entity}/{trial.records[entity]}", None),
        ):
            before = await trial.digest()
            answer = await client.request(method, path, json=body)
            if answer.status_code >= _SERVER_ERROR and answer.status_code != _UNAVAILABLE:
                yield f"{method} {path} answers {answer.status_code}"
            if answer.is_success:
                # Its own hooks misbehave, so the way back is a plain statement.
                await trial.running.db.execute(
                    f'UPDATE "{plan.tablename}" SET trashed_at = NULL WHERE id = $1',  # noqa: S608 - declared
                    trial.records[entity],
                )
            elif before != await trial.digest():
                yield f"{method} {path} was refused and has written something"
