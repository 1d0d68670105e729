// SPDX-License-Identifier: Apache-2.0
// What the linear products on AMX share: the tiles of a block of work.
#pragma once

#include "panel.h"

namespace omni::OMNI_VARIANT {

// A tile of weights is a vector of columns wide, with 4 values of each side by side: so they lie in a panel already.
static_assert(n_tile_bytes == simd::width * sizeof(int32_t) && isa::n_side_codes == 4, "panels of another order");
constexpr size_t panel_stride = 4 * n_column; // bytes from 4 values of every column to the next 4

// Rows that go through the tiles together. The tiles of a block of work have one size, so that they are configured once: where
// fewer rows are left at its end, the tile goes back over rows that are done, whose sums are left alone.
struct tile_rows {
    int first;  // of the tile
    int n_done; // of its rows, which an earlier tile has brought
};

// As linear_product::repeat_multiply_adds, with bytes in tiles of the largest size.
inline int64_t repeat_tile_products(int n_round) {
    tile_configuration sizes;
    for (int tile = 0; tile < n_tile; tile++) {
        sizes.set_size(tile, n_tile_row, n_tile_bytes);
    }
    isa::configure_tiles(sizes); // which makes them zero
    for (int i = 0; i < n_round; i++) {
        isa::dot_tiles<4, 0, 2>();
        isa::dot_tiles<5, 0, 3>();
        isa::dot_tiles<6, 1, 2>();
        isa::dot_tiles<7, 1, 3>();
    }
    isa::release_tiles();
    return (int64_t) n_round * 4 * n_tile_row * n_tile_row * n_tile_bytes;
}

inline tile_rows place_tile(int n_row, int n_tile_row, int first) {
    const int last = larger(n_row - n_tile_row, 0);
    return first <= last ? tile_rows{first, 0} : tile_rows{last, first - last};
}

} // namespace omni::OMNI_VARIANT
