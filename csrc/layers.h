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

// What makes queries, keys and values of the input of an attention.
struct head_layers {
    linear_layer q, k, v;
    norm_layer   q_norm, k_norm; // of each head; without weight: none
    norm_layer   qk_norm;        // of all heads of queries and then of keys, where q and k lie side by side
};

// Whether two matrices are rows of one, one behind the other.
inline bool are_side_by_side(const linear_layer & a, const linear_layer & b) {
    return a.weight->view_src != nullptr && a.weight->view_src == b.weight->view_src &&
           a.weight->view_offs + ggml_nbytes(a.weight) == b.weight->view_offs;
}

} // namespace omni
