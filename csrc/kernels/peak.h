// SPDX-License-Identifier: Apache-2.0
// The multiply-adds of the micro-kernels on registers alone: a row with two columns at a time, as there, and nothing else.
#pragma once

#include "kernels.h"
#include "simd.h"

namespace omni::OMNI_VARIANT {

// Two sums each: enough for the latency of every unit, and few enough for the registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int n_peak_row = 12; // there are 32 registers
#else
constexpr int n_peak_row = 6;
#endif

// Keeps the compiler from leaving out what led to the sums.
template <typename V> inline void keep_sums(const V (&sum)[n_peak_row][2]) {
    V total = {};
    for (int r = 0; r < n_peak_row; r++) {
        total = total + sum[r][0] + sum[r][1];
    }
    simd::hide(total);
}

// sum = sum * x + y, which goes towards 2: a product that does not depend on the sum would be computed once for all rounds.
inline int64_t repeat_multiply_adds_f32(int n_round) {
    using namespace simd;
    const vec x = splat(0.5f), y = splat(1.0f);
    vec       sum[n_peak_row][2] = {};
    for (auto & of_row : sum) {
        hide(of_row[0]);
        hide(of_row[1]);
    }
    for (int i = 0; i < n_round; i++) {
        for (int r = 0; r < n_peak_row; r++) {
            sum[r][0] = sum[r][0] * x + y;
            sum[r][1] = sum[r][1] * x + y;
        }
    }
    keep_sums(sum);
    return (int64_t) n_round * n_peak_row * 2 * width;
}

// sum = dot(sum, column, row), which adds n_product products to each element.
template <typename V, typename F> inline int64_t repeat_dots(int n_round, int n_product, V column, V row, F && dot) {
    using namespace simd;
    V other_column = column, sum[n_peak_row][2] = {};
    for (int i = 0; i < n_round; i++) {
        hide(column);
        hide(other_column);
        for (int r = 0; r < n_peak_row; r++) {
            hide(row);
            sum[r][0] = dot(sum[r][0], column, row);
            sum[r][1] = dot(sum[r][1], other_column, row);
        }
    }
    keep_sums(sum);
    return (int64_t) n_round * n_peak_row * 2 * width * n_product;
}

} // namespace omni::OMNI_VARIANT
