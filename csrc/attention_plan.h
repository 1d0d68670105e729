// SPDX-License-Identifier: Apache-2.0
// Which tokens of a batch attend to which, and how that work is cut up.
#pragma once

#include "kernels/kernels.h"

#include <vector>

namespace omni {

// The spans of one batch cut into tiles of queries, the costly ones first. Shared by all layers of a run.
struct attention_plan {
    attention_plan(std::vector<attention_span> spans, bool causal, int n_head, int n_kv_head, int head_dim);

    std::vector<attention_span> spans;
    std::vector<attention_tile> tiles;
    bool                        causal;
    int                         n_head;
    int                         n_kv_head;
    int                         head_dim;
};

} // namespace omni
