// SPDX-License-Identifier: Apache-2.0
#include "kept_graphs.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace omni {

std::unique_ptr<kept_graph> kept_graphs::take(const graph_key & key) {
    drop_ended();
    const auto found = std::find_if(graphs_.begin(), graphs_.end(), [&](const entry & e) { return e.key == key; });
    if (found == graphs_.end()) {
        return nullptr;
    }
    std::unique_ptr<kept_graph> graph = std::move(found->graph);
    graphs_.erase(found);
    n_taken_++;
    return graph;
}

bool kept_graphs::recurs(const graph_key & key) {
    if (std::find(seen_.begin(), seen_.end(), key) != seen_.end()) {
        return true;
    }
    seen_.push_front(key);
    if (seen_.size() > n_seen_max) {
        seen_.pop_back();
    }
    return false;
}

void kept_graphs::keep(graph_key key, std::unique_ptr<kept_graph> graph, int64_t n_byte) {
    if (n_byte > n_byte_max) {
        seen_.remove(key);
        return;
    }
    graphs_.push_front({std::move(key), std::move(graph), n_byte});
    while (graphs_.size() > n_graph_max || this->n_byte() > n_byte_max) {
        seen_.remove(graphs_.back().key); // where more shapes take turns than are kept, each second pass has the lane's memory
        graphs_.pop_back();
    }
}

int64_t kept_graphs::n_byte() const {
    return std::accumulate(graphs_.begin(), graphs_.end(), (int64_t) 0,
                           [](int64_t n, const entry & e) { return n + e.n_byte; });
}

void kept_graphs::drop_ended() {
    graphs_.remove_if([](const entry & e) { return e.key.tower.expired(); });
    seen_.remove_if([](const graph_key & key) { return key.tower.expired(); });
}

} // namespace omni
