// SPDX-License-Identifier: Apache-2.0
// The tensors of one layer, which weights declares and graph computes with.
#pragma once

#include "ggml.h"
#include "kernels/kernels.h"

namespace omni {

// A matrix as a product packs it, beside that of the file.
struct packed_matrix {
    const linear_product * product = nullptr; // null: not packed
    const uint8_t *        panels = nullptr;
};

// weight * x + bias
struct linear_layer {
    ggml_tensor *         weight = nullptr;
    ggml_tensor *         bias = nullptr;   // null: none
    const packed_matrix * packed = nullptr; // of weight; null: never packed

    bool is_packed_for(const linear_product & product) const { return packed != nullptr && packed->product == &product; }
};

// The norm of x * weight + bias
struct norm_layer {
    ggml_tensor * weight = nullptr;
    ggml_tensor * bias = nullptr; // null: none, as an RMS norm has
};

} // namespace omni
