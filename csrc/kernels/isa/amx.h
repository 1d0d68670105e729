// SPDX-License-Identifier: Apache-2.0
// AVX-512 with VNNI and the tiles of AMX: Intel Xeon since Sapphire Rapids.
#pragma once

#include "amx_tiles.h"
#include "avx512vnni.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace omni::OMNI_VARIANT {

// The instructions are written out, since the intrinsics of GCC do not say what they read: GCC 12.2 drops the stores to a
// configuration (its bug 114098), and may move those to the memory of a tile. All are volatile, so that they keep their order.
struct amx : avx512vnni {
    static constexpr int n_row_group = 64; // of q16_rows.h

    // Asks Linux for the tiles, for the whole process and once. False where it refuses, as when a thread has an alternate stack
    // that is too small for signal frames with tiles (Documentation/arch/x86/xstate.rst of the kernel).
    static bool permit_tiles() {
        constexpr int     request_permission = 0x1023, tile_data = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
        static const bool permitted = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
        return permitted;
    }

    // Gives the tiles of this thread their sizes, and sets them to zero. While a thread has none, switching to it and from it
    // saves no tiles.
    static void configure_tiles(const tile_configuration & sizes) { __asm__ volatile("ldtilecfg %0" : : "m"(sizes)); }
    static void release_tiles() { __asm__ volatile("tilerelease"); }

    template <int tile> static void zero_tile() { __asm__ volatile("tilezero %%tmm%c0" : : "i"(tile)); }

    // The rows of a tile lie `stride` bytes apart.
    template <int tile> static void load_tile(const void * p, size_t stride) {
        __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(stride), "i"(tile) : "memory");
    }
    template <int tile> static void store_tile(void * p, size_t stride) {
        __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(p), "r"(stride), "i"(tile) : "memory");
    }

    // sums[r][c] += the products of signed bytes x[r][4 i + b] and w[i][4 c + b], over all i and b. The sums are int32.
    template <int sums, int x, int w> static void dot_tiles() {
        __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sums), "i"(x), "i"(w));
    }
};

} // namespace omni::OMNI_VARIANT
