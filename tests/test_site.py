"""The site: built without a warning; its pages are there, and no link of it is dead.

They need the extra `docs`; `bash .ci/run site` has it.
"""

import html.parser
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import kerasrnn

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.stem for path in ROOT.glob("docs/api/*.rst"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not importlib.util.find_spec("furo"), reason="the extra docs is not installed"
    ),
]


class Page(html.parser.HTMLParser):
    """What a page refers to, and the places in it that others can refer to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.places, self.tags = set(), set(), set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.places.add(attributes.get("id"))
        target = attributes.get("href") or attributes.get("src")
        if target:
            (self.links if tag == "a" else self.loaded).add(target)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    result = subprocess.run(
        [*command, "-c", "docs", ".", folder],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_page_is_there(site):
    sources = [
        *("README.md", "README.ko.md", "CHANGELOG.md", "CONTRIBUTING.md"),
        *("docs/scale.md", "benchmarks/README.md", "zoo/README.md"),
        *(path.relative_to(ROOT) for path in ROOT.glob("tutorials/*.ipynb")),
        *(path.relative_to(ROOT) for path in ROOT.glob("zoo/*/*.md")),
    ]
    assert len(sources) > 35
    for source in sources:
        page = (site / source).with_suffix(".html").read_text(encoding="utf-8")
        text = (ROOT / source).read_text(encoding="utf-8")
        if str(source).endswith(".ipynb"):
            text = "\n".join(json.loads(text)["cells"][0]["source"])
        title = re.search(r"^# (.*)$", text, re.MULTILINE)[1]
        words = re.sub(r"<[^>]*>", "", re.search(r"<h1>(.*?)<a", page, re.DOTALL)[1])
        assert html.unescape(words).split() == title.replace("`", "").split()
    first = (site / "README.html").read_bytes()
    assert (site / "index.html").read_bytes() == first


def test_what_is_exported_is_described(site, pages):
    packages = set(kerasrnn.__all__) - {"__version__", "catalogue", "fetching"}
    assert set(PACKAGES) == packages
    for package in PACKAGES:
        places = pages[site / "docs" / "api" / f"{package}.html"].places
        module = importlib.import_module(f"kerasrnn.{package}")
        names = [name for name in module.__all__ if callable(getattr(module, name))]
        assert names and {f"kerasrnn.{package}.{name}" for name in names} <= places


def test_no_link_is_dead(site, pages):
    checked = 0
    for path, page in pages.items():
        for link in page.links | page.loaded:
            scheme, host, target, _, place = urlsplit(unquote(link))
            if scheme in ("http", "https", "data"):
                continue
            assert not host and not scheme, f"{path}: {link}"
            to = (path.parent / target).resolve() if target else path
            assert to.is_file() and to.is_relative_to(site), f"{path}: {link}"
            if place and to in pages:
                assert place in pages[to].places, f"{path}: {link}"
            checked += 1
    assert checked > 2000


def test_nothing_is_loaded_from_elsewhere(site, pages):
    loaded = {target for page in pages.values() for target in page.loaded}
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        loaded |= set(re.findall(r"url\(\s*[\"']?([^\"')]+)", text))
        assert "@import" not in text
    assert loaded
    assert not [t for t in loaded if "//" in t and not t.startswith("data:")]


def test_notebooks_show_their_figures_and_formulas(site, pages):
    for source in sorted(ROOT.glob("tutorials/*.ipynb")):
        path = site / "tutorials" / f"{source.stem}.html"
        cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
        outputs = [out for cell in cells for out in cell.get("outputs", ())]
        kinds = [kind for out in outputs for kind in out.get("data", ())]
        figures = sum(kind.startswith("image/") for kind in kinds)
        tags = [tag for tag, _ in pages[path].tags]
        assert tags.count("img") == figures
        written = "\n".join(
            "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
        )
        assert tags.count("math") >= written.count("$$") / 2


def test_pages_end_with_when_they_ran(site):
    for source in sorted(ROOT.glob("tutorials/*.ipynb")):
        notebook = json.loads(source.read_text(encoding="utf-8"))
        said = notebook["metadata"]["kerasrnn"]
        page = (site / "tutorials" / f"{source.stem}.html").read_text(encoding="utf-8")
        *_, last = re.findall(r"<p><em>(.*?)</em></p>", page)
        written = "".join(notebook["cells"][-1]["source"])
        assert f"*{html.unescape(last)}*" == written
        assert said["date"] in last and f"{said['seconds']:,}" in last


def test_pages_lead_to_the_other_language(site, pages):
    def language(name):
        tags = pages[site / name].tags
        (other,) = [a for tag, a in tags if tag == "a" and a.get("hreflang")]
        return dict(tags)["html"]["lang"], other["hreflang"], other["href"]

    assert language("README.html") == ("en", "ko", "README.ko.html")
    assert language("README.ko.html") == ("ko", "en", "README.html")
    assert language("docs/api/layers.html") == ("en", "ko", "../../README.ko.html")
    for source in ROOT.glob("tutorials/*.ko.ipynb"):
        english = f"{source.stem.removesuffix('.ko')}.html"
        assert language(f"tutorials/{source.stem}.html") == ("ko", "en", english)
        wanted = ("en", "ko", f"{source.stem}.html")
        assert language(f"tutorials/{english}") == wanted
