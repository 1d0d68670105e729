// SPDX-License-Identifier: Apache-2.0
// Rows of activations in 14 bits of 16: twice as many products in an instruction as float32 has, and closer than float16.
#pragma once

#include "simd.h"

#include <cstddef>

namespace omni::OMNI_VARIANT {

constexpr int64_t n_q16_group = 32; // values that share a scale

// The largest code, so that 32 products with weights of up to 8192 fit into 32 bits.
constexpr int n_q16_step = 8191;
static_assert(n_q16_group * n_q16_step * 8192 <= INT32_MAX, "a sum overflows");

// A row: n_in codes, then a scale for every 32 of them. n_in is a multiple of 32.
inline size_t q16_row_size(int64_t n_in) { return n_in * sizeof(int16_t) + n_in / n_q16_group * sizeof(float); }

// Quantises a row.
void q16_quantize(const float * x, int64_t n_in, uint8_t * out);

} // namespace omni::OMNI_VARIANT
