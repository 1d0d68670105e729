// SPDX-License-Identifier: Apache-2.0
// Rows of activations in 8 bits. Every 32 values share a scale, so that an outlier costs only its neighbours their precision.
#pragma once

#include <cstddef>
#include <cstdint>

namespace omni::OMNI_VARIANT {

constexpr int64_t n_q8_group = 32; // values that share a scale

// What goes with the codes of a group. The offsets make up for the codes of weights, which are 128 too large where they are
// unsigned.
struct q8_group {
    float   scale;
    float   minus_sum;     // -scale * sum of the codes
    int32_t offset;        // -128 * sum of the codes
    int32_t second_offset; // the part of it that is of the last 16
};

// A row: n_in codes, then a q8_group for every 32 of them. n_in is a multiple of 32.
inline size_t q8_row_size(int64_t n_in) { return (size_t) n_in + n_in / n_q8_group * sizeof(q8_group); }

// Writes values [first, first + n), whole groups, to a row.
void quantize_q8(const float * x, int64_t first, int64_t n, int64_t n_in, uint8_t * row);

} // namespace omni::OMNI_VARIANT
