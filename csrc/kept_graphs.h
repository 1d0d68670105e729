// SPDX-License-Identifier: Apache-2.0
// Graphs that a lane keeps with their memory, so that a pass of the same shape only fills their inputs. The tensors then lie where
// they lay before, and a device that records what it launches, as CUDA does, replays it at once.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

namespace omni {

// What a kept graph computes: it is that of one tower, for inputs of one shape.
struct graph_key {
    std::weak_ptr<const void> tower; // which may end before the graph
    std::vector<int32_t>      shape; // none: of no use again

    bool operator==(const graph_key & other) const {
        return shape == other.shape && !tower.owner_before(other.tower) && !other.tower.owner_before(tower);
    }
};

struct kept_graph {
    virtual ~kept_graph() = default;
};

// Used by the thread that leads the pass of the lane.
class kept_graphs {
public:
    // The graph of a key, which is no longer kept: where its pass fails, it is lost. Null: there is none.
    std::unique_ptr<kept_graph> take(const graph_key & key);

    // Whether the key has been asked for before, and so is worth a graph with memory of its own. Inputs of a shape that does not
    // come again take the memory of the lane.
    bool recurs(const graph_key & key);

    // n_byte: of its memory on the device. Those that were used last stay, up to n_graph_max and n_byte_max; a larger one does
    // not.
    void keep(graph_key key, std::unique_ptr<kept_graph> graph, int64_t n_byte);

    void clear() { graphs_.clear(); }

    static constexpr size_t  n_graph_max = 32;
    static constexpr int64_t n_byte_max = (int64_t) 128 << 20;

    size_t  n_graph() const { return graphs_.size(); }
    int64_t n_byte() const;                      // of all that are kept
    int64_t n_taken() const { return n_taken_; } // passes that found their graph

private:
    struct entry {
        graph_key                   key;
        std::unique_ptr<kept_graph> graph;
        int64_t                     n_byte;
    };

    static constexpr size_t n_seen_max = 64;

    void drop_ended(); // graphs and keys of towers that are no longer

    std::list<entry>     graphs_; // the last used first
    std::list<graph_key> seen_;
    int64_t              n_taken_ = 0;
};

} // namespace omni
