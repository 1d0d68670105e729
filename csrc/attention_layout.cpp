// SPDX-License-Identifier: Apache-2.0
#include "attention_layout.h"

#include <algorithm>
#include <utility>

namespace omni {

attention_layout::attention_layout(std::vector<attention_segment> segments_, bool causal_, int n_head_, int n_kv_head_,
                                   int head_dim_, padded_attention padded_)
    : segments(std::move(segments_)), causal(causal_), n_head(n_head_), n_kv_head(n_kv_head_), head_dim(head_dim_),
      padded(padded_) {
    const int n_query = std::max(1, n_attention_row / (n_head / n_kv_head));
    for (const attention_segment & segment : segments) {
        const int32_t n_unit = (segment.kv_len + n_packed_unit - 1) / n_packed_unit; // of a head
        const auto    packed_first = [&](int32_t head) { return n_packed + (int64_t) head * n_unit; };
        for (int32_t first = 0; first < segment.q_len; first += n_query) {
            for (int32_t head = 0; head < n_kv_head; head++) {
                tiles.push_back({segment, first, std::min(n_query, segment.q_len - first), head, packed_first(head)});
            }
        }
        for (int32_t first = 0; first < segment.kv_len; first += n_key_block) {
            for (int32_t head = 0; head < n_kv_head; head++) {
                const int32_t n_key = std::min(n_key_block, segment.kv_len - first);
                key_blocks.push_back({segment.kv_begin + first, n_key, head, packed_first(head) + first / n_packed_unit});
            }
        }
        n_packed += (int64_t) n_kv_head * n_unit;
    }
    const auto cost = [this](const attention_tile & t) {
        return (int64_t) t.n_query * (causal ? t.segment.kv_len - t.segment.q_len + t.q_first + t.n_query : t.segment.kv_len);
    };
    std::stable_sort(tiles.begin(), tiles.end(),
                     [&](const attention_tile & a, const attention_tile & b) { return cost(a) > cost(b); });
}

} // namespace omni
