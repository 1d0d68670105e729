"""Build llama.cpp's HTTP server with the tree's own CMake files, as its users do; the benchmarks alone ask for it.

The tree is `build.default_tree()` where that is a whole one. What the build of jina_omni unpacks has no server, so
otherwise the archive that ``vendor/llama.cpp/lock`` pins is fetched again, and unpacked whole beside the engine.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from testing.engine.build import ROOT, EngineError, _run, _tool, _usable_cpus, default_tree, engine_dir

_OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "GGML_NATIVE": "ON",
    "GGML_CCACHE": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",  # would be downloaded
    "LLAMA_OPENSSL": "OFF",
    "CMAKE_PROJECT_llama.cpp_INCLUDE": str(Path(__file__).with_name("amx.cmake")),
}

# the parts of the tree that its own CMake files want for that
_FOLDERS = {"cmake", "common", "ggml", "include", "licenses", "scripts", "src", "tools", "vendor"}


def _fetch_source() -> ModuleType:
    path = ROOT / "cmake" / "fetch_source.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # its dataclass looks there for its module
    spec.loader.exec_module(module)
    return module


def _whole_tree(folder: Path) -> Path:
    """Return a tree with the server in it, fetched to `folder` when there is none."""
    for tree in (default_tree(), folder):
        if (tree / "tools" / "server").exists():
            return tree
    fetch = _fetch_source()
    fetch.is_needed = lambda path: path.parts[0] in _FOLDERS | {"CMakeLists.txt", "LICENSE"}
    lock = fetch.Lock.read(ROOT / "vendor" / "llama.cpp" / "lock")
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        try:
            archive = fetch.download(lock, Path(temporary, "download"))
            fetch.check_sha256(archive, lock)
            fetch.unpack(archive, Path(temporary, "tree"))
        except fetch.FetchError as error:
            raise EngineError(str(error)) from error
        shutil.move(Path(temporary, "tree"), folder)
    return folder


def build_server(folder: Path | None = None, jobs: int | None = None) -> Path:
    """Build the server unless it is there already, which takes minutes. Delete its folder after a change of your tree.

    Parameters
    ----------
    folder
        The engine's folder; `engine_dir()` when not given.
    jobs
        Parallel compilations; the number of usable processors when not given.

    Returns
    -------
    Path
        The program.
    """
    folder = (folder or engine_dir()).resolve() / "server"
    program = folder / "build" / "bin" / ("llama-server" + (".exe" if sys.platform == "win32" else ""))
    lock = (ROOT / "vendor" / "llama.cpp" / "lock").read_text()
    made_for = folder / "lock"
    if made_for.exists() and made_for.read_text() != lock:
        shutil.rmtree(folder)
    if program.exists():
        return program
    folder.mkdir(parents=True, exist_ok=True)
    made_for.write_text(lock)
    print("building llama-server, which takes minutes ...", flush=True)
    source, build = str(_whole_tree(folder / "source")), str(folder / "build")
    cmake, ninja = _tool("cmake"), _tool("ninja")
    options = [f"-D{key}={value}" for key, value in (_OPTIONS | {"CMAKE_MAKE_PROGRAM": ninja}).items()]
    _run([cmake, "-S", source, "-B", build, "-G", "Ninja", *options], "configuring llama-server")
    compile_ = [cmake, "--build", build, "-j", str(jobs or _usable_cpus()), "--target", "llama-server"]
    _run(compile_, "building llama-server")
    return program
