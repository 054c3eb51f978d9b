"""The same rows as crmkit's, as Django's tutorials would declare them."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models


class Company(models.Model):
    """Who one sells to."""

    name = models.CharField(max_length=200, db_index=True)
    sector = models.CharField(max_length=60, blank=True)
    city = models.CharField(max_length=100, blank=True)
    website = models.CharField(max_length=200, blank=True)

    class Meta:
        """Named in the menu."""

        verbose_name_plural = "companies"

    def __str__(self) -> str:
        """Answer the name."""
        return self.name


class Person(models.Model):
    """Who works there."""

    name = models.CharField(max_length=200, db_index=True)
    job_title = models.CharField(max_length=100, blank=True)
    company = models.ForeignKey(Company, models.SET_NULL, null=True, blank=True)
    email = models.CharField(max_length=200, blank=True, db_index=True)
    phone = models.CharField(max_length=60, blank=True)
    city = models.CharField(max_length=100, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    team = models.ForeignKey(Group, models.SET_NULL, null=True, blank=True)

    class Meta:
        """Named in the menu."""

        verbose_name_plural = "people"

    def __str__(self) -> str:
        """Answer the name."""
        return self.name


class Note(models.Model):
    """What was said."""

    person = models.ForeignKey(Person, models.CASCADE)
    text = models.TextField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        """Answer the text."""
        return self.text
