#!/usr/bin/env bash
# Whether csrc/ is formatted as .clang-format says, and clang-tidy finds nothing of what .clang-tidy asks for.
#
#   tools/check_cpp.sh [FOLDER...]
#
# Only the C++ of these folders where they are given. Needs the packages of '.[dev]' in the python3 of the environment (or
# $PYTHON), and a compiler that cmake finds: the commands of the build say how each file is compiled, and nothing is built.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
export PATH="$(dirname "$(command -v "$python")"):$PATH" # the tools of its environment
[ $# -gt 0 ] || set -- csrc
build=build/check_cpp

find "$@" \( -name '*.cpp' -o -name '*.h' \) -print0 | xargs -0 clang-format --dry-run --Werror

cmake -S . -B "$build" -G Ninja -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DPython_EXECUTABLE="$(command -v "$python")" \
    --log-level=WARNING
# the kernels are there once for each instruction set, and each is looked at
find "$@" -name '*.cpp' -print0 |
    xargs -0 -n 1 -P "$(getconf _NPROCESSORS_ONLN)" \
        clang-tidy --quiet -p "$build" --warnings-as-errors='*'
