// SPDX-License-Identifier: Apache-2.0
// The product of rows of 16-bit integers with columns of 16-bit integers: sums of 32 bits, which the caller keeps from
// overflowing. The columns lie as pairs of their values: the first pair of every column, then the second.
#pragma once

#include "register_blocks.h"
#include "simd.h"

#include <cstddef>
#include <cstdint>

namespace omni::OMNI_VARIANT {

// Calls each(row, v, the products of that row with the columns of vector v). n is even; the columns have n / 2 rows of pairs.
template <int n_row, int n_vec, typename F>
inline void multiply_rows_i16(const int16_t * a, size_t a_stride, const int16_t * columns, size_t pair_stride, int n,
                              F && each) {
    using namespace simd;
    ivec sum[n_row][n_vec] = {};
    for (int i = 0; i < n; i += 2, columns += pair_stride) {
        ivec b[n_vec];
        for (int v = 0; v < n_vec; v++) {
            b[v] = load_int(columns + v * 2 * width);
        }
        for (int r = 0; r < n_row; r++) {
            int32_t two;
            std::memcpy(&two, a + r * a_stride + i, sizeof(two));
            const ivec pair = splat_int(two);
            for (int v = 0; v < n_vec; v++) {
                sum[r][v] = isa::dot_i16(sum[r][v], b[v], pair);
            }
        }
    }
    for (int r = 0; r < n_row; r++) {
        for (int v = 0; v < n_vec; v++) {
            each(r, v, sum[r][v]);
        }
    }
}

// The same for any number of vectors of columns.
template <int n_row, typename F>
inline void multiply_i16(const int16_t * a, size_t a_stride, const int16_t * columns, size_t pair_stride, int n_vec, int n,
                         F && each) {
    in_register_blocks<isa::register_vectors_i16>(n_vec, [&](auto count, int first) {
        multiply_rows_i16<n_row, count.value>(a, a_stride, columns + first * 2 * simd::width, pair_stride, n,
                                              [&](int r, int v, simd::ivec sum) { each(r, first + v, sum); });
    });
}

} // namespace omni::OMNI_VARIANT
