"""The one app of the peer."""

from django.apps import AppConfig


class Sales(AppConfig):
    """Companies, people, notes."""

    name = "bench.peers.django_admin"
    label = "sales"
