#!/usr/bin/env bash
# The tests of the scheduler under ThreadSanitizer; the thread pool and the C boundary, each for SECONDS (30), with files of all
# kinds; then the native tests of threads and processes.
#
#   tests/sanitizers/tsan.sh [SECONDS]
source "$(dirname "$0")/build.sh"
build_with thread _lib scheduler_test stress_pool stress_boundary
use_extension

export TSAN_OPTIONS=halt_on_error=1
models=$(mktemp -d)
trap 'rm -rf "$models"' EXIT
cd "$root"
"$python" -m tests.fuzz.files "$models"
for name in $("$build/scheduler_test"); do
    timeout 300 "$build/scheduler_test" "$name"
done
"$build/stress_pool" "${1:-30}"
for text in qwen3 eurobert-odd; do
    "$build/stress_boundary" "$models/$text.gguf" "$models/combined.gguf" "${1:-30}"
done

# GCC's runtime, which understands what clang compiles: clang's crashes in a program that was compiled without it.
# ignore_noninstrumented_modules: other packages were compiled without it too, and how their threads wait stays unseen.
# not: what measures memory or time, limits memory or loads another llama.cpp; threads do not survive a fork under it
TSAN_OPTIONS=ignore_noninstrumented_modules=1 LD_PRELOAD=$(g++ -print-file-name=libtsan.so) \
    "$python" -m pytest -p no:cacheprovider tests/native/test_{threads,processes,scheduling}.py \
    -k "not another and not llama_cpp and not leaks and not forked and not forks and not refuses and not leave_nothing and not stops"
