// SPDX-License-Identifier: Apache-2.0
#include "graph.h"

#include "error.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "ggml-impl.h" // ggml_graph_view
#include "native_log.h"
#include "piece_rate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <iterator>
#include <new>
#include <string>

namespace omni {

namespace {

// Values of a mask above which it is made on the device, of one row for each segment: the mask of a few images of different
// sizes has megabytes, which the host writes and sends more slowly than a device computes two operations.
constexpr int64_t n_mask_value_max = 1 << 19;

// Keys above which attention on Vulkan is not ggml's one operation. That adds up the values in half precision on devices that have
// it, whatever precision is asked for: the vectors of 4,920 patches had a cosine of 0.99997 to float32 (random weights).
constexpr int64_t n_half_key_max = 1024;

// Scores in memory at the same time, where they are computed by themselves: 128 MiB.
constexpr int64_t n_score_max = (int64_t) 32 << 20;

// A product takes its operands in half precision, which has few digits for the probabilities of many keys as they are.
constexpr float probability_scale = 256.0f;

// A row of a mask: what its query sees.
void fill_mask_row(ggml_fp16_t * row, int64_t n_key, int64_t first, int64_t n_seen) {
    std::fill_n(row, n_key, ggml_fp32_to_fp16(-INFINITY));
    std::fill_n(row + first, n_seen, ggml_fp32_to_fp16(0.0f));
}

void fill_mask(const attention_mask & mask, bool causal, ggml_fp16_t * row) {
    const int64_t n_key = mask.n_key;
    for (int64_t i = 0; mask.bins.empty() && i < mask.n_query; i++, row += n_key) {
        fill_mask_row(row, n_key, 0, n_key - mask.n_query + i + 1);
    }
    for (const std::vector<attention_segment> & bin : mask.bins) {
        int64_t n_query = 0;
        for (const attention_segment & s : bin) {
            for (int32_t i = 0; i < s.q_len; i++, n_query++, row += n_key) {
                fill_mask_row(row, n_key, s.kv_begin, causal ? s.kv_len - s.q_len + i + 1 : s.kv_len);
            }
        }
        for (; n_query < mask.n_query; n_query++, row += n_key) {
            fill_mask_row(row, n_key, 0, 1); // those that fill up: of what sees nothing no result is a number
        }
    }
}

ggml_tensor * multiply(ggml_context * memory, ggml_tensor * a, ggml_tensor * b) {
    ggml_tensor * y = ggml_mul_mat(memory, a, b);
    ggml_prec_set_acc(y, GGML_PREC_F32); // without it Vulkan and CUDA add up in half precision, and overflow
    return y;
}

} // namespace

// ---- describing ---------------------------------------------------------------------------------------------------------

ggml_tensor * graph::input(ggml_type type, int64_t ne0, int64_t ne1, std::function<void(void *)> fill) {
    ggml_tensor * t = ggml_new_tensor_2d(memory(), type, ne0, ne1);
    ggml_set_input(t);
    inputs_.push_back({t, std::move(fill)});
    return t;
}

ggml_tensor * graph::reshape(ggml_tensor * x, int64_t ne0, int64_t ne1) { return ggml_reshape_2d(memory(), x, ne0, ne1); }

ggml_tensor * graph::split_heads(ggml_tensor * x, int64_t first, int64_t head_dim, int64_t n_head) {
    return ggml_view_3d(memory(), x, head_dim, n_head, x->ne[1], head_dim * sizeof(float), x->nb[1], first * sizeof(float));
}

ggml_tensor * graph::select_rows(ggml_tensor * x, ggml_tensor * indices) { return ggml_get_rows(memory(), x, indices); }

ggml_tensor * graph::append_zero_row(ggml_tensor * x) { return ggml_pad(memory(), x, 0, 1, 0, 0); }

ggml_tensor * graph::interleave_rows(ggml_tensor * x, int64_t n) {
    const int64_t width = x->ne[0], n_row = x->ne[1] / n;
    ggml_tensor * t = ggml_reshape_3d(memory(), x, width, n, n_row);
    t = ggml_permute(memory(), t, 1, 0, 2, 3);
    return ggml_cont_2d(memory(), t, n * width, n_row);
}

ggml_tensor * graph::add(ggml_tensor * a, ggml_tensor * b) { return ggml_add(memory(), a, b); }

ggml_tensor * graph::scale(ggml_tensor * x, float factor) { return ggml_scale(memory(), x, factor); }

ggml_tensor * graph::linear(const linear_layer & layer, ggml_tensor * x, ggml_tensor * residual) {
    ggml_tensor * y = multiply(memory(), layer.weight, x);
    y = layer.bias ? add(y, layer.bias) : y;
    return residual ? add(y, residual) : y;
}

std::vector<ggml_tensor *> graph::linear_side_by_side(const std::vector<const linear_layer *> & layers, ggml_tensor * x) {
    std::vector<ggml_tensor *> results;
    for (size_t first = 0, next = 0; first < layers.size(); first = next) {
        const ggml_tensor * weight = layers[first]->weight;
        int64_t             n_out = 0;
        do {
            n_out += layers[next++]->weight->ne[1];
        } while (next < layers.size() && are_side_by_side(*layers[next - 1], *layers[next]));
        if (next == first + 1) {
            results.push_back(linear(*layers[first], x));
            continue;
        }
        linear_layer all;
        all.weight = ggml_view_2d(memory(), weight->view_src, weight->ne[0], n_out, weight->nb[1], weight->view_offs);
        ggml_tensor * y = linear(all, x);
        int64_t       n_before = 0;
        for (size_t i = first; i < next; n_before += layers[i++]->weight->ne[1]) {
            results.push_back(
                ggml_view_2d(memory(), y, layers[i]->weight->ne[1], y->ne[1], y->nb[1], n_before * sizeof(float)));
        }
    }
    return results;
}

graph::heads graph::make_heads(const head_layers & layers, ggml_tensor * x, int64_t head_dim, const rotation & by,
                               float epsilon) {
    const int64_t n_q = layers.q.weight->ne[1] / head_dim, n_kv = layers.k.weight->ne[1] / head_dim;
    const auto    projected = linear_side_by_side({&layers.q, &layers.k, &layers.v}, x);
    ggml_tensor * v = split_heads(projected[2], 0, head_dim, n_kv);
    if (!are_side_by_side(layers.q, layers.k)) {
        return {rotate(split_heads(projected[0], 0, head_dim, n_q), by, layers.q_norm, epsilon),
                rotate(split_heads(projected[1], 0, head_dim, n_kv), by, layers.k_norm, epsilon), v};
    }
    ggml_tensor * qk = rotate(split_heads(projected[0], 0, head_dim, n_q + n_kv), by, layers.qk_norm, epsilon);
    const auto    select = [&](int64_t first, int64_t n) {
        return ggml_view_3d(memory(), qk, head_dim, n, qk->ne[2], qk->nb[1], qk->nb[2], first * qk->nb[1]);
    };
    return {select(0, n_q), select(n_q, n_kv), v};
}

ggml_tensor * graph::rms_norm(ggml_tensor * x, const norm_layer & norm, float epsilon) {
    ggml_tensor * y = ggml_rms_norm(memory(), x, epsilon);
    return ggml_mul(memory(), y, norm.weight);
}

ggml_tensor * graph::layer_norm(ggml_tensor * x, const norm_layer & norm, float epsilon) {
    ggml_tensor * y = ggml_norm(memory(), x, epsilon);
    y = ggml_mul(memory(), y, norm.weight);
    return add(y, norm.bias);
}

ggml_tensor * graph::gelu_tanh(ggml_tensor * x) { return ggml_gelu(memory(), x); }

ggml_tensor * graph::gelu_erf(ggml_tensor * x) { return ggml_gelu_erf(memory(), x); }

ggml_tensor * graph::swiglu(const linear_layer & gate, const linear_layer & up, ggml_tensor * x) {
    const auto both = linear_side_by_side({&gate, &up}, x);
    return are_side_by_side(gate, up) ? ggml_swiglu(memory(), both[0]->view_src)
                                      : ggml_swiglu_split(memory(), both[0], both[1]);
}

graph::rotation graph::make_rotation(const std::vector<int32_t> & coordinates, int n_axis, int, float base) {
    // for two axes ggml has four, of which two serve as two each
    const int64_t n_copy = n_axis == 2 ? 2 : 1;
    ggml_tensor * values = input(GGML_TYPE_I32, n_copy * (int64_t) coordinates.size(), 1, [&coordinates, n_copy](void * data) {
        int32_t * out = static_cast<int32_t *>(data);
        for (int64_t i = 0; i < n_copy; i++) {
            out = std::copy(coordinates.begin(), coordinates.end(), out);
        }
    });
    return {values, n_axis, base};
}

ggml_tensor * graph::rotate(ggml_tensor * x, const rotation & by, const norm_layer & norm, float epsilon) {
    const int     head_dim = (int) x->ne[0];
    ggml_tensor * t = norm.weight ? graph::rms_norm(x, norm, epsilon) : x;
    if (by.n_axis == 1) {
        return ggml_rope_ext(memory(), t, by.input, nullptr, head_dim, GGML_ROPE_TYPE_NEOX, 0, by.base, 1.0f, 0.0f, 1.0f, 32.0f,
                             1.0f);
    }
    int sections[GGML_MROPE_SECTIONS] = {head_dim / 4, head_dim / 4, head_dim / 4, head_dim / 4};
    return ggml_rope_multi(memory(), t, by.input, nullptr, head_dim / 2, sections, GGML_ROPE_TYPE_VISION, 0, by.base, 1.0f,
                           0.0f, 1.0f, 32.0f, 1.0f);
}

ggml_tensor * graph::row_input(const std::vector<int32_t> & rows) {
    if (rows.empty()) {
        return nullptr;
    }
    return input(GGML_TYPE_I32, (int64_t) rows.size(), 1,
                 [&rows](void * data) { std::memcpy(data, rows.data(), rows.size() * sizeof(int32_t)); });
}

// Keys x queries x 1 x bins.
ggml_tensor * graph::mask_input(const attention_groups & groups, size_t i_mask, bool causal) {
    const attention_mask & mask = groups.masks[i_mask];
    const int64_t          n_key = mask.n_key, n_bin = std::max<int64_t>(1, (int64_t) mask.bins.size());
    ggml_tensor *          rows = nullptr;
    if (!causal && n_key * mask.n_query * n_bin > n_mask_value_max) {
        rows = repeated_mask_rows(groups, i_mask);
    } else {
        rows = input(GGML_TYPE_F16, n_key, mask.n_query * n_bin, [&groups, i_mask, causal](void * data) {
            fill_mask(groups.masks[i_mask], causal, static_cast<ggml_fp16_t *>(data));
        });
    }
    return ggml_reshape_4d(memory(), rows, n_key, mask.n_query, 1, n_bin);
}

// All queries of a segment have the same row, which is written once.
ggml_tensor * graph::repeated_mask_rows(const attention_groups & groups, size_t i_mask) {
    const attention_mask & mask = groups.masks[i_mask];
    int64_t                n_segment = 0;
    for (const auto & bin : mask.bins) {
        n_segment += (int64_t) bin.size();
    }
    ggml_tensor * rows = input(GGML_TYPE_F16, mask.n_key, n_segment, [&groups, i_mask](void * data) {
        const attention_mask & mask = groups.masks[i_mask];
        ggml_fp16_t *          row = static_cast<ggml_fp16_t *>(data);
        for (const auto & bin : mask.bins) {
            for (const attention_segment & s : bin) {
                fill_mask_row(row, mask.n_key, s.kv_begin, s.kv_len);
                row += mask.n_key;
            }
        }
    });
    const int64_t n_row = mask.n_query * (int64_t) mask.bins.size();
    ggml_tensor * of_queries = input(GGML_TYPE_I32, n_row, 1, [&groups, i_mask](void * data) {
        const attention_mask & mask = groups.masks[i_mask];
        int32_t *              out = static_cast<int32_t *>(data);
        int32_t                segment = 0;
        for (const auto & bin : mask.bins) {
            int32_t * end = out + mask.n_query;
            for (const attention_segment & s : bin) {
                out = std::fill_n(out, s.q_len, segment++);
            }
            out = std::fill_n(out, end - out, segment - 1); // those that fill up
        }
    });
    return ggml_cast(memory(), select_rows(rows, of_queries), GGML_TYPE_F16);
}

const graph::prepared_attention & graph::prepare(const attention_layout & layout) {
    const auto known = attention_.find(&layout);
    if (known != attention_.end()) {
        return known->second;
    }
    prepared_attention & p = attention_.emplace(&layout, layout).first->second;
    p.query_rows = row_input(p.groups.query_rows);
    p.key_rows = row_input(p.groups.key_rows);
    p.result_rows = row_input(p.groups.result_rows);
    for (size_t i = 0; i < p.groups.masks.size(); i++) {
        p.masks.push_back(mask_input(p.groups, i, layout.causal));
    }
    return p;
}

ggml_tensor * graph::shared_rows(int64_t width, int64_t n_row) {
    ggml_tensor *& rows = shared_rows_[{width, n_row}];
    if (rows == nullptr) {
        rows = ggml_new_tensor_2d(memory(), GGML_TYPE_F32, width, n_row);
        ggml_set_input(rows);
    }
    return rows;
}

// head_dim x rows x heads x bins of rows that hold all heads.
ggml_tensor * graph::select_heads(ggml_tensor * rows, int64_t head_dim, int64_t begin, int64_t n_row, int64_t n_bin) {
    return ggml_view_4d(memory(), rows, head_dim, n_row, rows->ne[0] / head_dim, n_bin, rows->nb[1], head_dim * rows->nb[0],
                        n_row * rows->nb[1], begin * rows->nb[1]);
}

void graph::write_rows(ggml_tensor * rows, ggml_tensor * to, int64_t begin) {
    ggml_tensor * place = ggml_view_2d(memory(), to, rows->ne[0], rows->ne[1], to->nb[1], begin * to->nb[1]);
    writes_.push_back(ggml_cpy(memory(), rows, place));
}

ggml_tensor * graph::attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v, const attention_layout & layout) {
    const prepared_attention & p = prepare(layout);
    const auto                 order = [&](ggml_tensor * t, ggml_tensor * rows) {
        t = ggml_view_2d(memory(), t, t->ne[0] * t->ne[1], t->ne[2], t->nb[2], 0);
        return rows ? select_rows(t, rows) : t;
    };
    const ordered_rows of = {q->ne[0], order(q, p.query_rows), ggml_cast(memory(), order(k, p.key_rows), GGML_TYPE_F16),
                             ggml_cast(memory(), order(v, p.key_rows), GGML_TYPE_F16)};
    const auto find_mask = [&](const attention_group & group) { return group.mask < 0 ? nullptr : p.masks[group.mask]; };
    const auto adds_up_in_half = [&](const attention_group & group) {
        return device().is_vulkan && group.n_key > n_half_key_max;
    };
    const std::vector<attention_group> & groups = p.groups.groups;
    ggml_tensor *                        result = nullptr;
    if (groups.size() == 1 && !adds_up_in_half(groups.front())) {
        result = attend(of, groups.front(), find_mask(groups.front()));
    } else {
        result = shared_rows(of.queries->ne[0], p.groups.n_query);
        for (const attention_group & group : groups) {
            if (adds_up_in_half(group)) {
                attend_by_products(of, group, find_mask(group), result);
            } else {
                write_rows(attend(of, group, find_mask(group)), result, group.query_begin);
            }
        }
    }
    return p.result_rows ? select_rows(result, p.result_rows) : result;
}

