// SPDX-License-Identifier: Apache-2.0
// Which tokens of a batch attend to which, and how that work is cut up.
#pragma once

#include "kernels/kernels.h"

#include <vector>

namespace omni {

// The segments of one batch cut into tiles of queries, the costly ones first. All layers share it.
struct attention_layout {
    attention_layout(std::vector<attention_segment> segments, bool causal, int n_head, int n_kv_head, int head_dim);

    std::vector<attention_segment> segments;
    std::vector<attention_tile>    tiles;
    bool                           causal;
    int                            n_head;
    int                            n_kv_head;
    int                            head_dim;
};

} // namespace omni
