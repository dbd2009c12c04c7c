"""The site: Sphinx's configuration.

    sphinx-build -W --keep-going -c docs . build/site

Needs the extra `docs`, and no network. Pages are taken from where they stand: README,
tutorials with what they printed when they ran, cards, benchmarks. What the library
exports is described by its docstrings. A file that a page links to and that is no page
is copied beside them. The site needs neither a server nor a network: formulas are
MathML, which browsers draw themselves.
"""

import inspect
import os
import re
import textwrap
from pathlib import Path

from docutils import nodes
from math_core import LatexToMathML
from sphinx.util import inspect as sphinx_inspect

ROOT = Path(__file__).parents[1]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

project = "kerasrnn"
html_title = "kerasrnn"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
html_theme = "furo"
html_show_copyright = False
html_copy_source = False
html_static_path = ["style.css"]
html_css_files = ["style.css"]
templates_path = ["templates"]
smartquotes_action = "D"  # dashes; quotes stay as they are written

# Pages, from the root of the repository, so that the links between them hold.
root_doc = "README"
include_patterns = [
    *("README.md", "README.ko.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("docs/*.md", "docs/api/*.rst"),
    "tutorials/*.ipynb",
    "zoo/**",
    "benchmarks/README.md",
]
# What else lies in a working tree, such as an environment, is not walked through.
PARTS = {"docs", "tutorials", "zoo", "benchmarks"}
exclude_patterns = [
    path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in PARTS
]

nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 4

autodoc_default_options = {
    "members": True,
    # Those of our own base classes: `skip_foreign` leaves out the others'.
    "inherited-members": "tuple, BaseException",
}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autosummary_generate = False
napoleon_use_rtype = False
napoleon_custom_sections = [
    ("Call arguments", "params_style"),
    "Output shape",
    "Masking",
]
# A name in backquotes is a link where it is one of ours.
default_role = "py:obj"
toc_object_entries_show_parents = "hide"
maximum_signature_line_length = 80


def stems(*patterns):
    """The pages that these match, in order."""
    paths = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return [path.relative_to(ROOT).with_suffix("").as_posix() for path in paths]


# In the order in which a reader needs them.
PACKAGES = (
    *("layers", "zoo", "text", "decoding", "export", "inspection", "metrics"),
    *("data", "training", "vision", "demo", "kernels"),
)
KOREAN = stems("README.ko.md", "tutorials/*.ko.ipynb")
NAVIGATION = {
    "README": {
        "Tutorials": [
            page for page in stems("tutorials/*.ipynb") if page not in KOREAN
        ],
        "Recipes and results": ["zoo/README", "benchmarks/README", "docs/scale"],
        "API": [f"docs/api/{package}" for package in PACKAGES],
        "한국어": KOREAN,
        "Development": ["CONTRIBUTING", "CHANGELOG"],
    },
    "zoo/README": {"Recipes": stems("zoo/*/CARD.md")},
    **{
        page.replace("samples", "CARD"): {"Samples": [page]}
        for page in stems("zoo/*/samples.md")
    },
}
TITLES = {  # where the page's own is long, or the same as another's
    "README.ko": "소개 <{}>",
    "docs/scale": "Several devices and machines <{}>",
    "zoo/README": "Recipes <{}>",
}


def add_navigation(app, page, source):
    """The list of pages, which README does not have when it is read elsewhere."""
    for caption, pages in NAVIGATION.get(page, {}).items():
        lines = ["", "```{toctree}", ":hidden:", f":caption: {caption}", ""]
        lines += [TITLES.get(name, "{}").format(f"/{name}") for name in pages]
        source[0] += "\n".join([*lines, "```", ""])


def translation_of(page, all_pages):
    """The same page in the other language, or that language's first page."""
    if page in KOREAN:
        return page.removesuffix(".ko")
    return page + ".ko" if page + ".ko" in all_pages else "README.ko"


def add_language(app, page, template, context, doctree):
    """What `templates/language.html` shows, and which language a page says it is in."""
    context["language"] = "ko" if page in KOREAN else "en"
    context["translation"] = translation_of(page, app.env.found_docs)


html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}


def skip_foreign(app, what, name, obj, skip, options):
    """Of a layer or a model what it adds to Keras's."""
    function = getattr(obj, "fget", obj)  # of a property
    home = getattr(function, "__module__", None) or "kerasrnn"
    return None if home.startswith("kerasrnn") else True


def show_init(app, what, name, obj, options, signature, returns):
    """The arguments of a class: the `__new__` of Keras's classes takes anything."""
    if what == "class" and inspect.isfunction(obj.__init__):
        arguments = sphinx_inspect.signature(obj.__init__, bound_method=True)
        text = sphinx_inspect.stringify_signature(arguments, show_annotation=False)
        return text, None


def to_markup(app, what, name, obj, options, lines):
    """A docstring of ours as reStructuredText: its equations, tables and bars."""
    paragraphs = "\n".join(lines).split("\n\n")
    equations = True  # up to Args, with which napoleon's part begins
    for number, paragraph in enumerate(paragraphs):
        equations = equations and not re.match(r"[A-Z][a-z ]+:(\n|$)", paragraph)
        # Sentences end, equations do not.
        ends = re.search(r"[.:;?]$|^- |^>>> ", paragraph)
        if paragraph.startswith("| "):
            paragraphs[number] = table(paragraph)
        elif equations and number and (paragraph.startswith("    ") or not ends):
            block = textwrap.indent(textwrap.dedent(paragraph), "    ")
            paragraphs[number] = f".. code-block:: none\n\n{block}"
        elif not paragraph.lstrip().startswith(">>>"):
            paragraphs[number] = paragraph.replace("|", r"\|")
    if what == "module" and hasattr(obj, "__all__"):
        exported = [name for name in obj.__all__ if callable(getattr(obj, name))]
        names = textwrap.indent("\n".join(exported), "    ")
        paragraphs.append(f".. autosummary::\n    :nosignatures:\n\n{names}\n")
    lines[:] = "\n\n".join(paragraphs).split("\n")


def table(paragraph):
    """A table of Markdown as one of reStructuredText."""
    head, _, *rows = [line.strip("| ").split(" | ") for line in paragraph.splitlines()]
    cells = ["   * - " + "\n     - ".join(row) for row in (head, *rows)]
    return "\n".join([".. list-table::", "   :header-rows: 1", "", *cells])


def name_figures(app, doctree):
    """What a notebook drew has no words of its own for those who cannot see it."""
    for image in doctree.findall(nodes.image):
        image.setdefault("alt", "figure, drawn by the cell above it")


def visit_math(translator, node):
    """A formula as MathML; one that cannot be written so is an error."""
    block = isinstance(node, nodes.math_block)
    latex = node.astext()
    formula = LatexToMathML().convert_with_local_state(latex, displaystyle=block)
    wrapped = f'<div class="formula">{formula}</div>' if block else formula
    translator.body.append(wrapped)
    raise nodes.SkipNode


def copy_first_page(app, exception):
    """README is what a browser opens."""
    if not exception:
        text = Path(app.outdir, "README.html").read_text(encoding="utf-8")
        Path(app.outdir, "index.html").write_text(text, encoding="utf-8")


def setup(app):
    """Sphinx calls it."""
    app.connect("source-read", add_navigation)
    app.connect("html-page-context", add_language)
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("autodoc-process-signature", show_init)
    app.connect("autodoc-process-docstring", to_markup, priority=400)  # napoleon: 500
    app.connect("doctree-read", name_figures)
    app.connect("build-finished", copy_first_page)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))


html_math_renderer = "mathml"
