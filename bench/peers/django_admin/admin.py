"""The pages: Django's, with search, import, export, and own and team rows for sellers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Q
from import_export import resources
from import_export.admin import ImportExportModelAdmin

from bench.peers.django_admin.models import Company, Note, Person

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class Notes(admin.TabularInline):
    """What was said to a person."""

    model = Note
    extra = 1


@admin.register(Company)
class CompanyAdmin(ImportExportModelAdmin):
    """Companies."""

    list_display = ("name", "sector", "city", "website")
    search_fields = ("name",)


class People(resources.ModelResource):
    """People as a file; the e-mail address says who is the same."""

    class Meta:
        """Of import and export."""

        model = Person
        import_id_fields = ("email",)
        fields = ("name", "job_title", "company__name", "email", "phone", "city")


@admin.register(Person)
class PersonAdmin(ImportExportModelAdmin):
    """People, those of one's own and one's team."""

    resource_classes = (People,)
    list_display = ("name", "job_title", "company", "email", "phone", "owner")
    list_select_related = ("company", "owner")
    list_per_page = 50
    search_fields = ("name",)
    autocomplete_fields = ("company",)
    raw_id_fields = ("owner", "team")
    inlines = (Notes,)
    skip_export_form = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Person]:
        """Answer what the person may see."""
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        teams = list(request.user.groups.values_list("id", flat=True))
        return rows.filter(Q(owner=request.user) | Q(team__in=teams))
