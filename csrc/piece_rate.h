// SPDX-License-Identifier: Apache-2.0
// How much of a graph a device computes before it looks for more urgent work.
#pragma once

#include "ggml.h"

#include <chrono>
#include <cstdint>

namespace omni {

// Multiplications of a node, or its values where it has none.
int64_t count_operations(const ggml_tensor * node);

// Counts how fast a device computes, so that a piece of a graph takes about as long as a caller may wait for it.
class piece_rate {
public:
    int64_t n_operation() const { return n_operation_; } // of the next piece

    void add(int64_t n_operation, std::chrono::duration<double> time); // what a piece took

private:
    int64_t n_operation_ = (int64_t) 1 << 32; // a slow device computes so many in a second
};

} // namespace omni
