# SPDX-License-Identifier: Apache-2.0
# Adds csrc/kernels to omni, once for each instruction set that the processor may turn out to have.

set(kernels_dir "${CMAKE_CURRENT_LIST_DIR}/../csrc/kernels")
set(variants "") # for kernels.cpp: V(name, whether this processor runs it), the best first

# What a linear product needs beside linear_NAME.cpp.
set(sources_q8 packed_q8.cpp q8_rows.cpp weight_types.cpp weight_types_k.cpp)
set(sources_q14 q14_rows.cpp)
set(sources_amx_q16 q16_rows.cpp) # amx_q8 needs q8 beside it

# add_kernels(name condition PRODUCTS product... [ATTENTION i16] [OPTIONS option...])
# An instruction set, whose primitives csrc/kernels/isa/NAME.h has. condition: C++ that says whether the processor runs it. The
# linear products, the fastest first; attention that is faster than attention_f32; and options of the compiler.
function(add_kernels name condition)
    cmake_parse_arguments(PARSE_ARGV 2 with "" "ATTENTION" "PRODUCTS;OPTIONS")
    set(sources activation.cpp attention_f32.cpp linear.cpp norm.cpp rotary.cpp variant.cpp)
    set(attention attention_f32)
    if(with_ATTENTION)
        set(attention attention_${with_ATTENTION})
        list(APPEND sources ${attention}.cpp)
    endif()
    set(products "")
    foreach(product IN LISTS with_PRODUCTS)
        list(APPEND sources linear_${product}.cpp ${sources_${product}})
        string(APPEND products " P(${product})")
    endforeach()
    list(TRANSFORM sources PREPEND "${kernels_dir}/")
    file(CONFIGURE OUTPUT kernels/${name}/linear_products.h CONTENT "#define OMNI_PRODUCTS(P)@products@\n" @ONLY)

    add_library(omni_${name} OBJECT ${sources})
    target_compile_features(omni_${name} PRIVATE cxx_std_17)
    target_compile_definitions(omni_${name} PRIVATE OMNI_VARIANT=${name} OMNI_ATTENTION=${attention})
    target_include_directories(omni_${name} PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/kernels/${name}")
    if(MSVC)
        target_compile_options(omni_${name} PRIVATE /W4 /utf-8 /O2 /fp:contract ${with_OPTIONS})
    else()
        target_compile_options(omni_${name} PRIVATE -Wall -Wextra -O3 -ffp-contract=fast ${with_OPTIONS})
    endif()
    target_link_libraries(omni_${name} PRIVATE ggml-base)
    target_sources(omni PRIVATE $<TARGET_OBJECTS:omni_${name}>)
    set(variants "${variants} V(${name}, ${condition})" PARENT_SCOPE)
endfunction()

function(processor_has out)
    list(TRANSFORM ARGN REPLACE "(.+)" "__builtin_cpu_supports(\"\\1\")")
    list(JOIN ARGN " && " condition)
    set(${out} "${condition}" PARENT_SCOPE)
endfunction()

set(processor "${CMAKE_SYSTEM_PROCESSOR}")
if(APPLE AND CMAKE_OSX_ARCHITECTURES)
    set(processor "${CMAKE_OSX_ARCHITECTURES}") # the other of the two that a Mac compiles for
endif()

if(processor MATCHES "^(x86_64|AMD64|amd64)$" AND NOT MSVC)
    set(avx2 -mavx2 -mfma -mf16c -mbmi -mbmi2)
    set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
    processor_has(has_avx2 avx2 fma bmi bmi2)
    processor_has(has_avx512 avx512f avx512bw avx512dq avx512vl)
    processor_has(has_avx512vnni avx512f avx512bw avx512dq avx512vl avx512vnni)
    add_kernels(avx512vnni "${has_avx512vnni}" PRODUCTS q8 q14 f32 ATTENTION i16 OPTIONS ${avx512} -mavx512vnni)
    include(CheckCXXSourceCompiles)
    set(CMAKE_REQUIRED_FLAGS "-mamx-tile -mamx-int8")
    check_cxx_source_compiles("int main() { __asm__ volatile(\"tilerelease\"); }" COMPILER_HAS_AMX)
    unset(CMAKE_REQUIRED_FLAGS)
    if(COMPILER_HAS_AMX AND CMAKE_SYSTEM_NAME STREQUAL "Linux") # the system has to be asked for tiles
        # After avx512vnni, so that nobody gets it unasked: it has run on emulated tiles only, and makes signal frames larger.
        add_kernels(amx "${has_avx512vnni} && omni::x86_has_amx()" PRODUCTS amx_q8 amx_q16 q8 q14 f32 ATTENTION i16
                    OPTIONS ${avx512} -mavx512vnni -mamx-tile -mamx-int8)
    endif()
    add_kernels(avx512 "${has_avx512}" PRODUCTS q8 f32 OPTIONS ${avx512}) # q14 is no faster than f32
    set(CMAKE_REQUIRED_FLAGS -mavxvnni)
    check_cxx_source_compiles("int main() { return __builtin_cpu_supports(\"avxvnni\"); }" COMPILER_HAS_AVXVNNI)
    unset(CMAKE_REQUIRED_FLAGS)
    if(COMPILER_HAS_AVXVNNI)
        processor_has(has_avxvnni avx2 fma bmi bmi2 avxvnni)
        add_kernels(avxvnni "${has_avxvnni}" PRODUCTS q8 q14 f32 ATTENTION i16 OPTIONS ${avx2} -mavxvnni)
    endif()
    add_kernels(avx2 "${has_avx2}" PRODUCTS q8 q14 f32 ATTENTION i16 OPTIONS ${avx2})
    add_kernels(sse2 true PRODUCTS q8 q14 f32 ATTENTION i16)
elseif(processor MATCHES "^(aarch64|arm64|ARM64)$" AND NOT MSVC)
    # q14 is no faster than f32
    include(CheckCXXCompilerFlag)
    check_cxx_compiler_flag(-march=armv8.2-a+dotprod+i8mm COMPILER_HAS_I8MM)
    if(COMPILER_HAS_I8MM)
        add_kernels(i8mm "omni::arm_has_dotprod() && omni::arm_has_i8mm()" PRODUCTS q8 f32
                    OPTIONS -march=armv8.2-a+dotprod+i8mm)
    endif()
    add_kernels(dotprod "omni::arm_has_dotprod()" PRODUCTS q8 f32 OPTIONS -march=armv8.2-a+dotprod)
    add_kernels(neon true PRODUCTS q8 f32)
else()
    # those of the machine that ggml's own are compiled for
    get_target_property(machine_options ggml-cpu COMPILE_OPTIONS)
    list(FILTER machine_options INCLUDE REGEX "^(-m|/arch:)")
    if(MSVC)
        add_kernels(generic true PRODUCTS f32 OPTIONS ${machine_options})
    else()
        add_kernels(vector128 true PRODUCTS f32 OPTIONS ${machine_options})
    endif()
endif()
target_sources(omni PRIVATE "${kernels_dir}/kernels.cpp")
file(CONFIGURE OUTPUT kernels/kernel_variants.h CONTENT "#define OMNI_VARIANTS(V)@variants@\n" @ONLY)
target_include_directories(omni PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/kernels")
message(STATUS "jina_omni kernels:${variants}")
