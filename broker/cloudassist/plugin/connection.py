"""The producer's connection of a command line call."""

from dataclasses import replace

import click

from cloudassist.client import Assistant
from cloudassist.settings import Settings


def settings_of(context: click.Context) -> Settings:
    """Return the settings that the celery command was started with; ``celery -b URL`` wins over the environment."""
    app = context.obj.app
    settings: Settings = app.settings
    return settings if app.conf.broker_url == settings.url else replace(settings, url=app.conf.broker_url)


def largest_page(context: click.Context) -> int:
    """Return how many rows a page may have: whoever wants all takes large ones."""
    return settings_of(context).page_size_maximum


def assistant_of(context: click.Context) -> Assistant:
    """Return the connection."""
    return Assistant(settings=settings_of(context))