ggml_tensor * graph::attend(const ordered_rows & of, const attention_group & group, ggml_tensor * mask) {
    const auto select = [&](ggml_tensor * rows, int64_t begin, int64_t n_row) {
        return select_heads(rows, of.head_dim, begin, n_row, group.n_bin);
    };
    ggml_tensor * y = ggml_flash_attn_ext(memory(), select(of.queries, group.query_begin, group.n_query),
                                          select(of.keys, group.key_begin, group.n_key),
                                          select(of.values, group.key_begin, group.n_key), mask, of.scale(), 0.0f, 0.0f);
    ggml_prec_set_acc(y, GGML_PREC_F32);
    return ggml_reshape_2d(memory(), y, of.queries->ne[0], group.n_query * group.n_bin);
}

void graph::attend_by_products(const ordered_rows & of, const attention_group & group, ggml_tensor * mask,
                               ggml_tensor * result) {
    const int64_t n_head = of.queries->ne[0] / of.head_dim;
    const int64_t n_part = std::max<int64_t>(1, n_score_max / (group.n_key * n_head));
    for (int64_t bin = 0; bin < group.n_bin; bin++) {
        const int64_t query_begin = group.query_begin + bin * group.n_query, key_begin = group.key_begin + bin * group.n_key;
        ggml_tensor * keys = select_heads(of.keys, of.head_dim, key_begin, group.n_key, 1);
        ggml_tensor * values = select_heads(of.values, of.head_dim, key_begin, group.n_key, 1);
        values = ggml_cont(memory(), ggml_transpose(memory(), values));
        for (int64_t first = 0; first < group.n_query; first += n_part) {
            const int64_t n_query = std::min(n_part, group.n_query - first);
            ggml_tensor * seen = mask == nullptr ? nullptr
                                                 : ggml_view_2d(memory(), mask, group.n_key, n_query, mask->nb[1],
                                                                bin % mask->ne[3] * mask->nb[3] + first * mask->nb[1]);
            ggml_tensor * y = multiply(memory(), keys, select_heads(of.queries, of.head_dim, query_begin + first, n_query, 1));
            y = ggml_soft_max_ext(memory(), y, seen, of.scale(), 0.0f);
            y = multiply(memory(), values, ggml_scale(memory(), y, probability_scale));
            y = ggml_cont_2d(memory(), ggml_permute(memory(), y, 0, 2, 1, 3), of.queries->ne[0], n_query);
            write_rows(ggml_scale(memory(), y, 1.0f / probability_scale), result, query_begin + first);
        }
    }
}

