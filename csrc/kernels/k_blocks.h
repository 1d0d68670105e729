// SPDX-License-Identifier: Apache-2.0
// Weights in ggml's K blocks of 256 as codes with scales, for all columns of a panel at once.
#pragma once

#include "code_products.h"

namespace omni::OMNI_VARIANT {

#if OMNI_HAS_CODE_PRODUCTS

constexpr int64_t n_k_block = 256; // weights of a block

// Lays out one block of each of n_lane columns, stride bytes apart, as part of a code_panel (multiply_codes.h). False where the
// type has other blocks.
bool lay_out_k_blocks(ggml_type type, const uint8_t * blocks, size_t stride, uint8_t * codes, float * scales, float * minima);

#endif

} // namespace omni::OMNI_VARIANT
