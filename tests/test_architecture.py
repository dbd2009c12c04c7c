"""The rules of the code base that a reader can rely on, read from the source."""

import ast
import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kerasrnn"

# Which package may import which, from kerasrnn.
MAY_IMPORT = {
    "kernels": set(),
    "decoding": set(),
    "text": set(),
    "metrics": set(),
    "catalogue": set(),
    "registered_classes": set(),
    "export": {"layers", "kernels"},
    "fetching": set(),
    "vision": {"fetching"},
    "data": {"text", "fetching"},
    "layers": {"kernels"},
    "zoo": {
        "layers",
        "decoding",
        "text",
        "metrics",
        "export",
        "vision",
        "catalogue",
    },
    "inspection": {"zoo", "layers", "vision"},
    "training": {
        "zoo",
        "data",
        "text",
        "fetching",
        "metrics",
        "inspection",
        "vision",
        "catalogue",
    },
    "demo": {"zoo", "export", "inspection", "data", "fetching", "text", "catalogue"},
}
# Modules that everyone may import, and that import nothing of kerasrnn.
FOR_ALL = {"version", "printable"}
ANYTHING = {"cli", "__init__", "__main__"}

# Functions that hold a private name because there is no public one: file, function.
PRIVATE_HOLDERS = {
    ("kerasrnn/kernels/native_tensorflow.py", "_saving"): (
        "only a context without a public name says that a SavedModel is being traced"
    ),
    ("kerasrnn/layers/any_cell.py", "keras_dropout_protocol"): (
        "keras.layers.RNN knows a cell with dropout by a base that has no public name"
    ),
}

# Public in spite of their underscore: methods of named tuples.
PUBLIC_UNDERSCORES = {"_asdict", "_fields", "_make", "_replace"}

# Modules that only the function that uses them may import.
HEAVY = (
    "IPython",
    "ai_edge_litert",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "pypi_simple",
    "pyppmd",
    "sacrebleu",
    "scipy",
    "sklearn",
    "tensorflow_datasets",
    "tqdm",
    "yaml",
)


def sources(*folders):
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def relative(path):
    return path.relative_to(ROOT).as_posix()


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def package_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imported_modules(tree, module):
    """Every dotted module name that the tree imports, `from` names included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = module.split(".")[: -node.level]
                base = ".".join([*anchor, base] if base else anchor)
            yield base, node.lineno
            yield from ((f"{base}.{a.name}", node.lineno) for a in node.names)


def violations_of_the_import_table(path, tree):
    owner = package_of(path)
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if owner in ANYTHING:
        return []
    if owner in FOR_ALL:
        allowed = set()
    elif owner in MAY_IMPORT:
        allowed = MAY_IMPORT[owner] | {owner, *FOR_ALL}
    else:
        return [f"{relative(path)}: `{owner}` is not in the table of packages"]
    found = []
    for name, line in imported_modules(tree, module):
        parts = name.split(".")
        if parts[0] == "kerasrnn" and len(parts) > 1 and parts[1] not in allowed:
            found.append(f"{relative(path)}:{line}: {owner} may not import {name}")
    return found


def test_imports_follow_the_table():
    found = []
    for path in sources("kerasrnn"):
        found += violations_of_the_import_table(path, parse(path))
    assert not found, "\n".join(found)


def test_a_forbidden_import_is_seen():
    layer = PACKAGE / "layers" / "lstm.py"
    for text in (
        "from kerasrnn.zoo import Task",
        "import kerasrnn.zoo.task",
        "from ..zoo import Task",
        "from kerasrnn import zoo",
        "def f():\n    from kerasrnn.data import movie_snippets",
    ):
        assert violations_of_the_import_table(layer, ast.parse(text)), text
    allowed = "from kerasrnn.kernels import reference\nfrom . import gru\nimport keras"
    assert not violations_of_the_import_table(layer, ast.parse(allowed))


# Only public API.


LIBRARIES = {"keras", "tensorflow", "tensorflow_datasets", "jax", "torch", "numpy"}
PRIVATE_MODULES = re.compile(
    r"^(keras\.src|keras\._|keras\.legacy|tensorflow\.python|jax\._|torch\._"
    # tfds.core.GeneratorBasedBuilder is public; the modules inside tfds.core are not.
    r"|tensorflow_datasets\.core\.[a-z])"
)


def defined_private_names(trees):
    """Names with one leading underscore that this code base itself defines."""
    names = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
    return {name for name in names if name.startswith("_")}


def dotted(node):
    """`a.b.c` of an attribute chain, or None."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def library_aliases(tree):
    """Local name -> dotted module of a library, for the imports of a tree."""
    aliases = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.split(".")[0]
                aliases[local] = alias.name if alias.asname else local
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return {k: v for k, v in aliases.items() if v.split(".")[0] in LIBRARIES}


