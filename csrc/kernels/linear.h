// SPDX-License-Identifier: Apache-2.0
// Weights of any type meet float32 rows, and the result is that of the dequantised weights. The commoner quantised types meet
// rows of 8 bits too (q8_rows.h), several times as fast, and all others but float32 rows of 16 (q16_rows.h), nearly twice as fast.
// Nothing is laid out in advance: a strip of the weights is converted when its turn comes, and then meets all rows of its part of
// x, so that a file stays mapped and shared.
#pragma once

#include "kernels.h"

namespace omni::OMNI_VARIANT {

bool    linear_takes(row_format x, ggml_type type, int64_t n_in, int64_t n_out);
int32_t linear_blocks(const linear_operands & p);
void    linear_block(const linear_operands & p, int32_t block);

size_t  row_size(row_format format, int64_t n_in);
void    quantize(row_format format, const float * x, int64_t n_in, uint8_t * out);

} // namespace omni::OMNI_VARIANT
