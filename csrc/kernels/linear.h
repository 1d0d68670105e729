// SPDX-License-Identifier: Apache-2.0
// Products of weights with rows, for the CPU. A row's result depends on that row alone, to the bit: not on how many rows there
// are, nor on the threads.
//
// Weights of any type meet float32 rows, and the result is that of the dequantised weights. The commoner quantised types meet
// rows of 8 bits too (q8_rows.h), several times as fast. Nothing is laid out in advance: a strip of the weights is converted
// when its turn comes, and then meets all rows of its part of x, so that a file stays mapped and shared.
#pragma once

#include "ggml.h"

#include <atomic>
#include <cstdint>

namespace omni {

// Whether the kernels multiply weights of this type and shape with float32 rows, and with rows of 8 bits.
bool linear_takes_f32(ggml_type type, int64_t n_out);
bool linear_takes_q8(ggml_type type, int64_t n_in, int64_t n_out);

// y[i] = weight * x[i] + bias + residual[i] for n_row rows: weight n_out rows of n_in values; y and residual rows of n_out floats.
struct linear_operands {
    const void *    weight;
    ggml_type       type;
    int64_t         n_in;
    int64_t         n_out;
    const uint8_t * x;
    size_t          x_stride; // bytes
    bool            x_is_q8;  // rows of q8_quantize, else of n_in floats
    const float *   bias;     // or null
    const float *   residual; // or null
    float *         y;
    int64_t         n_row;
    int             n_thread;
};

// Computes the blocks that `next` hands out until none is left or *cancel is non-zero. Called by every thread.
void linear_run(const linear_operands & p, std::atomic<int32_t> & next, const volatile int32_t * cancel);

} // namespace omni
