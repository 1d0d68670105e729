"""Build libllama and ggml from the vendored tree as ordinary shared libraries.

``python -m testing.engine.build [TREE]``: without TREE it takes the tree that the build of jina_omni takes, which is
the environment variable ``JINA_OMNI_LLAMA_CPP`` or ``vendor/llama.cpp/source``. The result goes to ``build/engine``, or
to the folder that ``JINA_OMNI_ENGINE`` names. A second run with the same tree does nothing. libmtmd comes beside them
when a benchmark first asks for it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from testing.engine import layouts

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PARTS = ("ggml", "src", "include", "tools/mtmd")
BACKENDS = ("cpu", "cuda", "vulkan")


class EngineError(RuntimeError):
    """The reference engine can't be built or loaded."""


def default_tree() -> Path:
    """Return the tree that the build of jina_omni takes.

    Returns
    -------
    Path
        It need not exist.
    """
    return Path(os.environ.get("JINA_OMNI_LLAMA_CPP") or ROOT / "vendor" / "llama.cpp" / "source")


def engine_dir() -> Path:
    """Return the folder of the built engine.

    Returns
    -------
    Path
        It need not exist.
    """
    return Path(os.environ.get("JINA_OMNI_ENGINE", ROOT / "build" / "engine"))


def library_path(name: str = "llama", folder: Path | None = None) -> Path:
    """Return where a library is, or would be.

    Parameters
    ----------
    name
        ``llama`` or ``mtmd``.
    folder
        The engine's folder; `engine_dir()` when not given.

    Returns
    -------
    Path
        The shared library.
    """
    file = {"darwin": f"lib{name}.dylib", "win32": f"{name}.dll"}.get(sys.platform, f"lib{name}.so")
    return (folder or engine_dir()) / "bin" / file


def check_layouts(name: str, folder: Path | None = None) -> None:
    """Refuse a built engine whose structs differ from their mirrors.

    Parameters
    ----------
    name
        ``llama`` or ``mtmd``.
    folder
        The engine's folder; `engine_dir()` when not given.
    """
    probe = library_path(name, folder).with_name(f"{name}_layouts" + (".exe" if sys.platform == "win32" else ""))
    if not probe.exists():
        raise EngineError(f"{probe} is missing: run python -m testing.engine.build")
    wrong = layouts.differences(name, json.loads(_run([str(probe)], f"the layout probe of {name}.h")))
    if wrong:
        raise EngineError(f"the structs of {name}.h differ from those of layouts.py:\n" + "\n".join(wrong))


def digest(tree: Path) -> str:
    """Hash what the built engine depends on.

    Parameters
    ----------
    tree
        A llama.cpp tree.

    Returns
    -------
    str
        sha256 over the tree's sources and over our own files.
    """
    files = [HERE / name for name in ("CMakeLists.txt", "amx.cmake", "amx_tiles.cpp", "layouts.py")]
    for part in PARTS:
        files += sorted(p for p in (tree / part).rglob("*") if p.is_file())
    h = hashlib.sha256()
    for path in files:
        h.update(str(path.relative_to(tree) if path.is_relative_to(tree) else path.name).encode())
        h.update(hashlib.sha256(path.read_bytes()).digest())
    return h.hexdigest()


def _tool(name: str) -> str:
    # a tool that was installed into this interpreter's environment counts even when the environment isn't activated
    path = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if path is None:
        raise EngineError(f"{name} was not found: install it (pip install {name})")
    return path


def _usable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(command: list[str], what: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-30:])
        hint = "\nA C and a C++ compiler are needed (Debian: apt-get install g++)." if "COMPILER" in tail else ""
        raise EngineError(f"{what} failed ({' '.join(command)}):\n{tail}{hint}")
    return done.stdout


