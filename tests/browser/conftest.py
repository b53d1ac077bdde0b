"""A browser in two sizes, what it must never meet, and another origin."""

import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.pages.conftest import demo_shop  # noqa: F401 - a fixture

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The chromium that TEST_BROWSER names."""
    started = playwright.chromium.launch(executable_path=os.environ["TEST_BROWSER"], args=["--no-sandbox"])
    yield started
    started.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=PHONE, has_touch=True, reduced_motion="reduce")  # type: ignore[arg-type]
    yield context
    context.close()


@pytest.fixture
def page(phone: BrowserContext) -> Page:
    """A page that no script of ours may break on, and that asks nobody but us and the PSP."""
    return watched(phone)


def watched(context: BrowserContext) -> Page:
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: pytest.fail(f"a script broke: {error}"))
    return page


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """Fails with what axe has against the page."""
    axe = Axe()

    def check(page: Page) -> None:
        found = axe.run(page).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []

    return check


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str, str], str]]:
    """Serves an HTML page, with a Content-Security-Policy, on an origin of its own; returns its address."""
    servers = []

    def serve(body: str, policy: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://localhost:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
