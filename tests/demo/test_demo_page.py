"""The page in a real browser: what is typed is answered as Python answers.

They need Chromium, its driver and the package selenium; the check of accessibility
also the npm package axe-core, in the folder that ONNXRUNTIME_WEB names. Where
KERASRNN_BROWSER is set, a browser that is missing is an error.
"""

import base64
import contextlib
import io
import json
import os
import pathlib
import shutil
import time

import numpy as np
import pytest
from PIL import Image
from served_folder import served

from kerasrnn.demo import write_demo
from kerasrnn.inspection import (
    caption_attention,
    record,
    translation_attention,
    word_contributions,
)
from kerasrnn.zoo import (
    AttentionCaptioner,
    CharLanguageModel,
    SentimentClassifier,
    Seq2SeqAttention,
)

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).parents[2]
WEB = os.environ.get("ONNXRUNTIME_WEB")
SECTIONS = ("characters", "review", "translation", "picture")
PHONE, DESKTOP = (360, 740), (1100, 900)
# Nothing that the browser does for itself: an update, a look at its maker's pages.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def driver():
    program = shutil.which("chromium") or shutil.which("google-chrome")
    wanted = os.environ.get("KERASRNN_BROWSER")
    if not wanted and not (program and shutil.which("chromedriver")):
        pytest.skip("there is no Chromium with its driver")
    if not wanted:
        pytest.importorskip("selenium")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options, service)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(driver, tmp_path_factory):
    """Where the page of all models that ship is served."""
    folder = tmp_path_factory.mktemp("page")
    write_demo(folder)

    with served(folder) as address:
        yield address


@pytest.fixture
def page(driver, address):
    """The page, which afterwards has said nothing and asked nobody else."""
    from selenium.common.exceptions import NoSuchElementException

    page = Page(driver, address)
    yield page
    with contextlib.suppress(NoSuchElementException):
        assert not page.find("failure").text
    messages = [
        f"{entry['level']}: {entry['message']}" for entry in driver.get_log("browser")
    ]
    assert messages == []
    for entry in driver.get_log("performance"):
        event = json.loads(entry["message"])["message"]
        if event["method"] == "Network.requestWillBeSent":
            asked = event["params"]["request"]["url"]
            assert asked.startswith((address, "data:", "blob:")), asked


