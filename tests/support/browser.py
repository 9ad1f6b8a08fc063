"""A real Chromium without a window, where one is installed; driven by playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1280, 720
SECONDS = 15.0
"""Seconds that anything on a page is waited for."""


class Browser:
    """One tab. ``texts`` is all that the server has sent to it, by address."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.texts: dict[str, str] = {}
        page.set_default_timeout(1000 * SECONDS)
        page.on("requestfinished", self._keep)

    def _keep(self, request: object) -> None:
        response = request.response()  # type: ignore[attr-defined]
        kind = response.headers.get("content-type", "") if response else ""
        if "html" in kind or "json" in kind:
            self.texts[response.url] = response.text()

    def picture(self, path: Path) -> None:
        """Write what is seen to a PNG file."""
        self.page.screenshot(path=path)


def chromium() -> str:
    """Return where the browser is; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser on this machine: none of {', '.join(NAMES)}")
    return found


@contextmanager
def browser(**options: object) -> Iterator[Browser]:
    """Yield a new browser; ``options`` are those of a playwright context, as http_credentials."""
    path = chromium()
    with sync_playwright() as playwright:
        # As root there is no sandbox; the pages are our own.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        context = started.new_context(viewport={"width": WIDTH, "height": HEIGHT}, **options)  # type: ignore[arg-type]
        try:
            yield Browser(context.new_page())
        finally:
            started.close()
