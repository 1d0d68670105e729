#!/usr/bin/env bash
# Compiles and links jina-omni-cuda13 for the GPUs that its pyproject.toml names, checks that the module holds code for each,
# and loads it on this machine: without a driver it must say so and compute on the CPU. Needs nvcc of CUDA 13; takes cuBLAS and
# cuobjdump from NVIDIA's packages for Python. Long: over a hundred files of kernels, each for every architecture; CUDAARCHS=90
# compiles for one. CUDAFLAGS and CMAKE_BUILD_PARALLEL_LEVEL are honoured, and a second run goes on where the first stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
environment=build/cuda-environment
defaults=$(sed -n 's/^cmake\.define\.CMAKE_CUDA_ARCHITECTURES = "\(.*\)".*/\1/p' accelerators/cuda13/pyproject.toml)
architectures=${CUDAARCHS:-$defaults}

[[ -d $environment ]] || python3 -m venv "$environment"
release=$(nvcc --version | sed -n 's/.*release \(13\.[0-9]*\),.*/\1/p') # whose headers know those of cuBLAS
"$environment/bin/pip" install --quiet build scikit-build-core cffi cmake ninja "nvidia-cublas==$release.*" \
    "nvidia-cuda-runtime==$release.*" "nvidia-cuda-cuobjdump==13.*"
nvidia=$(echo "$PWD/$environment"/lib/python3*/site-packages/nvidia/cu13)
export CUDAFLAGS="-I$nvidia/include ${CUDAFLAGS:-}" PATH="$PWD/$environment/bin:$nvidia/bin:$PATH"
python -m build --wheel --no-isolation --outdir dist accelerators/cuda13 \
    --config-setting=cmake.define.CMAKE_CUDA_ARCHITECTURES="$architectures" \
    --config-setting=cmake.define.CUDA_cublas_LIBRARY="$nvidia/lib/libcublas.so.13"
stat --format='%n: %s bytes' dist/jina_omni_cuda13-*.whl

pip install . # from this checkout, as the accelerator's wheel asks for its version
pip install --force-reinstall --no-deps dist/jina_omni_cuda13-*.whl
python tools/check_cuda_code.py "$(python -c 'import jina_omni_cuda13._lib as module; print(module.__file__)')" "$architectures"
python tools/smoke_wheel.py
