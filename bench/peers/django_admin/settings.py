"""Settings of the peer; where its database lies comes from the environment."""

import os

SECRET_KEY = "of the bench alone"  # noqa: S105 - guards sample data on loopback
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "bench.peers.django_admin.urls"
WSGI_APPLICATION = "bench.peers.django_admin.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "import_export",
    "bench.peers.django_admin.apps.Sales",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("BENCH_DJANGO_DATABASE", ""),
        "HOST": os.environ.get("BENCH_DJANGO_HOST", ""),
        "PORT": os.environ.get("BENCH_DJANGO_PORT", ""),
        "USER": "crmkit_owner",
        "CONN_MAX_AGE": None,
    }
}
# Its tables are made anew for each database, so nothing has to be migrated.
MIGRATION_MODULES = {"sales": None}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024 * 1024
STATIC_URL = "/static/"
USE_TZ = True
