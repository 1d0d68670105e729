// SPDX-License-Identifier: Apache-2.0
// The multiply-adds of the micro-kernels on registers alone: a row with two columns at a time, as there, and nothing else.
#pragma once

#include "kernels.h"
#include "simd.h"

namespace omni::OMNI_VARIANT {

// Rows with two sums each: enough for the latency of every unit, and few enough for the registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int n_row_floats = 12, n_row_dots = 12; // there are 32 registers
#else
constexpr int n_row_floats = 6, n_row_dots = 5; // 16, of which a dot product may need some for itself
#endif

// Keeps the compiler from leaving out what led to the sums.
template <typename V, int n_row> inline void keep_sums(const V (&sum)[n_row][2]) {
    V total = {};
    for (const auto & of_row : sum) {
        total = total + of_row[0] + of_row[1];
    }
    simd::hide(total);
}

// sum = sum * x + y, which goes towards 2: a product that does not depend on the sum would be computed once for all rounds.
inline int64_t repeat_multiply_adds_f32(int n_round) {
    using namespace simd;
    const vec x = splat(0.5f), y = splat(1.0f);
    vec       sum[n_row_floats][2] = {};
    for (auto & of_row : sum) {
        hide(of_row[0]);
        hide(of_row[1]);
    }
    for (int i = 0; i < n_round; i++) {
        for (auto & of_row : sum) {
            of_row[0] = of_row[0] * x + y;
            of_row[1] = of_row[1] * x + y;
        }
    }
    keep_sums(sum);
    return (int64_t) n_round * n_row_floats * 2 * width;
}

// sum = dot(sum, column, row), which adds n_product products to each element.
template <typename V, typename F> inline int64_t repeat_dots(int n_round, int n_product, V column, V row, F && dot) {
    using namespace simd;
    V other_column = column, sum[n_row_dots][2] = {};
    for (int i = 0; i < n_round; i++) {
        hide(column);
        hide(other_column);
        for (auto & of_row : sum) {
            hide(row);
            of_row[0] = dot(of_row[0], column, row);
            of_row[1] = dot(of_row[1], other_column, row);
        }
    }
    keep_sums(sum);
    return (int64_t) n_round * n_row_dots * 2 * width * n_product;
}

} // namespace omni::OMNI_VARIANT
