// SPDX-License-Identifier: Apache-2.0
// The tensors of one layer, which weights declares and graph computes with.
#pragma once

#include "ggml.h"

namespace omni {

// weight * x + bias
struct linear_layer {
    ggml_tensor * weight = nullptr;
    ggml_tensor * bias = nullptr; // null: none
};

// The norm of x * weight + bias
struct norm_layer {
    ggml_tensor * weight = nullptr;
    ggml_tensor * bias = nullptr; // null: none, as an RMS norm has
};

} // namespace omni
