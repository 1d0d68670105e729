// SPDX-License-Identifier: Apache-2.0
// What AMX and its emulation in the tests have in common: the sizes of the tiles. Intel's Software Developer's Manual describes
// them with LDTILECFG (volume 2) and in chapter 18 of volume 1.
#pragma once

#include <cstdint>

namespace omni::OMNI_VARIANT {

constexpr int n_tile = 8;
constexpr int n_tile_row = 16;   // at most
constexpr int n_tile_bytes = 64; // of a row, at most

// The 64 bytes that LDTILECFG reads. A tile whose size is not set can't be used.
struct tile_configuration {
    uint8_t  palette = 1; // the only one so far: the three constants above
    uint8_t  start_row = 0;
    uint8_t  reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t  n_row[16] = {};

    void set_size(int tile, int64_t rows, int64_t bytes) {
        n_row[tile] = (uint8_t) rows;
        row_bytes[tile] = (uint16_t) bytes;
    }
};
static_assert(sizeof(tile_configuration) == 64, "not what LDTILECFG reads");

} // namespace omni::OMNI_VARIANT
