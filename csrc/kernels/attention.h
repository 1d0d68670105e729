// SPDX-License-Identifier: Apache-2.0
// Attention over packed sequences that don't see each other, in float32, for the CPU.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace omni {

// Queries [q_begin, q_begin + q_len) see the keys [kv_begin, kv_begin + kv_len). Causal: the last query sees all of them, the
// one before all but the last, and so on.
struct attention_span {
    int32_t q_begin;
    int32_t q_len;
    int32_t kv_begin;
    int32_t kv_len;
};

// The spans of one batch cut into tiles of queries, the costly ones first. Shared by all layers of a run.
struct attention_plan {
    attention_plan(std::vector<attention_span> spans, bool causal, int n_head, int n_kv_head, int head_dim, int n_threads);

    struct tile {
        int32_t span;
        int32_t q_first; // within the span
        int32_t q_count;
        int32_t kv_head;
    };

    std::vector<attention_span> spans;
    std::vector<tile>           tiles;
    std::vector<float>          scratch; // n_threads parts of scratch_size
    size_t                      scratch_size;
    bool                        causal;
    int                         n_head;
    int                         n_kv_head;
    int                         head_dim;
};

// One operand: row i of head h begins at data + i * row_stride + h * head_stride, in floats.
struct attention_operand {
    const float * data;
    size_t        row_stride;
    size_t        head_stride;
};

// Computes the tiles that `next` hands out until none is left or *cancel is non-zero. Called by every thread; `out` has rows
// of n_head * head_dim floats. A query's result depends on its own span alone, to the bit.
void attention_run(const attention_plan & plan, attention_operand q, attention_operand k, attention_operand v, float * out,
                   std::atomic<int32_t> & next, float * scratch, const volatile int32_t * cancel);

} // namespace omni
