// SPDX-License-Identifier: Apache-2.0
// Products of weights with rows, in float32, for the CPU. ggml rounds the rows to suit the weights' type, these don't: a result
// is that of the dequantised weights, and with many rows it comes sooner too.
#pragma once

#include "ggml.h"

#include <atomic>
#include <cstdint>

namespace omni {

// Whether the kernel is the better choice for n_row rows; laying out float weights is not worth it for a few.
bool linear_supports(ggml_type type, int64_t n_out, int64_t n_row);

// y[i] = weight * x[i] for n_row rows: x rows of n_in floats, y rows of n_out floats, weight n_out rows of n_in values.
struct linear_operands {
    const void *  weight;
    ggml_type     type;
    int64_t       n_in;
    int64_t       n_out;
    const float * x;
    int64_t       x_stride; // floats
    float *       y;
    int64_t       n_row;
};

// Computes the blocks that `next` hands out until none is left or *cancel is non-zero. Called by every thread.
void linear_run(const linear_operands & p, std::atomic<int32_t> & next, const volatile int32_t * cancel);

} // namespace omni
