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
    offset,      // scale * (code - isa::code_zero), a scale for every 32 weights
    offset_half, // scale * (code - isa::code_zero), a scale for every 16
    minimum,     // scale * code - minimum, a pair of them for every 32; codes are below 64
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

extern const weight_coding coding_q4_k, coding_q5_k, coding_q6_k; // weight_types_k.cpp

} // namespace omni::OMNI_VARIANT
