// SPDX-License-Identifier: Apache-2.0
// Rows laid out as the inner products take them.
#pragma once

#include "multiply.h"

namespace omni::OMNI_VARIANT {

// Turns n_lane rows of n values, stride values apart, into n rows of n_lane, and each value into float32 where it is shorter.
template <typename value> inline void transpose_strip(const value * rows, int64_t stride, int64_t n, float * out) {
    int64_t n_whole = 0;
#if defined(__GNUC__)
    using namespace simd;
    n_whole = n / width * width;
    for (int64_t i = 0; i < n_whole; i += width) {
        for (int half = 0; half < 2; half++) {
            ivec block[width];
            for (int r = 0; r < width; r++) {
                block[r] = (ivec) load(rows + (half * width + r) * stride + i);
            }
            transpose(block);
            for (int r = 0; r < width; r++) {
                store(out + (i + r) * n_lane + half * width, (vec) block[r]);
            }
        }
    }
#endif
    for (int64_t i = n_whole; i < n; i++) {
        for (int r = 0; r < n_lane; r++) {
            out[i * n_lane + r] = simd::value(rows[r * stride + i]);
        }
    }
}

} // namespace omni::OMNI_VARIANT