// ---- computing ----------------------------------------------------------------------------------------------------------

ggml_cgraph * graph::build(ggml_tensor * result) {
    size_t n_tensor = 0; // ours, and what they read of others: the weights, which may count more than once
    descriptions_.for_each([&](const ggml_tensor * t) {
        const auto is_leaf = [](const ggml_tensor * s) { return s != nullptr && s->op == GGML_OP_NONE; };
        n_tensor += 1 + std::count_if(std::begin(t->src), std::end(t->src), is_leaf);
    });
    graph_memory_ = tensor_memory(ggml_graph_overhead_custom(n_tensor, false));
    ggml_cgraph * built = ggml_new_graph_custom(graph_memory_.get(), n_tensor, false);
    for (ggml_tensor * write : writes_) {
        ggml_build_forward_expand(built, write);
    }
    ggml_set_output(result);
    ggml_build_forward_expand(built, result);
    built->uid = ggml_graph_next_uid(); // by which CUDA knows what it has recorded
    return built;
}

void graph::check_operations() const {
    for (int i = 0; i < ggml_graph_n_nodes(built_); i++) {
        const ggml_tensor * node = ggml_graph_node(built_, i);
        if (!ggml_backend_supports_op(lane_.backend(), node)) {
            size_t n_most = ggml_nbytes(node);
            for (const ggml_tensor * source : node->src) {
                n_most = source ? std::max(n_most, ggml_nbytes(source)) : n_most;
            }
            // Fewer inputs have smaller tensors: what a device lacks may be the size alone, which it does not say.
            throw pass_too_large(std::string("needs the operation ") + ggml_op_desc(node) + " for " +
                                 ggml_type_name(node->src[0] ? node->src[0]->type : node->type) + " with tensors of " +
                                 to_mebibytes(n_most) + ", which the device " + device().name() +
                                 " lacks; use a smaller input, or device=\"cpu\"");
        }
    }
}