class Page:
    """What a user does with the page, and sees."""

    def __init__(self, driver, address):
        self.driver, self.address = driver, address

    def open(self, section, size=DESKTOP):
        """Show a section, and wait until its model has answered."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {**metrics, "mobile": size == PHONE}
        )
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}/#{section}")
        self.wait(section)
        return self

    def wait(self, section, seconds=300):
        """Until the section has nothing to do."""
        end = time.monotonic() + seconds
        while self.find(section).get_attribute("aria-busy") != "false":
            assert not self.find("failure").text, self.find("failure").text
            assert time.monotonic() < end, self.find(section).text
            time.sleep(0.02)

    def find(self, name):
        from selenium.webdriver.common.by import By

        return self.driver.find_element(By.ID, name)

    def all(self, selector):
        from selenium.webdriver.common.by import By

        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        # Of what is folded up, too.
        return [element.get_attribute("textContent") for element in self.all(selector)]

    def type(self, name, text):
        self.find(name).clear()
        self.find(name).send_keys(text)

    def press(self, *keys):
        from selenium.webdriver import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def point_at(self, element):
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).move_to_element(element).perform()

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    @property
    def focused(self):
        return self.driver.switch_to.active_element


def keys():
    from selenium.webdriver import Keys

    return Keys


def test_a_section_fetches_what_it_needs_and_no_more(page):
    page.open("review")
    fetched = page.run(
        "return performance.getEntriesByType('resource')"
        ".map((entry) => [entry.name, entry.encodedBodySize])"
    )
    names = [name for name, _ in fetched]
    # What the other sections need is not fetched before they are opened.
    assert not [name for name in names if "translate" in name or "chars" in name]
    assert [name for name in names if "sentiment" in name]
    # The runtime and a model, over loopback in a second or two.
    assert 5e6 < sum(size for _, size in fetched) < 30e6
    page.find("tab-characters").click()
    page.wait("characters")


def test_characters(page):
    from selenium.webdriver.support.select import Select

    text = "/* a page */\nif (x)\n  return"
    page.open("characters")
    page.type("characters-text", text)
    page.wait("characters")
    model = CharLanguageModel.from_preset("chars-kernel-c")
    page.type("cell-unit", "173")
    Select(page.find("cell-kind")).select_by_visible_text("cell")
    values = record(model, text).unit("cell", layer=0, unit=173)
    first = page.all("#coloured [role=option]")[0]
    assert len(page.all("#coloured [role=option]")) == len(text)
    page.run("arguments[0].focus()", first)
    for place, value in enumerate(values):
        told = page.find("characters-readout").text
        assert f"character {place + 1}," in told
        held = float(told.split("holds ")[1].split(". ")[0].replace("−", "-"))
        assert held == pytest.approx(value, abs=0.011)
        page.press(keys().ARROW_RIGHT)
    likeliest = model.generate(text, length=1, temperature=0)
    likeliest = {" ": "space", "\n": "line feed"}.get(likeliest, f"“{likeliest}”")
    assert f"The model expects {likeliest} " in told
    # At temperature 0 there is nothing to draw.
    page.find("temperature").send_keys(keys().HOME)
    page.find("write").click()
    page.wait("characters")
    written = page.find("characters-text").get_attribute("value")
    assert written == text + model.generate(text, length=200, temperature=0)
    assert len(page.all("#coloured .written")) == 200


def test_the_other_character_model(page):
    from selenium.webdriver.support.select import Select

    page.open("characters")
    Select(page.find("characters-model")).select_by_visible_text("chars-shakespeare")
    page.wait("characters")
    page.type("characters-text", "HAMLET.\nTo be, or")
    page.wait("characters")
    # The page's model has no cache of what it has read.
    model = CharLanguageModel.from_preset("chars-shakespeare", cache_size=0)
    page.find("temperature").send_keys(keys().HOME)
    page.find("write").click()
    page.wait("characters")
    written = page.find("characters-text").get_attribute("value")
    text = "HAMLET.\nTo be, or"
    assert written == text + model.generate(text, length=200, temperature=0)


def test_a_review(page):
    model = SentimentClassifier.from_preset("sentiment-movies")
    page.open("review")
    for text in ("Not a good film, xyzzy!", "a delight", "", "dull and far too long"):
        page.type("review-text", text + " ")
        page.press(keys().BACK_SPACE)
        page.wait("review")
        found = word_contributions(model, text)
        share = round(100 * float(found.probabilities.max()))
        told = page.all("#review [data-status]")[0].text
        label = model.labels[int(found.probabilities.argmax())]
        assert told == f"{label}, {share} %."
        rows = page.texts("#review-table tbody tr")
        assert len(rows) == len(found.words)
        for row, without, odds in zip(
            rows, found.without[:, 1], found.of(1), strict=True
        ):
            *_, shown = row.partition("%")
            assert f"{100 * without:.1f} %" in row
            assert float(shown.replace("−", "-")) == pytest.approx(odds, abs=0.011)
    word = page.all("#review-words [role=option]")[0]
    page.point_at(word)
    assert "“dull” lowers “positive”" in page.find("review-readout").text


def test_a_translation(page):
    model = Seq2SeqAttention.from_preset("translate-en-es")
    text = "And the king said to him, Don't be afraid."
    page.open("translation")
    page.type("translation-text", text)
    page.press(keys().ENTER)
    page.wait("translation")
    assert page.all("#translation [data-status]")[0].text == model.generate(text)
    (seen,), (source,), (target,) = translation_attention(
        model, [text], merge_pieces=True
    )
    shown = [[*words[:-1], "(end)"] for words in (source, target)]
    assert page.texts("#source-words [role=option]") == shown[0]
    assert page.texts("#target-words [role=option]") == shown[1]
    cells = page.texts("#translation-table td")
    shares = np.array([float(cell.rstrip(" %")) for cell in cells]) / 100
    np.testing.assert_allclose(shares.reshape(seen.shape), seen, atol=0.0051)
    word = page.all("#target-words [role=option]")[2]
    page.point_at(word)
    best = shown[0][int(seen[2].argmax())]
    told = page.find("translation-readout").text
    assert told.startswith(f"“{shown[1][2]}” looked at: “{best}”")
    # The same by keys, from the other side.
    page.run("arguments[0].focus()", page.all("#source-words [tabindex='0']")[0])
    page.press(keys().END, keys().ARROW_LEFT)
    told = page.find("translation-readout").text
    assert told.startswith(f"“{shown[0][-2]}” was looked at for: ")
    language = page.find("target-words").get_attribute("lang")
    assert language == "es"


def test_pictures(page, tmp_path):
    model = AttentionCaptioner.from_preset("caption-stamps-attention")
    page.open("picture")
    for button in page.all("#gallery button")[:3]:
        button.click()
        page.wait("picture")
        said = page.find("caption").text
        url = page.run("return document.getElementById('seen').toDataURL()")
        pixels = np.asarray(
            Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB")
        )
        assert pixels.shape == (224, 224, 3)
        assert said == model.generate(pixels, verbose=0)
        expected = caption_attention(model, pixels)
        assert page.texts("#caption-words [role=option]") == expected.words
        page.run("arguments[0].focus()", page.all("#caption-words [role=option]")[0])
        most = round(100 * float(expected.alignments[0].max()))
        assert f": {most} % of its attention" in page.find("picture-readout").text
        lit = page.run("return document.getElementById('seen').toDataURL()")
        assert lit != url
    own = tmp_path / "own.png"
    gallery = ROOT / "zoo" / "caption-stamps-attention" / "figures" / "gallery.png"
    Image.open(gallery).crop((352, 930, 638, 1215)).save(own)
    page.find("picture-file").send_keys(str(own))
    page.wait("picture")
    assert page.find("caption").text == model.generate(own, verbose=0)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_phone_needs_no_scrolling_sideways(page, section):
    page.open(section, PHONE)
    width = page.run("return document.documentElement.scrollWidth")
    assert width <= PHONE[0]
    outside = page.run(
        """
        const most = arguments[0];
        const right = (element) => element.getBoundingClientRect().right;
        return [...document.querySelectorAll("body *")]
          .filter((element) => !element.closest(".wide") && right(element) > most)
          .map((element) => element.outerHTML.slice(0, 80));
        """,
        PHONE[0] + 0.5,
    )
    assert outside == []
    # Large enough for a finger.
    small = page.run(
        """
        return [...document.querySelectorAll("button, select, textarea, summary")]
          .filter((element) => element.checkVisibility() && element.offsetHeight < 44)
          .map((element) => element.outerHTML.slice(0, 80));
        """
    )
    assert small == []


@pytest.mark.parametrize("section", SECTIONS)
def test_all_is_reached_by_the_keyboard(page, section):
    page.open("characters")
    # An address that names a section would let Tab begin there.
    page.driver.get("about:blank")
    page.driver.get(page.address)
    page.wait("characters")
    page.press(keys().TAB)
    assert page.focused.get_attribute("id") == "tab-characters"
    page.press(*[keys().ARROW_RIGHT] * SECTIONS.index(section))
    assert page.focused.get_attribute("id") == f"tab-{section}"
    page.wait(section)
    wanted = set(
        page.run(
            """
            const fields = "button, input, select, textarea, summary, [tabindex='0']";
            const shown = [...document.querySelectorAll(fields)].filter(
              (element) =>
                element.checkVisibility() && !element.disabled && element.tabIndex >= 0,
            );
            shown.forEach((element, number) => (element.dataset.number = number));
            return shown.map((element) => element.dataset.number);
            """
        )
    )
    reached = set()
    for _ in range(2 * len(wanted) + 5):
        reached.add(page.focused.get_attribute("data-number"))
        style = page.run("return getComputedStyle(document.activeElement).outlineStyle")
        if page.focused.tag_name != "body":
            assert style not in ("none", ""), page.focused.get_attribute("outerHTML")
        page.press(keys().TAB)
    assert wanted <= reached


@pytest.mark.parametrize("section", SECTIONS)
def test_it_can_be_read_by_everybody(page, section):
    axe = pathlib.Path(WEB or "", "node_modules", "axe-core", "axe.min.js")
    if WEB is None or not axe.is_file():
        pytest.skip("ONNXRUNTIME_WEB names no folder with axe-core")
    page.open(section)
    page.run(axe.read_text("utf-8"))
    found = page.driver.execute_async_script(
        "axe.run().then((found) => arguments[0](found.violations))"
    )
    told = [f"{x['id']}: {x['nodes'][0]['html']}" for x in found]
    assert told == []
