"""The wheel: what is in it, and that a preset loads with no source beside it."""

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import kerasrnn

ROOT = Path(__file__).parents[1]

# Import name -> package name, where they differ.
PACKAGE_OF = {
    "PIL": "pillow",
    "pypi_simple": "pypi-simple",
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
def wheel(tmp_path_factory):
    """A wheel built from a copy, so that the tree gets no build folder."""
    source = tmp_path_factory.mktemp("source")
    for name in ("kerasrnn", "zoo"):
        unwanted = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(ROOT / name, source / name, ignore=unwanted)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    out = tmp_path_factory.mktemp("dist")
    pip = [sys.executable, "-m", "pip", "-q", "wheel", "--no-deps", "--no-index"]
    run(*pip, "--no-build-isolation", "-w", out, ".", cwd=source)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """An environment with the wheel, and the dependencies of the running one.

    Only paths are shared, not `.pth` files: an editable kerasrnn of the running
    environment is not seen. `.ci/run` does the same with nothing shared.
    """
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    shared = [path for path in sys.path if Path(path).name == "site-packages"]
    site = sysconfig.get_path("purelib", vars={"base": str(home)})
    Path(site, "shared.pth").write_text("\n".join(shared), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "-q", "--python", python, "install"]
    run(*pip, "--no-deps", "--no-index", "--force-reinstall", wheel, cwd=home)
    return python


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "kerasrnn").rglob("*")
        if path.suffix in {".py", ".cc", ".h"}
    }
    expected |= {
        "kerasrnn/zoo/recipes/" + path.relative_to(ROOT / "zoo").as_posix()
        for path in (ROOT / "zoo").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == expected


def test_the_wheel_describes_itself(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("dist-info/METADATA"))
        metadata = archive.read(name).decode("utf-8")
        entry_points = archive.read(name.replace("METADATA", "entry_points.txt"))
    assert f"Version: {kerasrnn.__version__}\n" in metadata
    assert "License: Apache-2.0" in metadata
    requires = re.search(r"Requires-Python: (.*)", metadata)[1]
    assert set(requires.split(",")) == {">=3.11", "<3.14"}
    assert b"kerasrnn = kerasrnn.cli:main" in entry_points
    for extra in ("test", "dev", "jax", "torch", "onnx", "plot", "bench"):
        assert f"Provides-Extra: {extra}\n" in metadata


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


def declared_packages():
    config = configparser.ConfigParser(comment_prefixes=("#",))
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    listings = [config["options"]["install_requires"]]
    listings += config["options.extras_require"].values()
    lines = [line.strip() for text in listings for line in text.splitlines()]
    return {re.split(r"[<>=!~; \[]", line)[0] for line in lines if line}


def test_every_import_is_declared():
    declared = declared_packages()
    for path in (ROOT / "kerasrnn").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module]
            else:
                continue
            for module in (name.split(".")[0] for name in modules):
                if module in sys.stdlib_module_names or module == "kerasrnn":
                    continue
                package = PACKAGE_OF.get(module, module)
                assert package in declared, f"{path}: {module} is not in setup.cfg"
