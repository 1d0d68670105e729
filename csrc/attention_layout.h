// SPDX-License-Identifier: Apache-2.0
// Which tokens of a batch attend to which, and how that work is cut up.
#pragma once

#include "kernels/kernels.h"

#include <vector>

namespace omni {

// Rows of queries and of keys that a batch is padded to. All segments then lie in one bin, in their own order.
struct padded_attention {
    int32_t n_query = 0, n_key = 0; // 0: not padded
};

// The segments of one batch cut into tiles of queries, the costly ones first, and into blocks of keys. All layers share it.
struct attention_layout {
    attention_layout(std::vector<attention_segment> segments, bool causal, int n_head, int n_kv_head, int head_dim,
                     padded_attention padded = {});

    std::vector<attention_segment>   segments;
    std::vector<attention_tile>      tiles;
    std::vector<attention_key_block> key_blocks;   // all keys in all their heads
    int64_t                          n_packed = 0; // units of packed memory
    bool                             causal;
    int                              n_head;
    int                              n_kv_head;
    int                              head_dim;
    padded_attention                 padded;
};

} // namespace omni
