"""The JSON API: the same records, rules and rights as the pages, by the same functions."""
