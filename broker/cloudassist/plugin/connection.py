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


def assistant_of(context: click.Context) -> Assistant:
    """Return the connection."""
    return Assistant(settings=settings_of(context))