def private_uses(path, tree, ours):
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]

    def allowed(line):
        return any(
            (relative(path), f.name) in PRIVATE_HOLDERS
            and f.lineno <= line <= f.end_lineno
            for f in functions
        )

    found = []

    def add(line, what):
        if not allowed(line):
            found.append(f"{relative(path)}:{line}: {what}")

    for name, line in imported_modules(tree, ""):
        if PRIVATE_MODULES.match(name):
            add(line, f"imports the private {name}")
    aliases = library_aliases(tree)
    known = ours | PUBLIC_UNDERSCORES
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        name = dotted(node)
        if name:
            head, _, rest = name.partition(".")
            full = f"{aliases[head]}.{rest}" if head in aliases else ""
            if PRIVATE_MODULES.match(full):
                add(node.lineno, f"uses the private {full}")
        attribute = node.attr
        dunder = attribute.startswith("__") and attribute.endswith("__")
        if attribute.startswith("_") and not dunder and attribute not in known:
            add(node.lineno, f"uses the private attribute {attribute}")
    return found


def test_only_public_api_is_used():
    paths = list(sources("kerasrnn", "zoo", "benchmarks", "tutorials"))
    trees = [parse(path) for path in paths]
    ours = defined_private_names(trees)
    found = []
    for path, tree in zip(paths, trees, strict=True):
        found += private_uses(path, tree, ours)
    assert not found, "\n".join(found)


def test_a_private_use_is_seen():
    path = PACKAGE / "layers" / "lstm.py"
    for text in (
        "from keras.src import ops",
        "import keras.src.layers",
        "import keras\nkeras.src.layers",
        "import tensorflow as tf\ntf.python.framework",
        "from tensorflow.python.ops import gen_rnn_ops",
        "class A:\n    def f(self):\n        return self._tracker",
    ):
        assert private_uses(path, ast.parse(text), ours={"_cells"}), text
    fine = "import keras\nclass A:\n    def f(self):\n        return self._cells"
    assert not private_uses(path, ast.parse(fine), ours={"_cells"})


def test_every_holder_of_a_private_name_exists():
    for file, function in PRIVATE_HOLDERS:
        functions = {
            node.name
            for node in ast.walk(parse(ROOT / file))
            if isinstance(node, ast.FunctionDef)
        }
        assert function in functions, f"{file} has no function {function}"


# Files.


def public_classes(tree):
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


def test_a_layers_file_holds_at_most_one_public_class_and_of_its_name():
    # A file without a class holds the functions that its name says.
    for path in sources("kerasrnn/layers"):
        if path.name == "__init__.py" or path.name.startswith("_"):
            continue
        classes = public_classes(parse(path))
        stem = path.stem.replace("_", "")
        named = [name.lower() == stem for name in classes]
        assert named in ([], [True]), f"{relative(path)} holds {classes}"


def init_file_violations(tree):
    """What a re-exporting file may not hold, and names that it does not list."""
    exported, imported, found = set(), set(), []
    for node in tree.body:
        test = getattr(node, "test", None)
        # A module's `__getattr__` would tell type checkers that every name is there.
        test = test.operand if isinstance(test, ast.UnaryOp) else test
        if isinstance(node, ast.If) and dotted(test) == "TYPE_CHECKING":
            statements = node.body
        else:
            statements = [node]
        for statement in statements:
            match statement:
                case ast.ImportFrom(module="typing" | "types"):
                    pass
                case ast.ImportFrom() | ast.Import():
                    imported |= {a.asname or a.name for a in statement.names}
                case ast.Assign(targets=[ast.Name(id="__all__")]):
                    exported = set(ast.literal_eval(statement.value))
                case ast.Assign(targets=[ast.Name(id="_MODULE_OF")]):
                    ast.literal_eval(statement.value)
                case ast.FunctionDef(name="__getattr__" | "__dir__"):
                    pass  # names that are imported on first use
                case ast.Expr(value=ast.Constant()):
                    pass
                case ast.Expr(value=ast.Call(func=ast.Name(id="register_with_keras"))):
                    imported -= {"register_with_keras"}  # saved models need no more
                case _:
                    found.append(f"line {statement.lineno} does more than re-export")
    if exported != imported:
        found.append(f"`__all__` and the imports differ: {exported ^ imported}")
    return found


def test_init_files_only_re_export():
    found = {
        relative(path): violations
        for path in sources("kerasrnn")
        if path.name == "__init__.py"
        and (violations := init_file_violations(parse(path)))
    }
    assert not found


def test_an_init_file_that_does_more_is_seen():
    assert init_file_violations(ast.parse("from a import b"))
    assert init_file_violations(ast.parse("__all__ = ['b']"))
    assert init_file_violations(ast.parse("def helper():\n    return 1"))
    assert not init_file_violations(ast.parse("from a import b\n__all__ = ['b']"))


def test_no_file_is_called_a_drawer():
    drawers = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}
    found = [relative(p) for p in sources("kerasrnn", "tests") if p.name in drawers]
    assert not found, f"name the thing, not the drawer: {found}"


# What git holds.


def tracked_files():
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name]


