// SPDX-License-Identifier: Apache-2.0
// The weight types that the product in 8 bits takes: how each of them becomes codes with scales. A new one is a function that
// unpacks it, beside those of its family, and a case of find_weight_coding.
#pragma once

#include "ggml.h"

#include <cstddef>
#include <cstdint>

namespace omni::OMNI_VARIANT {

// How codes become weights.
enum class code_form {
    offset,      // scale * (code - isa::code_zero), a scale for every 32 weights
    offset_half, // scale * (code - isa::code_zero), a scale for every 16
    minimum,     // scale * code - minimum, a pair of them for every 32; codes are below 64
};

constexpr int64_t n_super_block = 256; // weights of a block with sub-blocks

struct weight_coding {
    code_form form;
    // One of these two. Weights [first, first + n) of a row of the file, in whole blocks, with a scale for every 32:
    void (*unpack_row)(const void * row, int64_t first, int64_t n, uint8_t * codes, float * scales);
    // One block of 256 weights of each column of a panel, stride bytes apart, as part of a q8_panel with 4 codes of a column
    // side by side:
    void (*unpack_panel)(const uint8_t * blocks, size_t stride, uint8_t * codes, float * scales, float * minima);
};

// Null where the product in 8 bits does not take the type.
const weight_coding * find_weight_coding(ggml_type type);

extern const weight_coding coding_q4_k, coding_q5_k, coding_q6_k; // weight_types_k.cpp

} // namespace omni::OMNI_VARIANT
