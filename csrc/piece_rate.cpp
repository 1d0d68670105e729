// SPDX-License-Identifier: Apache-2.0
#include "piece_rate.h"

#include <algorithm>

namespace omni {

namespace {

constexpr std::chrono::duration<double> target = std::chrono::milliseconds(30);

} // namespace

int64_t count_operations(const ggml_tensor * node) {
    const int64_t n_value = ggml_nelements(node);
    switch (node->op) {
        case GGML_OP_MUL_MAT:        return n_value * node->src[0]->ne[0];
        case GGML_OP_FLASH_ATTN_EXT: return 2 * n_value * node->src[1]->ne[1]; // each query with each key, and its value
        default:                     return n_value;
    }
}

void piece_rate::add(int64_t n_operation, std::chrono::duration<double> time) {
    if (n_operation < n_operation_ / 2) {
        return; // the end of a graph, where the start of a computation counts for more than its length
    }
    const double found = (double) n_operation * (target / std::max(time, target / 1000));
    // by half at most and twice at most, since one measurement may be of a moment when the device was not ours alone
    n_operation_ = std::clamp((int64_t) found, std::max<int64_t>(n_operation_ / 2, 1), n_operation_ * 2);
}

} // namespace omni
