"""Adds the same field to people as its twin: the later of the two cannot load."""

from crmkit import Extension, ExtField, Plugin


class Twina(Plugin):
    def extensions(self):
        yield Extension("crm.person", fields=[ExtField("rank", int)])