def build(
    tree: Path | None = None, folder: Path | None = None, jobs: int | None = None, backend: str | None = None
) -> Path:
    """Build the engine unless it is there already.

    Parameters
    ----------
    tree
        A llama.cpp tree; `default_tree()` when not given.
    folder
        Where to build; `engine_dir()` when not given.
    jobs
        Parallel compilations; the number of usable processors when not given.
    backend
        One of `BACKENDS`, beside the CPU's; when not given, that of the engine which is there, or the CPU's alone.

    Returns
    -------
    Path
        The shared library.
    """
    tree = (tree or default_tree()).resolve()
    folder = (folder or engine_dir()).resolve()
    missing = [
        file for file in ("ggml/CMakeLists.txt", "src/CMakeLists.txt", "include/llama.h") if not (tree / file).exists()
    ]
    if missing:
        raise EngineError(
            f"{tree} is no llama.cpp tree, it lacks {', '.join(missing)}: build jina_omni first, or name a tree"
        )
    marker = folder / "built.json"
    built = {"backend": "cpu", **(json.loads(marker.read_text()) if marker.exists() else {})}
    backend = backend or built["backend"]
    wanted = {"tree": str(tree), "digest": digest(tree), "backend": backend}
    library = library_path(folder=folder)
    if library.exists() and all(built.get(key) == wanted[key] for key in ("digest", "backend")):
        return library

    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    marker.unlink(missing_ok=True)
    for header in layouts.STRUCTS:
        (folder / f"{header}_layouts.c").write_text(layouts.probe_source(header))
    options = [f"-DLLAMA_CPP={tree}", "-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DGGML_CCACHE=OFF"]
    options += [f"-DGGML_{name.upper()}={'ON' if name == backend else 'OFF'}" for name in BACKENDS[1:]]
    generator = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={_tool('ninja')}"]
    configure = [_tool("cmake"), "-S", str(HERE), "-B", str(folder), *generator]
    _run(configure + options, "configuring the engine")
    _compile("llama", folder, jobs)
    marker.write_text(json.dumps(wanted, indent=1))
    return library


def program_path(part: str, program: str) -> Path:
    """Return where a program of the tests is, or would be.

    Parameters
    ----------
    part, program
        As in `build_program`.

    Returns
    -------
    Path
        The program.
    """
    return ROOT / "build" / part / program


def build_program(part: str, program: str) -> Path:
    """Build a C++ program of the tests, which has parts of csrc by themselves.

    Parameters
    ----------
    part
        The folder in tests: ``kernels``, ``scheduler`` or ``device``.
    program
        ``kernel_test`` or ``linear_rate`` of the kernels of every instruction set; ``scheduler_test``; ``device_test``.

    Returns
    -------
    Path
        The program, in that folder of ``build``.
    """
    path = program_path(part, program)
    folder = path.parent
    options = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={_tool('ninja')}", f"-DLLAMA_CPP={default_tree()}"]
    configure = [_tool("cmake"), "-S", str(ROOT / "tests" / part), "-B", str(folder), *options]
    _run(configure, f"configuring tests/{part}")
    compile_all = [_tool("cmake"), "--build", str(folder), "-j", str(_usable_cpus()), "--target", program]
    _run(compile_all, f"building {program}")
    return path


def build_mtmd(tree: Path | None = None, folder: Path | None = None, jobs: int | None = None) -> Path:
    """Build libmtmd, and the engine before it, as far as they aren't there already.

    Parameters
    ----------
    tree, folder, jobs
        As in `build`.

    Returns
    -------
    Path
        The shared library of libmtmd.
    """
    tree = (tree or default_tree()).resolve()
    folder = (folder or engine_dir()).resolve()
    if not (tree / "tools" / "mtmd").exists():
        raise EngineError(
            f"{tree} has no tools/mtmd: delete that folder and build jina_omni again, which unpacks it, or name a tree"
        )
    build(tree, folder, jobs)
    _compile("mtmd", folder, jobs)
    return library_path("mtmd", folder)


def _compile(name: str, folder: Path, jobs: int | None) -> None:
    command = [_tool("cmake"), "--build", str(folder), "-j", str(jobs or _usable_cpus()), "--target"]
    # the probe needs a second, and says at once when the tree's structs aren't those that the binding was written for
    _run([*command, f"{name}_layouts"], f"building the layout probe of {name}.h")
    check_layouts(name, folder)
    _run([*command, name], f"building lib{name}")


def main() -> int:
    """Run the command line.

    Returns
    -------
    int
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m testing.engine.build", description=__doc__)
    parser.add_argument("tree", nargs="?", type=Path, help="a llama.cpp tree (default: see above)")
    parser.add_argument("-j", "--jobs", type=int, help="parallel compilations")
    parser.add_argument("--backend", choices=BACKENDS, help="compute on such devices too (default: as built before)")
    args = parser.parse_args()
    try:
        print(build(args.tree, jobs=args.jobs, backend=args.backend))
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
