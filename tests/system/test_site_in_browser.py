"""The documentation as a reader meets it: every page of the built site in Chromium."""

import functools
import http.server
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here"),
]


class Page(HTMLParser):
    """A page as the browser shows it: its links, what it loads, its anchors, its heading and its navigation."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.anchors, self.tags = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.anchors.add(attributes.get("id"))
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if tag in {"script", "img", "link"}:
            self.loads += [attributes[name] for name in ("src", "href") if attributes.get(name)]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_words):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return (folder of the built site, its address)."""
    pytest.importorskip("mkdocs", reason="MkDocs is not installed; tox -e system installs it")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def pages(site, tmp_path_factory):
    """Return address → (the page, what the browser's console said of it)."""
    folder, base = site
    profile = tmp_path_factory.mktemp("profile")
    shown = {}
    for file in sorted(folder.rglob("*.html")):
        address = base + file.relative_to(folder).as_posix()
        done = subprocess.run(
            [BROWSER, *QUIET, f"--user-data-dir={profile}", "--enable-logging=stderr", "--dump-dom", address],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        shown[address] = Page(done.stdout), re.findall(r"CONSOLE.*", done.stderr)
    return shown


def test_every_page_has_a_heading_and_the_navigation_and_no_complaint(pages):
    assert len(pages) > 40
    assert [address for address, (page, _) in pages.items() if not {"h1", "nav"} <= set(page.tags)] == []
    assert {address: said for address, (_, said) in pages.items() if said} == {}


def test_every_link_and_anchor_leads_somewhere(site, pages):
    folder, base = site
    broken = []
    for address, (page, _) in pages.items():
        for link in page.links:
            target, anchor = urldefrag(urljoin(address, link))
            if target.startswith(base):
                target += "index.html" if target.endswith("/") else ""
                known = (folder / target.removeprefix(base)).is_file()
                if not known or (anchor and target in pages and anchor not in pages[target][0].anchors | {"__top"}):
                    broken.append((address, link))

    assert broken == []


def test_no_page_loads_anything_from_another_host(site, pages):
    _, base = site

    foreign = {
        (address, load)
        for address, (page, _) in pages.items()
        for load in page.loads
        if not urljoin(address, load).startswith((base, "data:"))
    }

    assert foreign == set()
