#!/usr/bin/env bash
# The native tests, those of the scheduler and of an accelerator, and a backend that fails in mid-graph, under AddressSanitizer
# with its leak check and UndefinedBehaviorSanitizer.
#
#   tests/sanitizers/asan.sh [PYTEST ARGUMENT...]
source "$(dirname "$0")/build.sh"
build_with address _lib device_test failing_backend scheduler_test
use_extension

here=$root/tests/sanitizers
# detect_odr_violation: several libraries of the media packages carry the same code
export ASAN_OPTIONS=detect_odr_violation=0:allocator_may_return_null=1
export LSAN_OPTIONS=suppressions=$here/leaks.txt:print_suppressions=0
export UBSAN_OPTIONS=suppressions=$here/undefined.txt:halt_on_error=1:print_stacktrace=1
export PYTHONMALLOC=malloc # so that Python's own pools hide nothing

cd "$root"
models=$(mktemp -d)
"$python" -m tests.fuzz.files "$models"
for text in qwen3 eurobert-odd; do
    "$build/failing_backend" "$models/$text.gguf" "$models/combined.gguf"
done
read -r text other vision audio < <("$python" -c 'import pathlib, sys
from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import Edits, write_checkpoint, write_text
folder = pathlib.Path(sys.argv[1])
files = write_checkpoint(folder, TINY["small"])
other = write_text(folder / "other.gguf", TINY["small"], edits=Edits(seed=1))
print(files.text, other, files.vision, files.audio)' "$models")
for part in compare fail memory cancel look-up; do
    "$build/device_test" "$part" "$text" "$vision" "$audio"
done
"$build/device_test" keep "$text" "$other" "$vision" "$audio"
rm -rf "$models"
for name in $("$build/scheduler_test"); do
    timeout 300 "$build/scheduler_test" "$name"
done

"$python" -m testing.engine.build # not by a fixture: cmake hangs under a preloaded sanitizer
if [ $# = 0 ]; then
    # not: what measures memory or time, loads another llama.cpp, or leaves a forked child's objects alone as it must
    set -- tests/native/test_{audio_tower,boundary,files,instruction_sets,model,processes,towers}.py \
        -k "not another and not llama_cpp and not leaks and not forked and not refuses and not ctrl_c and not cancel and not signal"
fi
LD_PRELOAD=$("${CC:-clang}" -print-file-name="libclang_rt.asan-$(uname -m).so") exec "$python" -m pytest -p no:cacheprovider "$@"
