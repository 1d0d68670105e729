// SPDX-License-Identifier: Apache-2.0
// Quantised weights as bytes with scales: what the integer products take, whatever block format the file has.
#pragma once

#include "ggml.h"

#include <cstdint>

namespace omni::OMNI_VARIANT {

// The code of a weight of 0 where codes have an offset: they are unsigned bytes on x86 and signed ones on ARM, as the products
// there are.
#if defined(__aarch64__)
constexpr int code_zero = 0;
#else
constexpr int code_zero = 128;
#endif

// How codes become weights.
enum class code_form {
    offset,      // scale * (code - code_zero), a scale for every 32 weights
    offset_half, // scale * (code - code_zero), a scale for every 16
    minimum,     // scale * code - minimum, a pair of them for every 32; codes are below 64
};

// Whether the integer products take weights of this type, and if so in which form.
bool code_form_of(ggml_type type, code_form * form);

// Unpacks weights [first, first + n) of a row, whole blocks both, with a scale for every 32. The types of k_blocks.h not here.
void unpack_codes(ggml_type type, const void * row, int64_t first, int64_t n, uint8_t * codes, float * scales);

} // namespace omni::OMNI_VARIANT
