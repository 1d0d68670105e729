// The tiles of AMX in plain C++, with the interface of csrc/kernels/isa/amx.h. What a processor answers with an exception ends
// the program here.
#pragma once

#include "kernels/isa/amx_tiles.h"

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace omni::OMNI_VARIANT {

struct emulated_tile {
    uint8_t bytes[n_tile_row][n_tile_bytes];
};

// Of one thread.
struct emulated_tiles {
    static inline thread_local bool               configured = false;
    static inline thread_local int                n_configured = 0; // times
    static inline thread_local tile_configuration sizes;
    static inline thread_local emulated_tile      tiles[n_tile];

    static void require(bool right, const char * what) {
        if (!right) {
            std::printf("  a processor with AMX would fault: %s\n", what);
            std::exit(1);
        }
    }

    static bool permit() { return true; }

    static void configure(const tile_configuration & wanted) {
        require(wanted.palette == 1 && wanted.start_row == 0, "another palette, or a row to start with");
        for (int i = 0; i < 16; i++) {
            const bool absent = wanted.n_row[i] == 0 && wanted.row_bytes[i] == 0;
            const bool fits = wanted.n_row[i] <= n_tile_row && wanted.row_bytes[i] <= n_tile_bytes && i < n_tile;
            require(absent || (fits && wanted.n_row[i] > 0 && wanted.row_bytes[i] > 0), "a tile of a size that there is not");
        }
        for (uint8_t reserved : wanted.reserved) {
            require(reserved == 0, "reserved bytes");
        }
        configured = true;
        n_configured++;
        sizes = wanted;
        std::memset(tiles, 0, sizeof(tiles));
    }
    static void release() { configured = false; }

    static int rows(int tile) {
        require(configured && sizes.n_row[tile] > 0, "a tile without a size");
        return sizes.n_row[tile];
    }
    static int bytes(int tile) { return sizes.row_bytes[tile]; }

    static void zero(int tile) {
        rows(tile);
        tiles[tile] = {};
    }
    static void load(int tile, const void * p, size_t stride) {
        const int n = rows(tile);
        tiles[tile] = {};
        for (int r = 0; r < n; r++) {
            std::memcpy(tiles[tile].bytes[r], (const uint8_t *) p + r * stride, bytes(tile));
        }
    }
    static void store(int tile, void * p, size_t stride) {
        for (int r = 0; r < rows(tile); r++) {
            std::memcpy((uint8_t *) p + r * stride, tiles[tile].bytes[r], bytes(tile));
        }
    }

    // TDPBSSD
    static void dot(int sums, int x, int w) {
        require(sums != x && sums != w && x != w, "a tile twice");
        require(rows(sums) == rows(x) && bytes(sums) == bytes(w) && bytes(x) == 4 * rows(w), "tiles that don't fit together");
        require(bytes(sums) % 4 == 0 && bytes(x) % 4 == 0, "a part of an element");
        for (int r = 0; r < rows(sums); r++) {
            for (int c = 0; c < bytes(sums); c += 4) {
                uint32_t sum; // wraps, as the processor's does
                std::memcpy(&sum, tiles[sums].bytes[r] + c, 4);
                for (int i = 0; i < bytes(x); i++) {
                    const int one = (int8_t) tiles[x].bytes[r][i], other = (int8_t) tiles[w].bytes[i / 4][c + i % 4];
                    sum += (uint32_t) (one * other);
                }
                std::memcpy(tiles[sums].bytes[r] + c, &sum, 4);
            }
        }
    }
};

// An instruction set with emulated tiles.
template <typename base> struct with_emulated_tiles : base {
    static constexpr int n_row_group = 64;

    static bool permit_tiles() { return emulated_tiles::permit(); }
    static void configure_tiles(const tile_configuration & sizes) { emulated_tiles::configure(sizes); }
    static void release_tiles() { emulated_tiles::release(); }

    template <int tile> static void zero_tile() { emulated_tiles::zero(tile); }
    template <int tile> static void load_tile(const void * p, size_t stride) { emulated_tiles::load(tile, p, stride); }
    template <int tile> static void store_tile(void * p, size_t stride) { emulated_tiles::store(tile, p, stride); }
    template <int sums, int x, int w> static void dot_tiles() { emulated_tiles::dot(sums, x, w); }
};

} // namespace omni::OMNI_VARIANT