void graph::allocate() {
    if (owns_memory_ && !own_memory_) {
        own_memory_ = lane_.allocate_own(built_);
    }
    if (!own_memory_) {
        lane_.allocate(built_);
    }
}

int64_t graph::n_own_byte() const { return own_memory_ ? (int64_t) ggml_gallocr_get_buffer_size(own_memory_.get(), 0) : 0; }

void graph::refill(cancel_flag cancel) {
    cancel_ = cancel;
    for (auto & [layout, prepared] : attention_) {
        prepared.groups = attention_groups(*layout);
    }
}

void graph::fill_inputs() const {
    std::vector<uint8_t> staging;
    for (const pending_input & i : inputs_) {
        if (i.tensor->data == nullptr) {
            continue; // nothing in the graph reads it
        }
        if (device().is_cpu) {
            i.fill(i.tensor->data);
        } else {
            staging.resize(ggml_nbytes(i.tensor));
            i.fill(staging.data());
            ggml_backend_tensor_set(i.tensor, staging.data(), 0, staging.size());
        }
    }
}

void graph::compute_nodes(ggml_cgraph * nodes) {
    // called before each node
    const ggml_abort_callback is_cancelled = [](void * g) {
        graph & self = *static_cast<graph *>(g);
        // A device without our kernels waits between two pieces: here it holds what an interactive pass needs.
        if (self.lane_.order() == priority::background && self.device().runs_kernels()) {
            self.device().turns.wait_as_background(self.cancel_);
        }
        return self.cancel_.is_set();
    };
    if (device().is_cpu) {
        ggml_backend_cpu_set_abort_callback(lane_.backend(), is_cancelled, this);
    }
    take_thread_errors();
    const ggml_status status = ggml_backend_graph_compute(lane_.backend(), nodes);
    if (cancel_.is_set()) {
        throw error(OMNI_CANCELLED, "was cancelled");
    }
    if (status == GGML_STATUS_ALLOC_FAILED) {
        throw std::bad_alloc();
    }
    if (status != GGML_STATUS_SUCCESS) {
        throw error(OMNI_FAILED, "device " + device().name() + " failed: " + take_thread_errors());
    }
}

