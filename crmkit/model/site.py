"""What a Context asks of the Site, so that declarations need not import the build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.role import Role


class SiteLike(Protocol):
    """The part of a Site that reads and writes need."""

    @property
    def entities(self) -> Mapping[str, Any]:
        """Entity name to plan."""

    @property
    def hooks(self) -> Any:  # noqa: ANN401 - the dispatcher of the plugin layer
        """The dispatcher."""

    @property
    def extensions(self) -> Any:  # noqa: ANN401 - of the plugin layer
        """What plugins add to entities."""

    @property
    def plugins(self) -> Mapping[str, Any]:
        """Every plugin that is known, by id."""

    @property
    def failed(self) -> Mapping[str, str]:
        """Plugin that is wanted and cannot load to the reason."""

    @property
    def contributions(self) -> Mapping[str, tuple[tuple[str, Any], ...]]:
        """What each registration hook gave, with the plugin's id."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Whole name to metric."""

    @property
    def guarded(self) -> Mapping[str, str]:
        """Entity name to the plugin that protects its rows and cannot load."""

    @property
    def choice(self) -> Any:  # noqa: ANN401 - of the plugin layer
        """What the Site is made of besides code."""

    @property
    def roles(self) -> Mapping[str, Role]:
        """Role name to role."""

    def entity(self, name: str) -> Any:  # noqa: ANN401
        """Answer an entity's plan."""

    def settings(self, kind: type[Any]) -> Any:  # noqa: ANN401 - an instance of it
        """Answer a plugin's settings."""
