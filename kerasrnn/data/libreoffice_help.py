"""TFDS builder `libreoffice_help`: LibreOffice's help in English and in others."""

import dataclasses
import hashlib
import html.parser
import pathlib
import re
import unicodedata

import tensorflow_datasets as tfds

from kerasrnn.data.splits import split_of
from kerasrnn.fetching import PackageFile, fetch_debian, open_debian, read_member

VERSION = "4:7.4.7-1+deb12u14"


@dataclasses.dataclass(frozen=True)
class Help:
    """The help in one language: its package, and what is read of it.

    Args:
        language: as the package calls it.
        name: of the language, in English.
        sha256: of the package.
        text_sha256: of the texts, as `digest` gives it; another version of the package
            will do if it has the same.
    """

    language: str
    name: str
    sha256: str
    text_sha256: str

    @property
    def package(self) -> PackageFile:
        """What to fetch."""
        package = f"libreoffice-help-{self.language}"
        return PackageFile(
            package=package,
            version=VERSION,
            filename=f"{package}_{VERSION.replace(':', '%3a')}_all.deb",
            sha256=self.sha256,
            source="libreoffice",
        )


HELP = {
    "en": Help(
        "en-us",
        "English",
        "8faa840285734d6cfe1ed25537b48f07e74bd6412e3917bf8e5f8a653f7b3712",
        "9673af94586dd38c5fcf1ed871c152633880d35c4d6a9fbd06a92c2b88795fe1",
    ),
    "de": Help(
        "de",
        "German",
        "00490b63c509ac96f7f212d6a6e40452d3e0d1f97ccf4b824dd5ec4c01e8277f",
        "4781fb10d2e9d9408580240ae7d6f427d0a9d78ed93d3fb6d9971a0a6ef60a1e",
    ),
    "es": Help(
        "es",
        "Spanish",
        "9128a84d83d92c8b1c618d90469d16affddb7d1290b09d42a0c5109cb16f0480",
        "03b2c69818bb90f556cc9111ece59a19eeecb2f2272d89d91c0a6a02b2b7f38a",
    ),
    "ko": Help(
        "ko",
        "Korean",
        "7ef2d854e9ed58e6bf861cfa9fa2579555233f9df874baf327fcb07ccd190669",
        "3e8a8447084ea2f2fb006879764aedafef5d0762d97cfb1d722d71af226a95fe",
    ),
}
SOURCE = "en"

_CITATION = """\
@misc{libreofficehelp2022,
  title  = {LibreOffice Help, version 7.4},
  author = {{The Document Foundation and contributors}},
  note   = {MPL-2.0},
  year   = {2022},
}
"""


class LibreofficeHelp(tfds.core.GeneratorBasedBuilder):
    """Headings and paragraphs of LibreOffice's help, and their translations.

    One config a language pair: `en_ko` (the default), `en_de` and `en_es`. Elements of
    the same page and `id` are translations of each other. Texts that nobody has
    translated yet are left out, and `info.metadata["left_out"]` counts them: those
    that are equal up to case and punctuation, and Korean ones without Hangul. So are
    texts without a letter. A pair that is on several pages counts once.

    Split by SHA-1 of the page (`swriter/guide/table_insert`), modulo 10: 0 test, 1
    validation, else train. What several pages share belongs to the first of them in
    alphabetical order, so that no English text is in two splits.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(
            name=f"{SOURCE}_{target}", description=f"English and {HELP[target].name}."
        )
        for target in ("ko", "de", "es")
    ]

    def _info(self):
        return self.dataset_info_from_configs(
            description=(
                "Headings and paragraphs of the help of LibreOffice 7.4, from the "
                "Debian packages libreoffice-help-en-us, -ko, -de and -es, without "
                "their mark-up. MPL-2.0."
            ),
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    **{language: tfds.features.Text() for language in self._languages},
                }
            ),
            supervised_keys=self._languages,
            citation=_CITATION,
            license="MPL-2.0",
            metadata=tfds.core.MetadataDict(),
        )

    @property
    def _languages(self):
        source, target = self.builder_config.name.split("_")
        return source, target

    def _split_generators(self, dl_manager):
        sources, targets = (
            read_help(fetch_help(HELP[language], dl_manager.download_dir))
            for language in self._languages
        )
        pairs, untranslated = distinct_pairs(sources, targets)
        if "ko" in self._languages:
            found = {
                pair: place for pair, place in pairs.items() if has_hangul(pair[1])
            }
            untranslated += len(pairs) - len(found)
            pairs = found
        self.info.metadata["left_out"] = {"untranslated": untranslated}
        splits = {"train": [], "validation": [], "test": []}
        for (source, target), (page, key) in pairs.items():
            texts = dict(zip(self._languages, (source, target), strict=True))
            splits[split_of(page)].append({"id": f"{page}#{key}", **texts})
        return {name: self._generate_examples(rows) for name, rows in splits.items()}

    def _generate_examples(self, examples):
        yield from enumerate(examples)


def fetch_help(help_in: Help, directory=None) -> pathlib.Path:
    """The path of a language's package on this machine, fetched if need be."""
    return fetch_debian(
        help_in.package,
        directory,
        same_content=lambda path: digest(read_help(path)) == help_in.text_sha256,
    )


