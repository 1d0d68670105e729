// SPDX-License-Identifier: Apache-2.0
// What an x86 processor has that not every compiler's __builtin_cpu_supports knows: Clang 14 does not know AMX.
#pragma once

#if defined(__linux__) && defined(__x86_64__)

#include <cpuid.h>
#include <cstdint>
#include <sys/syscall.h>
#include <unistd.h>

namespace omni {

// Whether the processor has tiles with products of bytes, and Linux would give them to a process that asks. Asks for nothing.
inline bool x86_has_amx() {
    constexpr unsigned amx_tile = 1u << 24, amx_int8 = 1u << 25; // of EDX of leaf 7
    constexpr int      get_supported = 0x1021, tile_data = 18;   // ARCH_GET_XCOMP_SUPP, XFEATURE_XTILEDATA
    unsigned           eax = 0, ebx = 0, ecx = 0, edx = 0;
    uint64_t           supported = 0;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx & amx_tile) != 0 && (edx & amx_int8) != 0 &&
           syscall(SYS_arch_prctl, get_supported, &supported) == 0 && (supported >> tile_data & 1) != 0;
}

} // namespace omni

#endif