void graph::compute_pieces(compute_pass & pass) {
    const int n_node = ggml_graph_n_nodes(built_);
    for (int first = 0, next = 0; first < n_node; first = next) {
        pass.step([&] {
            int64_t n_operation = 0;
            for (; next < n_node && (next == first || n_operation < device().rate.n_operation()); next++) {
                n_operation += count_operations(ggml_graph_node(built_, next));
            }
            ggml_cgraph part = ggml_graph_view(built_, first, next);
            const bool  is_all = first == 0 && next == n_node;
            const auto  begin = std::chrono::steady_clock::now();
            compute_nodes(is_all ? built_ : &part);
            device().rate.add(n_operation, std::chrono::steady_clock::now() - begin);
        });
    }
}

void graph::compute(ggml_tensor * result, float * out, int64_t n_value) {
    if (built_ == nullptr) {
        built_ = build(result);
        check_operations();
    }
    compute_pass pass(lane_, cancel_);
    pass.step([&] {
        allocate();
        fill_inputs();
    });
    if (device().runs_kernels()) {
        pass.step([&] { compute_nodes(built_); });
    } else {
        compute_pieces(pass);
    }
    pass.step([&] { ggml_backend_tensor_get(result, out, 0, n_value * sizeof(float)); });
    if (!std::all_of(out, out + n_value, [](float value) { return std::isfinite(value); })) {
        throw error(OMNI_FAILED, "the result is not finite; the weights of the file may be damaged");
    }
}

} // namespace omni
