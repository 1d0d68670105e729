# SPDX-License-Identifier: Apache-2.0
# Adds llama.cpp with the one backend beside the CPU that JINA_OMNI_BACKEND names: the targets llama, ggml and ggml-cpu.

if(NOT JINA_OMNI_BACKEND)
    set(JINA_OMNI_BACKEND "$ENV{JINA_OMNI_BACKEND}")
endif()
if(NOT JINA_OMNI_BACKEND)
    set(JINA_OMNI_BACKEND "cpu")
    if(APPLE)
        set(JINA_OMNI_BACKEND "metal")
    endif()
endif()
if(NOT JINA_OMNI_BACKEND MATCHES "^(cpu|cuda|metal|vulkan)$")
    message(FATAL_ERROR "JINA_OMNI_BACKEND is '${JINA_OMNI_BACKEND}'. Set it to cpu, cuda, metal or vulkan.")
endif()
message(STATUS "jina_omni backend: ${JINA_OMNI_BACKEND}")
if(JINA_OMNI_BACKEND STREQUAL "vulkan")
    include(vulkan)
endif()

foreach(backend IN ITEMS CUDA METAL VULKAN)
    string(TOLOWER ${backend} name)
    string(COMPARE EQUAL ${name} "${JINA_OMNI_BACKEND}" GGML_${backend})
endforeach()
set(GGML_BLAS OFF)       # on by default on macOS, where it would be a device of its own
set(GGML_CUDA_NCCL OFF)  # one device per context, so no collectives
set(GGML_CUDA_NO_VMM ON) # needs libcuda.so.1 to load: without a driver, importing would fail instead of finding no device

# ggml would read SOURCE_DATE_EPOCH as a wish for a portable build. Wheels for others say -DGGML_NATIVE=OFF.
if(NOT CMAKE_CROSSCOMPILING)
    option(GGML_NATIVE "Compile for this machine's CPU and GPU" ON)
endif()

# By portable, ggml means a processor with AVX2. Ours is any x86-64: what takes time are the kernels, which choose at run
# time. Not so with MSVC, whose one build of the kernels is for what ggml is compiled for.
if(NOT GGML_NATIVE AND NOT MSVC)
    foreach(instructions IN ITEMS SSE42 AVX AVX2 BMI2 FMA F16C)
        set(GGML_${instructions} OFF)
    endforeach()
endif()

# The kernels have threads of their own; ggml's operations run on one.
set(GGML_OPENMP OFF)

# Everything goes into one Python extension that shows none of its symbols.
set(BUILD_SHARED_LIBS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

foreach(part IN ITEMS COMMON TESTS TOOLS EXAMPLES SERVER APP)
    set(LLAMA_BUILD_${part} OFF)
endforeach()

# llama.cpp asks git for these, which would answer with our own commit and recompile after each of ours.
set(LLAMA_BUILD_NUMBER 0)
set(LLAMA_BUILD_COMMIT "${LLAMA_CPP_COMMIT}")
set(GIT_EXE "")

add_subdirectory("${LLAMA_CPP_DIR}" llama.cpp EXCLUDE_FROM_ALL SYSTEM)
if(JINA_OMNI_BACKEND STREQUAL "cuda")
    find_package(CUDAToolkit REQUIRED) # csrc/ asks CUDA itself for its devices
endif()

# Tiles are of no use to weights that stay mapped, and ggml would ask the kernel for them, for the whole process.
include(CheckCXXCompilerFlag)
check_cxx_compiler_flag(-mno-amx-int8 COMPILER_HAS_AMX_INT8)
if(COMPILER_HAS_AMX_INT8)
    target_compile_options(ggml-cpu PRIVATE -mno-amx-int8)
endif()
