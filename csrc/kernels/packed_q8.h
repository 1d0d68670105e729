// SPDX-License-Identifier: Apache-2.0
// Weights that are packed for the product in 8 bits: panels that it multiplies as they lie in memory, of the types that published
// files consist of.
#pragma once

#include "q8_panel.h"

namespace omni::OMNI_VARIANT {

extern const weight_packing packing_q8;

// Of the packed panel of the columns from out_first on, the part that has the values [in_first, in_first + n).
q8_panel read_packed_panel(const linear_operands & p, int64_t out_first, int64_t in_first, int64_t n, float * scales,
                           float * minima);

// How the codes of a packed type become weights.
code_form packed_form(ggml_type type);

} // namespace omni::OMNI_VARIANT
