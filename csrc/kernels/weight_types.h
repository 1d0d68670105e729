// SPDX-License-Identifier: Apache-2.0
// The weight types that the product in 8 bits takes: how each of them becomes codes with scales. A new one is a function that
// unpacks it, beside those of its family, and a case of find_weight_coding.
#pragma once

#include "ggml.h"
#include "weight_blocks.h"

#include <cstddef>
#include <cstdint>

namespace omni::OMNI_VARIANT {

// How codes become weights.
enum class code_form {
    offset,            // scale * (code - isa::code_zero), a scale for every 32 weights
    offset_half,       // scale * (code - isa::code_zero), a scale for every 16
    minimum,           // scale * code - minimum, a pair of them for every 32; codes are below 64
    minimum_of_halves, // the same; the codes of two groups lie in the bytes of one, the first of them in the lower halves
};

constexpr int n_super_block = 256; // weights of a block with sub-blocks

struct weight_coding {
    code_form form;
    int       n_weight; // of a block
    // Unpacks one block of each column of a panel as part of a q8_panel with 4 codes of a column side by side.
    void (*unpack)(const weight_blocks & blocks, uint8_t * codes, float * scales, float * minima);
};

// Null where the product in 8 bits does not take the type.
const weight_coding * find_weight_coding(ggml_type type);

// The block format of GGUF files, as ggml-common.h has it. Of the 128 bytes, 32 are the codes of two groups.
struct block_q4_k {
    simd::f16 scale, minimum;
    uint8_t   sub_blocks[12];
    uint8_t   low_high[128];
};

// The scales and minima of a block that begins as block_q4_k does.
void read_scales_and_minima(const weight_blocks & blocks, float * scales, float * minima);

extern const weight_coding coding_q4_k, coding_q5_k, coding_q6_k; // weight_types_k.cpp

} // namespace omni::OMNI_VARIANT
