"""The built pages in a real browser: readable by all, in both themes, wide and on a phone.

They drive a Chromium that is already installed; where there is none, they are skipped by name.
"""

import functools
import http.server
import shutil
import threading

import pytest
from pages import toc_pages

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="page checks: no Chromium found")

PAGES = [*toc_pages(), "search", "genindex", "py-modindex"]
WIDTHS = {"wide": 1280, "phone": 390}
# Beyond axe-core's usual rules: what is written on a button is part of what it is called.
# Without preload: reading the style sheets again, axe asks for addresses that do not exist.
AXE = {"preload": False, "rules": {"label-content-name-mismatch": {"enabled": True}}}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(book):
    handler = functools.partial(Quiet, directory=book)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Root, as in a container, may only run Chromium without its sandbox.
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=["light", "dark"])
def theme(request):
    return request.param


@pytest.fixture(scope="module", params=list(WIDTHS))
def window(request, theme, browser):
    """A browser window of one width in one theme."""
    window = browser.new_context(
        viewport={"width": WIDTHS[request.param], "height": 900}, color_scheme=theme
    )
    window.add_init_script(f"localStorage.mode = localStorage.theme = '{theme}'")
    yield window
    window.close()


def open_tab(window):
    """A new page that keeps what it asks for and what it complains of."""
    tab = window.new_page()
    tab.requests, tab.complaints = [], []
    tab.on("request", lambda request: tab.requests.append(request.url))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))

    def listen(message):
        if message.type in ("error", "warning"):
            tab.complaints.append(message.text)

    tab.on("console", listen)
    return tab


@pytest.fixture
def tab(window):
    tab = open_tab(window)
    yield tab
    tab.close()


@pytest.fixture
def plain_tab(browser):
    window = browser.new_context()
    yield open_tab(window)
    window.close()


def unfold(tab) -> None:
    """Open what is folded away, so that it is looked at too, and let it come to rest."""
    tab.evaluate(
        """async () => {
            for (const details of document.querySelectorAll("details")) details.open = true;
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            for (const animation of document.getAnimations()) animation.finish();
        }"""
    )


@pytest.mark.parametrize("name", PAGES)
def test_page(tab, address, theme, name):
    from axe_playwright_python.sync_playwright import Axe

    tab.goto(f"{address}/{name}.html")
    assert tab.locator("html").get_attribute("data-theme") == theme
    formulas = tab.locator(".bd-article .math").count()
    if formulas:
        tab.evaluate("MathJax.startup.promise")
    assert tab.locator(".bd-article .math mjx-container").count() == formulas
    assert not tab.complaints
    assert [url for url in tab.requests if not url.startswith((address, "data:"))] == []

    root = "document.documentElement"
    assert tab.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
    links = "[...document.querySelectorAll('.prev-next-area a')]"
    cut_off = f"{links}.filter(a => a.scrollWidth > a.clientWidth).map(a => a.innerText)"
    assert tab.evaluate(cut_off) == []

    unfold(tab)
    violations = Axe().run(tab, options=AXE).response["violations"]
    assert not [
        f"{found['help']}: {node['html'][:150]}"
        for found in violations
        for node in found["nodes"][:3]
    ]


def test_search_finds_the_chapter(plain_tab, address):
    plain_tab.goto(f"{address}/search.html?q=residual+block")
    plain_tab.wait_for_selector("#search-results a[href*='notebooks/residual_block.html']")
    assert not plain_tab.complaints


def test_pages_work_from_the_disk(plain_tab, book):
    plain_tab.goto((book / "notebooks" / "residual_block.html").as_uri())
    plain_tab.wait_for_selector("mjx-container")
    assert not plain_tab.complaints
    plain_tab.goto((book / "search.html").as_uri() + "?q=residual+block")
    plain_tab.wait_for_selector("#search-results a[href*='notebooks/residual_block.html']")
    assert all(url.startswith(("file:", "data:")) for url in plain_tab.requests)
