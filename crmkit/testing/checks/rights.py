"""Whether policies and roles agree, and records are met at every door as far as they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.access.policies import differences
from crmkit.testing.matrix.assignment import Assignment
from crmkit.testing.matrix.rings import Rings
from crmkit.testing.matrix.stage import Stage, one_connection, undone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.testing.checks.trial import Trial

#: Its own records are all it reaches, so that a stranger's are a secret at every door.
_NARROW = "seller-own"


async def policies_hold(trial: Trial) -> AsyncIterator[str]:
    """Say where the site does something else than the plugin's policies say."""
    for each in differences(trial.running.site, trial.plugin):
        yield str(each)


async def records_are_met_as_policies_say(trial: Trial) -> AsyncIterator[str]:
    """Say which record is met where it should not be, or is not where it should; all is undone."""
    db = trial.running.db
    async with undone(db), one_connection(db):
        stage = await Stage(trial.running, trial.plugin).fill()
        for role in trial.running.site.roles:
            for plan in stage.entities:
                async for problem in Rings(stage, role).of_rows(plan):
                    yield problem
        boss = await stage.client("administrator")
        rings = Rings(stage, _NARROW, await stage.as_reader(_NARROW), boss)
        assignment = Assignment(stage, boss)
        for plan in stage.entities:
            async for problem in rings.of_records(plan, ["other"]):
                yield problem
            async for problem in rings.of_lists(plan, ["own", "other"]):
                yield problem
            async for problem in assignment.at_once(plan):
                yield problem
        async for problem in rings.of_common_pages():
            yield problem
