// SPDX-License-Identifier: Apache-2.0
// One forward pass of a tower, by a graph that its lane keeps or by a new one.
#pragma once

#include "graph.h"
#include "kept_graphs.h"

#include <memory>
#include <utility>

namespace omni {

// A graph with what its inputs are filled with, which it refers to.
template <typename Batch> struct described_graph final : kept_graph {
    described_graph(Batch && batch_, std::unique_ptr<graph> operations_)
        : batch(std::move(batch_)), operations(std::move(operations_)) {}

    Batch                  batch;
    std::unique_ptr<graph> operations;
    ggml_tensor *          result = nullptr;
};

// Copies the first n_value values of what describe(graph, batch) returns to `out`. Graphs of one key differ in nothing but what
// their inputs are filled with. Throws error, std::bad_alloc.
template <typename Batch, typename Describe>
void compute_batch(compute_lane & lane, graph_key key, Batch batch, float * out, int64_t n_value, cancel_flag cancel,
                   Describe && describe) {
    const bool                              may_recur = !lane.device().runs_kernels() && !key.shape.empty();
    std::unique_ptr<described_graph<Batch>> mine;
    if (may_recur) {
        mine.reset(static_cast<described_graph<Batch> *>(lane.kept().take(key).release())); // a tower has one type of batch
    }
    if (mine) {
        mine->batch = std::move(batch);
        mine->operations->refill(cancel);
    } else {
        mine = std::make_unique<described_graph<Batch>>(std::move(batch), make_graph(lane, cancel));
        mine->result = describe(*mine->operations, mine->batch);
        if (may_recur && lane.kept().recurs(key)) {
            mine->operations->own_memory();
        }
    }
    mine->operations->compute(mine->result, out, n_value);
    if (const int64_t n_byte = mine->operations->n_own_byte(); n_byte > 0) {
        lane.kept().keep(std::move(key), std::move(mine), n_byte);
    }
}

} // namespace omni
