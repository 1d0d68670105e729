#!/usr/bin/env bash
# A long search: each fuzzer for MINUTES (10), one after the other, or only those that are named. Needs what
# tests/sanitizers/build.sh says, the extension of the environment, and for a steered search of inputs the package atheris.
#
#   tests/fuzz/run.sh [MINUTES] [files|requests|texts|arrays|pictures|sounds|films|pages|drawings]...
#
# What it finds lies in build/fuzz: files as crash-*, cases as the last line of NAME.log. The search goes on from the corpus
# of the last one.
source "$(dirname "$0")/../sanitizers/build.sh"
seconds=$((60 * ${1:-10}))
shift || true
found=$root/build/fuzz
cd "$root"

fuzz_files() {
    build_with address fuzz_files
    mkdir -p "$found/seeds" "$found/files" "$root/tests/fuzz/seeds"
    "$python" -m tests.fuzz.files "$found/seeds"
    export UBSAN_OPTIONS=suppressions=$root/tests/sanitizers/undefined.txt:halt_on_error=1:print_stacktrace=1
    "$build/fuzz_files" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=1000000 -len_control=0 \
        -artifact_prefix="$found/" -print_final_stats=1 "$found/files" "$found/seeds" "$root/tests/fuzz/seeds"
}

fuzz_inputs() {
    mkdir -p "$found/$1"
    if "$python" -c "import atheris" 2>/dev/null; then
        "$python" -m tests.fuzz.steered "$1" -max_total_time="$seconds" -artifact_prefix="$found/$1-" \
            -rss_limit_mb=8192 -timeout=60 -max_len=4096 -len_control=0 "$found/$1"
    else
        local status=0
        timeout "$seconds" "$python" -m tests.fuzz.drivers "$1" "$RANDOM$RANDOM" 0 >"$found/$1.log" || status=$?
        tail -n 1 "$found/$1.log"
        [ "$status" = 124 ] # the time was over before anything was found
    fi
}

[ $# -gt 0 ] || set -- files requests texts arrays pictures sounds films pages drawings
for fuzzer in "$@"; do
    if [ "$fuzzer" = files ]; then fuzz_files; else fuzz_inputs "$fuzzer"; fi
done
