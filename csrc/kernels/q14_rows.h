// SPDX-License-Identifier: Apache-2.0
// Rows of activations in 14 bits, each in an int16_t: more precise than float16, and twice as many products in an instruction
// as float32 has. Every 32 values share a scale.
#pragma once

#include <cstddef>
#include <cstdint>

namespace omni::OMNI_VARIANT {

constexpr int64_t n_q14_group = 32; // values that share a scale

// The largest code, so that 32 products with weights of up to 8192 fit into 32 bits.
constexpr int largest_q14 = 8191;
static_assert(n_q14_group * largest_q14 * 8192 <= INT32_MAX, "a sum overflows");

// A row: n_in codes, then a scale for every 32 of them. n_in is a multiple of 32.
inline size_t q14_row_size(int64_t n_in) { return n_in * sizeof(int16_t) + n_in / n_q14_group * sizeof(float); }

// Writes values [first, first + n), whole groups, to a row.
void quantize_q14(const float * x, int64_t first, int64_t n, int64_t n_in, uint8_t * row);

} // namespace omni::OMNI_VARIANT
