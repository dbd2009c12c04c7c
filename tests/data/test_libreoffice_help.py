import hashlib

import pytest
import tensorflow_datasets as tfds
from written_packages import deb

from kerasrnn.data import libreoffice_help, load_translation
from kerasrnn.data.libreoffice_help import (
    HELP,
    digest,
    distinct_pairs,
    page_texts,
    read_help,
)

PAGE = """<html><body><p id="outside">Not of the help.</p>
<div id="DisplayArea"><a name="x"></a>{}</div>
<footer><p id="bm_module" dir="auto">Nor this.</p></footer></body></html>"""
# Page, `id` and text in English, German and Korean.
TEXTS = [
    ("guide/table", "hd_1", "Inserting Tables", "Tabellen einfügen", "표 삽입"),
    (
        "guide/table",
        "par_2",
        "Click <i>OK</i>.",
        "Auf OK klicken.",
        "확인을 클릭.",
    ),
    # A copy of what is on a later page, there with another translation.
    ("shared/a", "par_1", "See also.", "Siehe auch.", "참고."),
    ("shared/b", "par_7", "See also.", "Siehe dort.", "참고."),
    # Not translated, or not in Korean.
    ("shared/b", "par_8", "Ctrl+F7", "Ctrl + F7", "Ctrl+ F7"),
    ("shared/b", "par_9", "RATE", "ZINS", "ZINS"),
    ("shared/b", "par_10", "= 5", "= fünf", "= 다섯"),
]
PAIRS = {
    ("guide/table#hd_1", "Inserting Tables", "Tabellen einfügen"),
    ("guide/table#par_2", "Click OK.", "Auf OK klicken."),
    ("shared/a#par_1", "See also.", "Siehe auch."),
    ("shared/a#par_1", "See also.", "Siehe dort."),
    ("shared/b#par_9", "RATE", "ZINS"),
}
# More pages, so that there is one in each split.
for page in range(30):
    texts = f"Page no. {page}", f"Seite {page}", f"{page}쪽"
    TEXTS.append((f"guide/{page}", "par_1", *texts))
    PAIRS.add((f"guide/{page}#par_1", *texts[:2]))


@pytest.fixture
def packages(tmp_path, monkeypatch):
    paths = {}
    for column, language in enumerate(("en", "de", "ko"), 2):
        pages = {}
        for row in TEXTS:
            text = f'<p id="{row[1]}">{row[column]}</p>'
            pages[row[0]] = pages.get(row[0], "") + text
        root = f"./usr/share/libreoffice/help/{language}"
        files = {
            f"{root}/text/{page}.html": PAGE.format(text).encode()
            for page, text in pages.items()
        }
        package = HELP[language].package
        paths[package] = tmp_path / package.filename
        paths[package].write_bytes(deb(files | {f"{root}/index.html": b"<p id='a'>b"}))

    def fetch(file, folder, same_content):
        return paths[file]

    monkeypatch.setattr(libreoffice_help, "fetch_debian", fetch)
    return tmp_path / "data"


def test_tfds_loads_it_by_name(packages):
    splits, info = tfds.load(
        "libreoffice_help/en_de", data_dir=packages, with_info=True
    )
    found = set()
    for split, dataset in splits.items():
        for row in tfds.as_numpy(dataset):
            key, english, german = (row[k].decode() for k in ("id", "en", "de"))
            found.add((key, english, german))
            digit = int(hashlib.sha1(key.partition("#")[0].encode()).hexdigest(), 16)
            assert split == {0: "test", 1: "validation"}.get(digit % 10, "train")
    assert found == PAIRS
    assert info.metadata["left_out"] == {"untranslated": 1}
    assert info.redistribution_info.license == "MPL-2.0"


def test_what_is_in_korean(packages):
    name = "libreoffice_help/en_ko"
    splits = [
        load_translation(name, split, data_dir=packages)
        for split in ("train", "validation", "test")
    ]
    pairs = {
        pair for part in splits for pair in zip(part.sources, part.targets, strict=True)
    }
    assert len(pairs) == 33 and ("Page no. 3", "3쪽") in pairs
    assert "RATE" not in dict(pairs) and dict(pairs)["See also."] == "참고."
    assert splits[0].languages == ("en", "ko")
    info = tfds.builder(name, data_dir=packages).info
    assert info.metadata["left_out"] == {"untranslated": 2}


