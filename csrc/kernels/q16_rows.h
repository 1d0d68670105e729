// SPDX-License-Identifier: Apache-2.0
// Rows in 16 bits, each code as two signed bytes that products of bytes take: 256 * high + low. Every 64 values share a scale:
// with 16 bits they are still more precise than 32 values with 14.
#pragma once

#include <cstddef>
#include <cstdint>

namespace omni::OMNI_VARIANT {

// Values that share a scale. They are stored in another order, for which no vector has to be shuffled.
constexpr int64_t n_q16_group = 64;

constexpr int largest_q16 = 127 * 256 + 127; // the largest whose high byte is below 128

// A row: n_in high bytes, n_in low bytes, then a scale for every 64 of them. n_in is a multiple of 64. The size is a multiple of
// a cache line, so that a tile takes whole lines.
inline size_t q16_row_size(int64_t n_in) {
    constexpr size_t n_line = 64;
    return (2 * n_in + n_in / n_q16_group * sizeof(float) + n_line - 1) / n_line * n_line;
}

// Where the bytes of value i are among the high or the low ones: the four values of every 16th place lie side by side.
inline int64_t q16_position(int64_t i) {
    const int64_t in_group = i % n_q16_group;
    return i - in_group + in_group % 16 * 4 + in_group / 16;
}

// Writes values [first, first + n), whole groups, to a row.
void quantize_q16(const float * x, int64_t first, int64_t n, int64_t n_in, uint8_t * row);

} // namespace omni::OMNI_VARIANT
