"""`crmkit new`: the first lines of a plugin and of an entity."""
