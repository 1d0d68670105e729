# Sourced: builds targets with a sanitizer and leaves their folder in $build. Needs clang, and the packages of '.[test]' in
# the python3 of the environment (or $PYTHON).
#
#   build_with address|thread TARGET...
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=${PYTHON:-python3}
export PATH="$(dirname "$(command -v "$python")"):$PATH" # cmake and ninja of its environment

build_with() {
    local sanitizer=$1
    shift
    build=$root/build/sanitizers/$sanitizer
    cmake -S "$root/tests/sanitizers" -B "$build" -G Ninja -DJINA_OMNI_SANITIZER="$sanitizer" \
        -DCMAKE_C_COMPILER="${CC:-clang}" -DCMAKE_CXX_COMPILER="${CXX:-clang++}" -DPython_EXECUTABLE="$(command -v "$python")"
    cmake --build "$build" --target "$@"
}

# A copy of the package with the extension of $build, as PYTHONPATH.
use_extension() {
    mkdir -p "$build/python"
    rm -rf "$build/python/jina_omni"
    cp -r "$root/src/jina_omni" "$build/python/"
    rm -f "$build"/python/jina_omni/native/_lib.*
    cp "$build"/jina_omni/_lib.*so "$build/python/jina_omni/native/"
    export PYTHONPATH=$build/python
}