def test_it_is_registered_with_korean_first():
    assert tfds.builder("libreoffice_help").builder_config.name == "en_ko"


SWITCH = (
    'Press <span class="switchinline"><span hidden="true" class="MAC">Command</span>'
    '<span hidden="true" id="default1"><b>Ctrl</b></span></span>+A'
)


@pytest.mark.parametrize(
    "html, text",
    [
        ("a <b>bold</b><i>er</i> claim", "a bolder claim"),
        ("A&amp;B &lt;C&gt;\u200b\u00a0x", "A&B <C> x"),
        ("one<br>two", "one two"),
        ('the icon <img src="x.svg"> .', "the icon."),
        ("f(a ; b)", "f(a; b)"),
        ("a file .txt", "a file .txt"),
        ("over\n   lines\t ", "over lines"),
        (SWITCH, "Press Ctrl+A"),
        ("Cafe\u0301", "Café"),
    ],
)
def test_what_is_written_in_a_paragraph(html, text):
    assert page_texts(PAGE.format(f'<p id="par">{html}</p>')) == {"par": text}


def test_paragraphs_are_apart():
    page = PAGE.format(
        '<p id="a">before <div class="embedded"><p>no id</p><p id="b">in</p></div></p>'
        '<ul><li>loose<p id="c">item</p></li></ul><p id="a">again</p><p id="d"> </p>'
        '<p id="e">[text/shared/01/x.xhp#y not found].</p><pre id="f">code</pre>'
    )
    assert page_texts(page) == {"a": "before", "b": "in", "c": "item"}


def test_an_english_text_is_of_one_page():
    english = {("b", "1"): "Yes", ("a", "9"): "Yes"}
    german = {("b", "1"): "Ja", ("a", "8"): "Nein"}
    assert distinct_pairs(english, german) == ({("Yes", "Ja"): ("a", "9")}, 0)


def test_another_version_will_do_if_the_texts_are_the_same(tmp_path, monkeypatch):
    asked = {}

    def fetch(file, folder, same_content):
        asked[file.package] = same_content
        return folder / file.filename

    monkeypatch.setattr(libreoffice_help, "fetch_debian", fetch)
    path = tmp_path / "newer.deb"
    page = PAGE.format('<p id="a">Text</p>')
    path.write_bytes(deb({"./usr/share/help/en/text/x.html": page.encode()}))
    assert read_help(path) == {("x", "a"): "Text"}
    expected = hashlib.sha256(b"x\0a\0Text\0").hexdigest()
    assert digest(read_help(path)) == expected
    for text_sha256, will_do in ((expected, True), ("0" * 64, False)):
        one = libreoffice_help.Help("en-us", "English", "0", text_sha256)
        libreoffice_help.fetch_help(one, tmp_path)
        assert asked["libreoffice-help-en-us"](path) == will_do


@pytest.fixture(scope="module")
def read_once():
    """`read_help`, which reads the package of a name once."""
    read = {}

    def texts_of(path):
        if path.name not in read:
            read[path.name] = read_help(path)
        return read[path.name]

    return texts_of


@pytest.mark.slow
@pytest.mark.parametrize(
    "config, sizes",
    [
        ("en_ko", (14_986, 1_515, 2_102)),
        ("en_de", (28_343, 2_943, 4_273)),
        ("en_es", (24_403, 2_547, 3_694)),
    ],
)
def test_the_real_packages(config, sizes, read_once, monkeypatch):
    monkeypatch.setattr(libreoffice_help, "read_help", read_once)
    parts = [
        load_translation(f"libreoffice_help/{config}", split)
        for split in ("train", "validation", "test")
    ]
    assert tuple(map(len, parts)) == sizes
    sources = [set(part.sources) for part in parts]
    assert len(set.union(*sources)) == sum(map(len, sources))
    # By these a package of another version is known to hold the same.
    for language in config.split("_"):
        path = libreoffice_help.fetch_help(HELP[language])
        assert digest(read_once(path)) == HELP[language].text_sha256
