// SPDX-License-Identifier: Apache-2.0
// One forward pass: the operations that the towers are made of, described first and then computed once.
#pragma once

#include "attention_groups.h"
#include "attention_layout.h"
#include "cancel_flag.h"
#include "device.h"
#include "layers.h"
#include "tensor_memory.h"

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace omni {

// All tensors are float32 with the features along the first dimension, unless said otherwise. The operations here are ggml's,
// which every device has; make_graph may return one that replaces them.
class graph {
public:
    graph(compute_lane & lane, cancel_flag cancel) : lane_(lane), cancel_(cancel) {}
    virtual ~graph() = default;
    graph(const graph &) = delete;
    graph & operator=(const graph &) = delete;

    // A tensor that `fill` writes before the graph is computed. What is filled from, here and below, lives as long as the graph,
    // and may be replaced by something of the same shape before the graph is computed again.
    ggml_tensor * input(ggml_type type, int64_t ne0, int64_t ne1, std::function<void(void *)> fill);

    // The same values in rows of another width.
    ggml_tensor * reshape(ggml_tensor * x, int64_t ne0, int64_t ne1);
    // The features from `first` on as heads: head_dim x n_head x n_token.
    ggml_tensor * split_heads(ggml_tensor * x, int64_t first, int64_t head_dim, int64_t n_head);
    // The rows of x that `indices` (int32) names.
    ggml_tensor * select_rows(ggml_tensor * x, ggml_tensor * indices);
    ggml_tensor * append_zero_row(ggml_tensor * x);
    // Each n rows as one: all first values, then all second values, and so on.
    ggml_tensor * interleave_rows(ggml_tensor * x, int64_t n);
    ggml_tensor * add(ggml_tensor * a, ggml_tensor * b);
    ggml_tensor * scale(ggml_tensor * x, float factor);

    // layer(x) + residual, the latter where it is given
    virtual ggml_tensor * linear(const linear_layer & layer, ggml_tensor * x, ggml_tensor * residual = nullptr);
    // The results of several layers of the same input.
    virtual std::vector<ggml_tensor *> linear_side_by_side(const std::vector<const linear_layer *> & layers, ggml_tensor * x);
    virtual ggml_tensor *              rms_norm(ggml_tensor * x, const norm_layer & norm, float epsilon);
    virtual ggml_tensor *              layer_norm(ggml_tensor * x, const norm_layer & norm, float epsilon);
    virtual ggml_tensor *              gelu_tanh(ggml_tensor * x);
    virtual ggml_tensor *              gelu_erf(ggml_tensor * x);
    // silu(gate(x)) * up(x)
    virtual ggml_tensor * swiglu(const linear_layer & gate, const linear_layer & up, ggml_tensor * x);

    // How the tokens of a batch are rotated: see rotary_table.
    struct rotation {
        ggml_tensor * input; // what rotate takes: the table of the kernels, or the coordinates for ggml
        int           n_axis;
        float         base;
    };
    virtual rotation make_rotation(const std::vector<int32_t> & coordinates, int n_axis, int head_dim, float base);
    // x: head_dim x n_head x n_token. Each head first goes through the RMS norm where there is one.
    virtual ggml_tensor * rotate(ggml_tensor * x, const rotation & by, const norm_layer & norm = {}, float epsilon = 0.0f);

    // What attention takes, each head_dim x n_head x n_token: queries and keys of x, rotated as above, and values.
    struct heads {
        ggml_tensor *q, *k, *v;
    };
    virtual heads make_heads(const head_layers & layers, ggml_tensor * x, int64_t head_dim, const rotation & by, float epsilon);

    // q: head_dim x n_head x n_query, k and v: head_dim x n_kv_head x n_key, with contiguous heads. Returns
    // (head_dim * n_head) x n_query. The scale is 1 / sqrt(head_dim).
    virtual ggml_tensor * attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v, const attention_layout & layout);

    // Gives the graph memory of its own when it is first computed, if there is enough, so that it can be computed again.
    void own_memory() { owns_memory_ = true; }
    // Before it is computed again, with inputs that have been replaced.
    void refill(cancel_flag cancel);

    // Computes `result`, of all calls the same, and copies its first n_value values to `out`. Throws error, std::bad_alloc.
    virtual void compute(ggml_tensor * result, float * out, int64_t n_value);

    int64_t n_own_byte() const; // of the memory of its own; 0: it has none

protected:
    compute_lane &      lane() const { return lane_; }
    compute_device &    device() const { return lane_.device(); }
    const cancel_flag & cancel() const { return cancel_; }

    // Where to describe the next operation; ask again for each.
    ggml_context * memory() { return descriptions_.get(); }

private:
    struct pending_input {
        ggml_tensor *               tensor;
        std::function<void(void *)> fill;
    };

    // What all layers of a layout share.
    struct prepared_attention {
        explicit prepared_attention(const attention_layout & layout) : groups(layout) {}

        attention_groups           groups;
        ggml_tensor *              query_rows = nullptr; // of the groups; null: as they are
        ggml_tensor *              key_rows = nullptr;
        ggml_tensor *              result_rows = nullptr;
        std::vector<ggml_tensor *> masks;
    };

    const prepared_attention & prepare(const attention_layout & layout);
    ggml_tensor *              row_input(const std::vector<int32_t> & rows);
    ggml_tensor *              mask_input(const attention_groups & groups, size_t i_mask, bool causal);
    ggml_tensor *              repeated_mask_rows(const attention_groups & groups, size_t i_mask);
    // Where several operations write rows that are read together. All layers have the same one, which they need in turn.
    ggml_tensor * shared_rows(int64_t width, int64_t n_row);

    // What attention takes in the order of its groups, all heads in a row.
    struct ordered_rows {
        int64_t       head_dim;
        ggml_tensor * queries;
        ggml_tensor * keys;
        ggml_tensor * values;

        float scale() const { return 1.0f / std::sqrt((float) head_dim); }
    };

    ggml_tensor * select_heads(ggml_tensor * rows, int64_t head_dim, int64_t begin, int64_t n_row, int64_t n_bin);
    void          write_rows(ggml_tensor * rows, ggml_tensor * to, int64_t begin);
    // The rows of a group, by ggml's own operation.
    ggml_tensor * attend(const ordered_rows & of, const attention_group & group, ggml_tensor * mask);
    // Writes them to their place in `result`. The scores of a part of the queries are computed at a time.
    void attend_by_products(const ordered_rows & of, const attention_group & group, ggml_tensor * mask, ggml_tensor * result);
    ggml_cgraph * build(ggml_tensor * result);
    void          check_operations() const;
    void          allocate();
    void          fill_inputs() const;
    void          compute_nodes(ggml_cgraph * nodes);
    void          compute_pieces(compute_pass & pass);

    compute_lane &             lane_;
    cancel_flag                cancel_;
    growing_tensor_memory      descriptions_;
    tensor_memory              graph_memory_;
    ggml_cgraph *              built_ = nullptr; // from the first time on that it is computed
    bool                       owns_memory_ = false;
    ggml_gallocr_ptr           own_memory_; // null: that of the lane
    std::vector<pending_input> inputs_;
    std::vector<ggml_tensor *> writes_; // into tensors that others read, in the order in which they must happen
    std::map<const attention_layout *, prepared_attention> attention_;
    std::map<std::pair<int64_t, int64_t>, ggml_tensor *>   shared_rows_; // by their width and number
};

// Returns the graph that is fastest on the device: on a CPU one with our kernels (kernel_graph.cpp).
std::unique_ptr<graph> make_graph(compute_lane & lane, cancel_flag cancel);

} // namespace omni
