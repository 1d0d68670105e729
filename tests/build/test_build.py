# SPDX-License-Identifier: Apache-2.0
"""How jina_omni is built: where its vendored source comes from, and what its extension and its distributions hold."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import jina_omni

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "vendor" / "llama.cpp"
SCRIPT = ROOT / "cmake" / "fetch_source.py"


def load(name):
    """Import a script of cmake/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "cmake" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for the module of a class, and one script for another
    spec.loader.exec_module(module)
    return module


fetch_source = load("fetch_source")
make_sbom = load("make_sbom")

needs_pip = pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="needs pip in this Python")
needs_cmake = pytest.mark.skipif(shutil.which("cmake") is None, reason="needs cmake")
needs_build_tools = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("scikit_build_core", "cffi", "pip"))
    or not fetch_source.is_current(VENDOR / "source", fetch_source.Lock.read(VENDOR / "lock")),
    reason="needs scikit-build-core, cffi, pip and the vendored source",
)

# A source distribution that pip accepts without any other package: it is its own build backend.
PACKAGE = {
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "backend.py": (
        "from pathlib import Path\n"
        "def prepare_metadata_for_build_wheel(folder, config_settings=None):\n"
        "    info = Path(folder, 'pinned-1.0.dist-info')\n"
        "    info.mkdir()\n"
        "    info.joinpath('METADATA').write_text('Metadata-Version: 2.1\\nName: pinned\\nVersion: 1.0\\n')\n"
        "    return info.name\n"
    ),
    "PKG-INFO": "Metadata-Version: 2.1\nName: pinned\nVersion: 1.0\n",
}
TREE = {f"vendor/llama.cpp/{name}": "" for name in fetch_source.REQUIRED}
NOT_NEEDED = {
    f"vendor/llama.cpp/{name}": ""
    for name in (
        *("README.md", "models/vocab.gguf", "ggml/src/ggml-sycl/sycl.cpp", "vendor/cpp-httplib/httplib.h"),
        *("tools/server/server.cpp", "tools/mtmd/test-3.mp4", "tools/mtmd/tests.sh"),
    )
}