def digest(texts: dict[tuple[str, str], str]) -> str:
    """SHA-256 of the texts of a package, in the order of page and `id`."""
    found = hashlib.sha256()
    for (page, key), text in sorted(texts.items()):
        found.update(f"{page}\0{key}\0{text}\0".encode())
    return found.hexdigest()


def distinct_pairs(sources, targets):
    """Each text and its translation, and where it is first.

    Args:
        sources: texts by page and `id`, in any order.
        targets: the same in another language.

    Returns:
        Of each pair, page and `id`; and how many elements of pages are not translated.
        All pairs with the same source have the page where that is first.

    Example:

    >>> english = {("a", "1"): "Yes", ("b", "1"): "Yes", ("b", "2"): "Ctrl+A"}
    >>> german = {("a", "1"): "Ja", ("b", "1"): "Jawohl", ("b", "2"): "Ctrl + A"}
    >>> distinct_pairs(english, german)
    ({('Yes', 'Ja'): ('a', '1'), ('Yes', 'Jawohl'): ('a', '1')}, 1)
    """
    first: dict[str, tuple[str, str]] = {}
    pairs: dict[tuple[str, str], tuple[str, str]] = {}
    untranslated = 0
    for place, source in sorted(sources.items()):
        first.setdefault(source, place)
        if place not in targets or not any(map(str.isalpha, source)):
            continue
        target = targets[place]
        if letters(source) == letters(target):
            untranslated += 1
        else:
            pairs.setdefault((source, target), first[source])
    return pairs, untranslated


def letters(text: str) -> str:
    """Letters and digits alone, without case."""
    return re.sub(r"[\W_]", "", text.casefold())


def has_hangul(text: str) -> bool:
    """Whether there is a Korean syllable in it."""
    return re.search("[가-힣]", text) is not None


def read_help(path) -> dict[tuple[str, str], str]:
    """The texts of a language's Debian package, by page and `id`."""
    texts = {}
    with open_debian(path) as archive:
        for member in archive:
            # ./usr/share/libreoffice/help/ko/text/swriter/main0000.html
            _, found, page = member.name.partition("/text/")
            if member.isfile() and found and page.endswith(".html"):
                content = read_member(archive, member).decode("utf-8")
                for key, text in page_texts(content).items():
                    texts[page.removesuffix(".html"), key] = text
    return texts


def page_texts(page: str) -> dict[str, str]:
    """The texts of a page's headings and paragraphs, by their `id`.

    Example:

    >>> page = '<div id="DisplayArea"><h1 id="hd">A <a href="b">link</a></h1></div>'
    >>> page_texts(page)
    {'hd': 'A link'}
    """
    parser = PageParser()
    parser.feed(page)
    parser.close()
    texts = {key: clean("".join(parts)) for key, parts in parser.texts.items()}
    return {key: text for key, text in texts.items() if text}


def clean(written: str) -> str:
    r"""What is written in an element as one line of text; "" where a part is missing.

    Example:

    >>> clean("Click the  icon\n .")
    'Click the icon.'
    >>> clean("See [text/shared/01/a.xhp#b not found].")
    ''
    """
    if re.search(r"\[text/\S+ not found\]", written):
        return ""
    text = unicodedata.normalize("NFC", written)
    # Marks of no width, such as where a line may break.
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    # A picture was before the comma.
    return re.sub(r" ([,.;:])(?= |$)", r"\1", " ".join(text.split()))


class PageParser(html.parser.HTMLParser):
    """Reads `texts`: of each heading and paragraph with an `id`, what is written in it.

    Where a text depends on the program or on the operating system, the one that is
    said of all others is taken.
    """

    WRITTEN = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6"))
    BLOCKS = WRITTEN | {"div", "ul", "ol", "li", "table", "tr", "td", "th", "pre"}
    VOID = frozenset(("br", "img", "input", "link", "meta", "hr"))

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.texts: dict[str, list[str]] = {}
        # Of each element that is open: its tag, the `id` of the text that it is or is
        # in, whether it is shown, and whether it offers one text of several.
        self.open: list[tuple[str, str | None, bool, bool]] = []

    def handle_starttag(self, tag, attrs):
        _, key, shown, switch = self.open[-1] if self.open else ("", None, False, False)
        given = dict(attrs)
        if tag in self.VOID:
            self.write(" " if tag == "br" else "")
            return
        if tag in self.BLOCKS:
            self.write(" ")
            key = given.get("id") if tag in self.WRITTEN else None
            # An `id` that a page has twice means the first.
            key = None if key in self.texts else key
            if key:
                self.texts[key] = []
        shown = shown or given.get("id") == "DisplayArea"
        if switch and given.get("class"):
            shown = False
        self.open.append((tag, key, shown, given.get("class") == "switchinline"))

    def handle_endtag(self, tag):
        tags = [open_tag for open_tag, *_ in self.open]
        if tag in tags:
            del self.open[len(tags) - 1 - tags[::-1].index(tag) :]
        if tag in self.BLOCKS:
            self.write(" ")

    def handle_data(self, data):
        self.write(data)

    def write(self, text):
        """Adds to the text of the element that is open."""
        if self.open and text:
            _, key, shown, _ = self.open[-1]
            if key and shown:
                self.texts[key].append(text)
