"""The least a page can cost on the same parts: one statement, one template, no framework."""
