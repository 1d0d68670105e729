// SPDX-License-Identifier: Apache-2.0
// A panel: a few columns of a matrix, laid out for a micro-kernel.
#pragma once

#include "simd.h"

namespace omni::OMNI_VARIANT {

constexpr int n_column = 2 * simd::width; // of a panel: two vectors of accumulators for each row

// Lays out n_column columns of n values, stride values apart, as n rows of n_column floats.
template <typename value> inline void transpose_panel(const value * columns, int64_t stride, int64_t n, float * panel) {
    using namespace simd;
    const int64_t n_whole = n / width * width;
    for (int64_t i = 0; i < n_whole; i += width) {
        for (int v = 0; v < 2; v++) {
            vec block[width];
            for (int c = 0; c < width; c++) {
                block[c] = load(columns + (v * width + c) * stride + i);
            }
            transpose(block);
            for (int r = 0; r < width; r++) {
                store(panel + (i + r) * n_column + v * width, block[r]);
            }
        }
    }
    for (int64_t i = n_whole; i < n; i++) {
        for (int c = 0; c < n_column; c++) {
            panel[i * n_column + c] = to_float(columns[c * stride + i]);
        }
    }
}

} // namespace omni::OMNI_VARIANT