def write_archive(path, files, links=()):
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"pinned-1.0/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
        for name, target in links:
            info = tarfile.TarInfo(f"pinned-1.0/{name}")
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path):
    """Give a folder that serves pip as its only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    return folder


@pytest.fixture
def vendor(tmp_path):
    """Give a vendor folder, still without a lock."""
    folder = tmp_path / "vendor"
    folder.mkdir()
    return folder


def lock(vendor, sha256):
    (vendor / "lock").write_text(f"package pinned\nversion 1.0\nsha256  {sha256}\ncommit  none\n")
    return fetch_source.Lock.read(vendor / "lock")


def start(vendor, index):
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    env = inherited | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull}
    command = [sys.executable, str(SCRIPT), str(vendor)]
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE, encoding="utf-8")


def run(vendor, index):
    process = start(vendor, index)
    error = process.communicate()[1]
    return process.returncode, error


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# ---- the vendored source --------------------------------------------------------------------------------------------


@needs_pip
def test_the_pinned_source_is_fetched_and_what_is_needed_kept(vendor, index):
    archive = write_archive(index / "pinned-1.0.tar.gz", PACKAGE | TREE | NOT_NEEDED)
    lock(vendor, sha256(archive))
    assert run(vendor, index) == (0, "")
    assert files_of(vendor) == {"lock", "source/.sha256"} | {f"source/{name}" for name in fetch_source.REQUIRED}


@needs_pip
def test_two_builds_at_once_do_no_harm(vendor, index):
    archive = write_archive(index / "pinned-1.0.tar.gz", PACKAGE | TREE)
    lock(vendor, sha256(archive))
    builds = [start(vendor, index) for _ in range(3)]
    assert [(build.communicate()[1], build.returncode) for build in builds] == [("", 0)] * 3
    assert files_of(vendor) == {"lock", "source/.sha256"} | {f"source/{name}" for name in fetch_source.REQUIRED}


@needs_pip
def test_a_changed_lock_refetches(vendor, index):
    archive = write_archive(index / "pinned-1.0.tar.gz", PACKAGE | TREE)
    lock(vendor, sha256(archive))
    (vendor / "source").mkdir()
    (vendor / "source" / ".sha256").write_text("of another archive")
    (vendor / "source" / "outdated.cpp").touch()
    assert run(vendor, index) == (0, "")
    assert (vendor / "source" / ".sha256").read_text() == sha256(archive)
    assert not (vendor / "source" / "outdated.cpp").exists()


def test_a_source_of_this_lock_is_used_as_it_is(vendor, index):
    lock(vendor, "0" * 64)
    (vendor / "source").mkdir()
    (vendor / "source" / ".sha256").write_text("0" * 64)
    assert run(vendor, index) == (0, "")
    assert files_of(vendor) == {"lock", "source/.sha256"}


@needs_pip
def test_pip_refuses_another_archive_before_it_runs_anything_of_it(vendor, index):
    ran = index / "ran"
    spy = PACKAGE["backend.py"].replace("def ", f"Path({str(ran)!r}).touch()\ndef ", 1)
    write_archive(index / "pinned-1.0.tar.gz", PACKAGE | TREE | {"backend.py": spy})
    lock(vendor, "0" * 64)
    code, error = run(vendor, index)
    assert code == 1
    assert "0" * 64 in error
    assert "JINA_OMNI_LLAMA_CPP" in error
    assert files_of(vendor) == {"lock"}
    assert not ran.exists()


def test_another_archive_is_refused_and_nothing_left(vendor, index, monkeypatch):
    archive = write_archive(index / "pinned-1.0.tar.gz", TREE)
    lock(vendor, "0" * 64)
    monkeypatch.setattr(fetch_source, "download", lambda *_: archive)
    with pytest.raises(fetch_source.FetchError, match=f"{sha256(archive)}.*{'0' * 64}"):
        fetch_source.fetch(vendor)
    assert files_of(vendor) == {"lock"}


@needs_pip
def test_without_a_network_the_message_says_what_to_do(vendor, index):
    lock(vendor, "0" * 64)
    code, error = run(vendor, index)
    assert code == 1
    for part in ("pip could not obtain pinned 1.0", "No matching distribution", "JINA_OMNI_LLAMA_CPP"):
        assert part in error
    assert files_of(vendor) == {"lock"}


@pytest.mark.parametrize("name", ["../evil", "vendor/llama.cpp/ggml/../../../../evil", "vendor\\llama.cpp\\..\\evil"])
def test_a_path_out_of_the_folder_is_refused(tmp_path, name):
    archive = write_archive(tmp_path / "a.tar.gz", TREE | {name: "evil"})
    with pytest.raises(fetch_source.FetchError, match="Refused"):
        fetch_source.unpack(archive, tmp_path / "deep" / "tree")
    assert not list(tmp_path.rglob("evil"))


def test_an_absolute_path_is_refused(tmp_path):
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(str(tmp_path / "evil")))
    with tarfile.open(archive, "r:gz") as tar:
        assert tar.getnames()[0].startswith("/") or os.name == "nt"
    with pytest.raises(fetch_source.FetchError, match="Refused"):
        fetch_source.unpack(archive, tmp_path / "tree")


def test_a_link_is_refused(tmp_path):
    archive = write_archive(tmp_path / "a.tar.gz", TREE, links=[("vendor/llama.cpp/ggml/passwd", "/etc/passwd")])
    with pytest.raises(fetch_source.FetchError, match="link"):
        fetch_source.unpack(archive, tmp_path / "tree")


def test_an_archive_without_llama_cpp_is_refused(tmp_path):
    archive = write_archive(tmp_path / "a.tar.gz", {"setup.py": ""})
    with pytest.raises(fetch_source.FetchError, match="holds no llama"):
        fetch_source.unpack(archive, tmp_path / "tree")


# ---- CMake's refusals -----------------------------------------------------------------------------------------------


def configure(build, *definitions, **environment):
    command = ["cmake", "-S", str(ROOT), "-B", str(build), f"-DPython_EXECUTABLE={sys.executable}", *definitions]
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode != 0
    return " ".join(result.stderr.split())  # CMake wraps lines


@needs_cmake
def test_a_folder_without_llama_cpp_is_refused(tmp_path):
    error = configure(tmp_path / "build", f"-DJINA_OMNI_LLAMA_CPP={tmp_path}")
    assert "is not a llama.cpp source tree: it has no CMakeLists.txt" in error


@needs_cmake
@needs_build_tools
def test_an_unknown_backend_is_refused(tmp_path):
    error = configure(tmp_path / "build", JINA_OMNI_BACKEND="abacus")
    assert "JINA_OMNI_BACKEND is 'abacus'. Set it to cpu, cuda, metal or vulkan." in error


@needs_cmake
@needs_build_tools
def test_a_build_for_vulkan_names_the_packages_that_are_missing(tmp_path):
    absent = "-DCMAKE_DISABLE_FIND_PACKAGE_Vulkan=ON"
    error = configure(tmp_path / "build", absent, JINA_OMNI_BACKEND="vulkan")
    assert "Install libvulkan-dev, glslc and spirv-headers (Debian, Ubuntu)" in error


@needs_cmake
@needs_build_tools
@pytest.mark.parametrize(("version", "is_old"), [(239, True), (275, False)])
def test_a_build_for_vulkan_checks_the_version_of_its_headers(tmp_path, version, is_old):
    headers = tmp_path / "vulkan"
    headers.mkdir()
    (headers / "vulkan.h").touch()
    (headers / "vulkan_core.h").write_text(
        f"#define VK_HEADER_VERSION {version}\n"
        "#define VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION(0, 1, 3, VK_HEADER_VERSION)\n"
    )
    definitions = {
        "Vulkan_INCLUDE_DIR": tmp_path,
        "Vulkan_LIBRARY": headers / "vulkan.h",
        "Vulkan_GLSLC_EXECUTABLE": sys.executable,
        "CMAKE_DISABLE_FIND_PACKAGE_SPIRV-Headers": "ON",
    }
    options = [f"-D{name}={value}" for name, value in definitions.items()]
    error = configure(tmp_path / "build", *options, JINA_OMNI_BACKEND="vulkan")
    assert (f"are of version 1.3.{version}, and 1.3.275 is needed" in error) == is_old
    assert ("SPIRV-Headers were not found. Install spirv-headers" in error) == (not is_old)


@needs_cmake
@needs_build_tools
def test_missing_headers_of_python_are_named(tmp_path):
    error = configure(tmp_path / "build", f"-DPython_INCLUDE_DIR={tmp_path}")  # a folder without them
    assert "install python3-dev (Debian, Ubuntu) or python3-devel" in error


@needs_cmake
def test_a_missing_compiler_is_named(tmp_path):
    error = configure(tmp_path / "build", CC=str(tmp_path / "cc"), CXX=str(tmp_path / "c++"))
    assert "needs a C and a C++17 compiler" in error


# ---- for other machines ---------------------------------------------------------------------------------------------


@needs_cmake
@needs_build_tools
@pytest.mark.skipif(
    platform.machine().lower() not in {"x86_64", "amd64"} or os.name == "nt", reason="needs x86-64, and not MSVC"
)
def test_a_portable_build_compiles_for_any_x86_64_what_does_not_choose_at_run_time(tmp_path):
    options = ["-DGGML_NATIVE=OFF", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", f"-DPython_EXECUTABLE={sys.executable}"]
    subprocess.run(["cmake", "-S", str(ROOT), "-B", str(tmp_path), *options], check=True, capture_output=True)
    commands = json.loads((tmp_path / "compile_commands.json").read_text())
    for_some = {
        Path(command["file"]).relative_to(ROOT).as_posix()
        for command in commands
        if re.search(r" -m(avx|sse|ssse|fma|f16c|bmi|arch=|amx)", command["command"])
    }
    assert len(commands) > 50
    assert for_some
    assert {name for name in for_some if not name.startswith("csrc/kernels/")} == set()


@needs_build_tools
def test_accelerators_are_of_the_version_that_the_extras_ask_for():
    def read(folder):
        """Return the metadata that the build backend gives to a distribution."""
        command = [sys.executable, "-m", "scikit_build_core.build", "project-table"]
        return json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True, encoding="utf-8").stdout)

    own = read(ROOT)
    assert own["version"] == jina_omni.__version__ == importlib.metadata.version("jina-omni")
    wanted = f"{own['name']}=={own['version']}"
    projects = {path.parent.name: read(path.parent) for path in (ROOT / "accelerators").glob("*/pyproject.toml")}
    assert set(projects) == {"cuda12", "cuda13", "vulkan"}
    for name, project in projects.items():
        assert own["optional-dependencies"][name] == [f"{project['name']}=={project['version']}"]
        assert project["name"] == f"{own['name']}-{name}"
        assert wanted in project["dependencies"]
        assert project["requires-python"] == own["requires-python"]


def test_the_version_stands_in_one_file():
    asked = [line for line in importlib.metadata.requires("jina-omni") if line.startswith("jina-omni-")]
    assert len(asked) == 3
    assert all(line.partition(";")[0].endswith(f"=={jina_omni.__version__}") for line in asked)
    ours = [ROOT / "pyproject.toml", *(ROOT / "accelerators").glob("*/pyproject.toml"), *(ROOT / "src").rglob("*.py")]
    holders = [path for path in ours if f'"{jina_omni.__version__}"' in path.read_text(encoding="utf-8")]
    assert holders == [ROOT / "src" / "jina_omni" / "_version.py"]


def test_the_bill_of_materials_names_the_pinned_source():
    pinned = fetch_source.Lock.read(VENDOR / "lock")
    llama = make_sbom.bill("jina-omni", "0.1.0", "cpu", pinned.commit, "0.25.3", pinned)["components"][0]
    assert llama["purl"].endswith(f"@{pinned.commit}")
    (origin,) = llama["externalReferences"]
    assert origin["hashes"] == [{"alg": "SHA-256", "content": pinned.sha256}]


def test_the_bill_of_materials_does_not_take_a_tree_of_ones_own_for_the_pinned_one():
    pinned = fetch_source.Lock.read(VENDOR / "lock")
    llama = make_sbom.bill("jina-omni", "0.1.0", "cpu", "unknown", "0.25.3", pinned)["components"][0]
    assert not {"purl", "externalReferences"} & set(llama)


# ---- what comes out -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("nm") is None, reason="needs nm on Linux")
def test_the_extension_exports_nothing_but_its_init_function():
    extension = importlib.util.find_spec("jina_omni.native._lib").origin
    command = ["nm", "-D", "--defined-only", "--format=posix", extension]
    symbols = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.splitlines()
    assert [line.split()[0] for line in symbols] == ["PyInit__lib"]


def build(kind, source, output):
    """Build a distribution by its hook, with no network and no build environment."""
    code = f"from scikit_build_core import build; print(build.build_{kind}({str(output)!r}))"
    env = os.environ | {"PIP_NO_INDEX": "1"}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=source, env=env, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return output / result.stdout.split()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """Give a source distribution of this checkout."""
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@needs_cmake
@needs_build_tools
def test_a_source_distribution_carries_the_source_and_its_licences(sdist):
    with tarfile.open(sdist) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    # tools has what the benchmarks build, which aren't in it either
    needed = {name for name in files_of(VENDOR / "source") if not name.startswith("tools/")}
    source = {f"vendor/llama.cpp/source/{name}" for name in needed}
    assert source <= names
    assert {name for name in names if name.startswith("vendor/llama.cpp/source/")} == source
    licences = ("LICENSE", "AUTHORS", "licenses/LICENSE-jsonhpp", "vendor/hash/xxhash/LICENSE", ".sha256")
    assert {f"vendor/llama.cpp/source/{name}" for name in licences} <= names
    own = ("LICENSE", "pyproject.toml", "CMakeLists.txt", "cmake/source.cmake", "csrc/jina_omni.h")
    assert {*own, "vendor/llama.cpp/lock", "src/jina_omni/__init__.py", "tests/build/test_build.py"} <= names
    assert not [name for name in names if name.startswith(("accelerators/", "build/", "benchmarks/", "tools/", ".git"))]


@pytest.mark.slow
@needs_cmake
@needs_build_tools
def test_a_source_distribution_builds_a_wheel_without_a_network(sdist, tmp_path):
    with tarfile.open(sdist) as tar:
        tar.extractall(tmp_path, filter="data")
    wheel = build("wheel", tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path)
    assert "-cp310-abi3-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        bills = [json.loads(archive.read(name)) for name in names if ".dist-info/sboms/" in name]
    assert [name for name in names if name.startswith("jina_omni/native/_lib.")]
    pages = {name for name in files_of(ROOT / "src/jina_omni") if name.endswith((".html", ".css", ".js"))}
    assert pages
    assert {f"jina_omni/{name}" for name in pages} <= set(names)
    assert [name for name in names if name.endswith("/licenses/llama.cpp/LICENSE")]
    assert [bill["bomFormat"] for bill in bills] == ["CycloneDX"]
    assert bills[0]["components"][0]["version"] == fetch_source.Lock.read(VENDOR / "lock").commit
    assert {name.split("/")[0].removesuffix(".dist-info").partition("-")[0] for name in names} == {"jina_omni"}
