# Compiles without AMX where the compiler miscompiles it: GCC 12.2 drops most of a tile's configuration (its bug 114098), and
# ggml's products of quantised weights then end the process by an illegal instruction.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$" AND NOT MSVC)
  include(CheckCXXSourceRuns)
  file(READ ${CMAKE_CURRENT_LIST_DIR}/amx_tiles.cpp program)
  set(CMAKE_REQUIRED_FLAGS "-march=native -O2")
  check_cxx_source_runs("${program}" AMX_TILES_WORK)
  unset(CMAKE_REQUIRED_FLAGS)
  if(NOT AMX_TILES_WORK)
    add_compile_options(-mno-amx-int8)
  endif()
endif()
