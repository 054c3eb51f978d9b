"""What plugin authors test with: whole sites, fixtures for pytest, and `crmkit plugin check`.

`pytest_plugins = ["crmkit.testing.fixtures"]` in a conftest.py brings the fixtures; nothing else
here needs pytest.
"""
