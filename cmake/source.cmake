# SPDX-License-Identifier: Apache-2.0
# Where llama.cpp's source lies: sets LLAMA_CPP_DIR and LLAMA_CPP_COMMIT. vendor/llama.cpp/README.md has the rules.

set(vendor_dir "${CMAKE_CURRENT_SOURCE_DIR}/vendor/llama.cpp")

if(NOT JINA_OMNI_LLAMA_CPP)
    set(JINA_OMNI_LLAMA_CPP "$ENV{JINA_OMNI_LLAMA_CPP}")
endif()

# A source distribution carries the pinned source, never somebody's own.
if(JINA_OMNI_LLAMA_CPP AND NOT SKBUILD_STATE STREQUAL "sdist")
    cmake_path(ABSOLUTE_PATH JINA_OMNI_LLAMA_CPP BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE
               OUTPUT_VARIABLE LLAMA_CPP_DIR)
    set(LLAMA_CPP_COMMIT "unknown")
    foreach(file IN ITEMS CMakeLists.txt include/llama.h src/CMakeLists.txt ggml/CMakeLists.txt)
        if(NOT EXISTS "${LLAMA_CPP_DIR}/${file}")
            message(FATAL_ERROR
                "JINA_OMNI_LLAMA_CPP is ${LLAMA_CPP_DIR}, which is not a llama.cpp source tree: it has no ${file}. "
                "Name the top folder of one, or leave JINA_OMNI_LLAMA_CPP out to build with the pinned source.")
        endif()
    endforeach()
else()
    find_package(Python 3.10 REQUIRED COMPONENTS Interpreter)
    execute_process(
        COMMAND "${Python_EXECUTABLE}" "${CMAKE_CURRENT_LIST_DIR}/fetch_source.py" "${vendor_dir}"
        RESULT_VARIABLE failed
        ERROR_VARIABLE error)
    if(failed)
        message(FATAL_ERROR "${error}")
    endif()
    set(LLAMA_CPP_DIR "${vendor_dir}/source")
    file(STRINGS "${vendor_dir}/lock" LLAMA_CPP_COMMIT REGEX "^commit ")
    string(REGEX REPLACE "^commit +" "" LLAMA_CPP_COMMIT "${LLAMA_CPP_COMMIT}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${vendor_dir}/lock")
endif()

message(STATUS "llama.cpp source: ${LLAMA_CPP_DIR}")