# In two pieces, so that this file passes its own test.
REGISTRY_HOSTS = (
    "pypi" + ".org",
    "python" + "hosted",
    "npmjs" + ".",
    "debian" + ".org",
    "jsdelivr" + ".",
    "unpkg" + ".",
)


def test_no_registry_is_named_by_address():
    # A package is fetched by name, from wherever this machine's clients are told to.
    for path in tracked_files():
        if not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", errors="ignore").lower()
        for host in REGISTRY_HOSTS:
            assert host not in text, f"{relative(path)} names {host}"


def test_neither_data_nor_builds_are_tracked():
    suffixes = {".zip", ".gz", ".tfrecord", ".so", ".pyc", ".whl", ".npy", ".npz"}
    for path in tracked_files():
        assert path.suffix not in suffixes, f"{relative(path)} is tracked"
        if path.is_file():
            megabytes = path.stat().st_size / 2**20
            assert megabytes < 8, f"{relative(path)} has {megabytes:.1f} MB"


def test_every_package_of_the_tree_is_listed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = {
        line
        for line in config["options"]["packages"].split()
        if not line.startswith("#")
    }
    present = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in sources("kerasrnn")
        if path.name == "__init__.py"
    }
    assert listed == present | {"kerasrnn.zoo.recipes"}


# What an import costs.


STATEMENTS = ["import kerasrnn", "import kerasrnn.layers, kerasrnn.zoo"]


@pytest.fixture(scope="module")
def modules_added():
    """By statement: what it brings beyond `import keras`, all in one process."""
    code = f"""
import json, sys
import keras
before, added = set(sys.modules), {{}}
for statement in {STATEMENTS!r}:
    exec(statement)
    added[statement] = sorted(set(sys.modules) - before)
print(json.dumps(added))
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(result.stdout)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_an_import_brings_nothing_heavy(statement, modules_added):
    # Beyond what `import keras` itself brings, which on some machines is matplotlib
    # and scikit-learn.
    added = modules_added[statement]
    assert "kerasrnn" in added
    heavy = [name for name in added if name.split(".")[0] in HEAVY]
    assert not heavy, heavy
    assert not [name for name in added if name.startswith("kerasrnn.data")]


def test_importing_the_folder_of_recipes_as_a_package_is_refused():
    result = subprocess.run(
        [sys.executable, "-c", "import zoo"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode != 0
    assert "import the models from `kerasrnn.zoo`" in result.stderr


# What a user's own type checker reads.


EXPORTING = ("data", "decoding", "demo", "export", "fetching", "inspection", "kernels")
EXPORTING += ("layers", "metrics", "text", "training", "vision", "zoo")


def public_functions(tree, names):
    """(name, function) of the functions of these names, and of their classes'."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in names:
            yield node.name, node
        elif isinstance(node, ast.ClassDef) and node.name in names:
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and (
                    method.name == "__init__" or not method.name.startswith("_")
                ):
                    yield f"{node.name}.{method.name}", method


def not_annotated(function):
    """Names of the parameters without a type, and `return` where it has none."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    missing = [
        a.arg for a in every if a.annotation is None and a.arg not in ("self", "cls")
    ]
    return missing + ["return"] * (function.returns is None)


def exported_names(package):
    for node in parse(package / "__init__.py").body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                return set(ast.literal_eval(node.value))
    return set()


@pytest.mark.parametrize("name", EXPORTING)
def test_what_a_package_exports_is_annotated(name):
    exported = exported_names(PACKAGE / name)
    found = [
        f"{relative(path)}:{function.lineno}: {what} lacks {', '.join(missing)}"
        for path in sources(f"kerasrnn/{name}")
        for what, function in public_functions(parse(path), exported)
        if (missing := not_annotated(function))
    ]
    assert exported
    assert not found, "\n".join(found)


def test_the_catalogue_is_annotated():
    tree = parse(PACKAGE / "catalogue.py")
    names = {n.name for n in tree.body if not getattr(n, "name", "_").startswith("_")}
    found = {
        what: missing
        for what, function in public_functions(tree, names)
        if (missing := not_annotated(function))
    }
    assert not found


def test_a_missing_annotation_is_seen():
    text = "class A:\n    def f(self, x, *args, y: int = 1, **kwargs): ...\n"
    ((what, function),) = public_functions(ast.parse(text), {"A"})
    assert (what, not_annotated(function)) == ("A.f", ["x", "return"])
    ((_, complete),) = public_functions(ast.parse("def f(x: int) -> int: ..."), {"f"})
    assert not not_annotated(complete)


def test_every_package_is_reachable_after_import_kerasrnn():
    import kerasrnn

    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(kerasrnn.__all__) == packages | {"__version__", "catalogue"}
    for name in kerasrnn.__all__:
        assert name in dir(kerasrnn)
    for name in packages | {"catalogue"}:
        assert getattr(kerasrnn, name).__name__ == f"kerasrnn.{name}"
    with pytest.raises(AttributeError, match="no attribute 'cell'"):
        kerasrnn.cell  # noqa: B018
