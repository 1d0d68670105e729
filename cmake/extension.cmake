# SPDX-License-Identifier: Apache-2.0
# The extension jina_omni.native._lib: csrc/ behind cffi's wrapper of csrc/jina_omni.h, on Python's stable ABI.

# scikit-build-core says which stable ABI the wheel is tagged for; a free-threaded Python has none.
if(SKBUILD_SABI_VERSION)
    set(python_development Development.SABIModule)
    set(stable_abi USE_SABI ${SKBUILD_SABI_VERSION})
else()
    set(python_development Development.Module)
endif()
find_package(Python 3.10 COMPONENTS Interpreter ${python_development})
if(NOT Python_FOUND)
    message(FATAL_ERROR "Python of 3.10 or newer with its headers was not found. A distribution has the headers in a package of "
        "their own: install python3-dev (Debian, Ubuntu) or python3-devel (Fedora).")
endif()

set(wrapper "${CMAKE_CURRENT_BINARY_DIR}/_lib.c")
set(header "${CMAKE_CURRENT_SOURCE_DIR}/csrc/jina_omni.h")
set(make_wrapper "${CMAKE_CURRENT_LIST_DIR}/make_cffi.py")
add_custom_command(
    OUTPUT "${wrapper}"
    COMMAND "${Python_EXECUTABLE}" "${make_wrapper}" "${header}" "${wrapper}"
    DEPENDS "${make_wrapper}" "${header}"
    VERBATIM)

python_add_library(_lib MODULE ${stable_abi} WITH_SOABI "${wrapper}")
target_link_libraries(_lib PRIVATE omni)
set_target_properties(_lib PROPERTIES LINKER_LANGUAGE CXX)

# Another llama.cpp in the same process must neither see our symbols nor lend us its own.
set(exports "${CMAKE_CURRENT_LIST_DIR}/exports.map")
if(APPLE)
    target_link_options(_lib PRIVATE "LINKER:-exported_symbol,_PyInit__lib")
elseif(NOT WIN32)
    target_link_options(_lib PRIVATE "LINKER:--exclude-libs,ALL" "LINKER:--version-script=${exports}")
    set_target_properties(_lib PROPERTIES LINK_DEPENDS "${exports}")
endif()

# An accelerator's distribution (accelerators/) is the extension alone, in a package of its own.
set(package jina_omni/native)
if(SKBUILD_PROJECT_NAME MATCHES "^jina_omni_")
    set(package "${SKBUILD_PROJECT_NAME}")
endif()

# NVIDIA's own packages, beside ours in site-packages, bring what CUDA links to.
if(JINA_OMNI_BACKEND STREQUAL "cuda")
    file(RELATIVE_PATH site "/${package}" "/")
    if(CUDAToolkit_VERSION_MAJOR LESS 13)
        set(nvidia "$ORIGIN/${site}nvidia/cublas/lib" "$ORIGIN/${site}nvidia/cuda_runtime/lib")
    else()
        set(nvidia "$ORIGIN/${site}nvidia/cu${CUDAToolkit_VERSION_MAJOR}/lib")
    endif()
    set_target_properties(_lib PROPERTIES INSTALL_RPATH "${nvidia}")
endif()

install(TARGETS _lib DESTINATION "${package}" COMPONENT jina_omni)

# What is linked in goes out under its own licences.
set(licenses "${SKBUILD_METADATA_DIR}/licenses/llama.cpp")
install(FILES "${LLAMA_CPP_DIR}/LICENSE" "${LLAMA_CPP_DIR}/AUTHORS" DESTINATION "${licenses}" COMPONENT jina_omni)

get_directory_property(ggml_version DIRECTORY "${LLAMA_CPP_DIR}/ggml" DEFINITION GGML_VERSION)
set(bill "${CMAKE_CURRENT_BINARY_DIR}/jina_omni.cdx.json")
string(REPLACE "_" "-" distribution "${SKBUILD_PROJECT_NAME}")
execute_process(
    COMMAND "${Python_EXECUTABLE}" "${CMAKE_CURRENT_LIST_DIR}/make_sbom.py" "${bill}"
            "${CMAKE_CURRENT_SOURCE_DIR}/vendor/llama.cpp/lock" "${distribution}" "${SKBUILD_PROJECT_VERSION}"
            "${JINA_OMNI_BACKEND}" "${LLAMA_CPP_COMMIT}" "${ggml_version}"
    COMMAND_ERROR_IS_FATAL ANY)
install(FILES "${bill}" DESTINATION "${SKBUILD_METADATA_DIR}/sboms" COMPONENT jina_omni)
