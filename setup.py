"""Builds the compiled kernel, where there is a C++ compiler. All else is in setup.cfg.

Nothing of TensorFlow, JAX or torch is needed to build it: the sources declare what they
use of TensorFlow's and XLA's C APIs, and look for TensorFlow's symbols in the process
that loads the library, which may have none. Without a compiler, or if the build fails,
the package installs without the library and runs on its other kernels.
KERASRNN_NATIVE=0 leaves the library out; KERASRNN_NATIVE=1, which is for whoever works
on it, makes a failing build an error, and each warning too.
"""

import os
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

WANTED = os.environ.get("KERASRNN_NATIVE", "")
FOLDER = Path("kerasrnn", "kernels", "native")
FLAGS = [
    "-std=c++17",
    "-O3",
    "-g0",
    "-fvisibility=hidden",
    # a * b + c in one instruction where there is one; nothing else is reordered.
    "-ffp-contract=fast",
]
# Not where a newer compiler, which warns of more, would leave a user without it.
if WANTED == "1":
    FLAGS += ["-Wall", "-Wextra", "-Werror"]
# Symbols of TensorFlow are found when the library is loaded; a tenth of the file is
# names that nobody reads.
LINK_FLAGS = (
    ["-Wl,-undefined,dynamic_lookup"] if sys.platform == "darwin" else ["-Wl,-s"]
)
# What only these source files are compiled with: they are called on machines that have
# it.
AVX2 = ["-mavx2", "-mfma"]
AVX512 = [*AVX2, *(f"-mavx512{part}" for part in ("f", "dq", "vl", "bw"))]
INSTRUCTION_SETS = {
    "isa_avx2": AVX2,
    "isa_avx2_double": AVX2,
    "isa_avx512": AVX512,
    "isa_avx512_bfloat16": AVX512,
}
# Newer than some compilers: without it, the file is empty.
BFLOAT16 = "-mavx512bf16"
# What is built for, which need not be what this machine is.
IS_X86 = sysconfig.get_platform().endswith(("x86_64", "amd64"))


class BuildNative(build_ext):
    """Compiles every source with its own flags, and links them as a plain library."""

    def run(self):
        super().run()
        built = (self.get_ext_filename(one.name) for one in self.extensions)
        if self.extensions and not any(
            Path(self.build_lib, one).exists() for one in built
        ):
            # Without the library, the wheel is one for every machine.
            self.distribution.ext_modules = []
            wheel = self.distribution.get_command_obj("bdist_wheel", create=False)
            if wheel is not None:
                wheel.root_is_pure = True

    def build_extension(self, extension):
        knows_bfloat16 = IS_X86 and self.knows(BFLOAT16)

        def compile_one(source):
            name = Path(source).stem
            flags = FLAGS + INSTRUCTION_SETS.get(name, [])
            if knows_bfloat16 and name.endswith("bfloat16"):
                flags = [*flags, BFLOAT16]
            return self.compiler.compile(
                [source], output_dir=self.build_temp, extra_postargs=flags
            )

        # A failing build must not leave an older library behind.
        target = Path(self.get_ext_fullpath(extension.name))
        target.unlink(missing_ok=True)
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            objects = list(chain(*threads.map(compile_one, extension.sources)))
        self.compiler.link_shared_object(
            objects,
            str(target),
            extra_postargs=["-pthread", *LINK_FLAGS],
            target_lang="c++",
        )

    def knows(self, flag):
        """Whether the compiler has a flag."""
        folder = Path(self.build_temp)
        folder.mkdir(parents=True, exist_ok=True)
        empty = folder / "empty.cc"
        empty.write_text("")
        try:
            self.compiler.compile(
                [str(empty)],
                output_dir=self.build_temp,
                extra_postargs=["-Werror", flag],
            )
        except CompileError:
            return False
        return True

    def get_ext_filename(self, fullname):
        # No module of Python's: no Python version in its name.
        return os.path.join(*fullname.split(".")) + ".so"


def extensions() -> list[Extension]:
    """The compiled kernel, or nothing where it is not wanted or cannot be."""
    if WANTED == "0" or os.name != "posix":
        return []
    sources = [
        source.as_posix()
        for source in sorted(FOLDER.glob("*.cc"))
        if IS_X86 or source.stem not in INSTRUCTION_SETS
    ]
    headers = [header.as_posix() for header in sorted(FOLDER.glob("*.h"))]
    name = ".".join((*FOLDER.parts, "operations"))
    return [Extension(name, sources, depends=headers, optional=WANTED != "1")]


setup(
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildNative},
    # One wheel a machine: the library knows no Python, so any from 3.11 on will do.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
