#!/usr/bin/env bash
# The thread pool and the C boundary under ThreadSanitizer, each for SECONDS (30), with files of all kinds.
#
#   tests/sanitizers/tsan.sh [SECONDS]
source "$(dirname "$0")/build.sh"
build_with thread stress_pool stress_boundary

export TSAN_OPTIONS=halt_on_error=1
models=$(mktemp -d)
trap 'rm -rf "$models"' EXIT
cd "$root"
"$python" -m tests.fuzz.files "$models"
"$build/stress_pool" "${1:-30}"
for text in qwen3 eurobert-odd; do
    "$build/stress_boundary" "$models/$text.gguf" "$models/combined.gguf" "${1:-30}"
done
