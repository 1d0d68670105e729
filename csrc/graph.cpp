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
    ggml_tensor * y = ggml_mul_mat(memory(), layer.weight, x);
    y = layer.bias ? add(y, layer.bias) : y;
    return residual ? add(y, residual) : y;
}

std::vector<ggml_tensor *> graph::linear_side_by_side(const std::vector<const linear_layer *> & layers, ggml_tensor * x) {
    std::vector<ggml_tensor *> results;
    results.reserve(layers.size());
    for (const linear_layer * layer : layers) {
        results.push_back(linear(*layer, x));
    }
    return results;
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

ggml_tensor * graph::swiglu(ggml_tensor * gate, ggml_tensor * up) { return ggml_swiglu_split(memory(), gate, up); }

graph::rotation graph::make_rotation(std::vector<int32_t> coordinates, int n_axis, int, float base) {
    if (n_axis == 2) {
        // ggml has four axes for it, of which two serve as two each
        const size_t n = coordinates.size();
        coordinates.resize(2 * n);
        std::copy_n(coordinates.begin(), n, coordinates.begin() + (ptrdiff_t) n);
    }
    const int64_t n = (int64_t) coordinates.size();
    ggml_tensor * values = input(GGML_TYPE_I32, n, 1, [coordinates = std::move(coordinates)](void * data) {
        std::memcpy(data, coordinates.data(), coordinates.size() * sizeof(int32_t));
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

ggml_tensor * graph::causal_mask(int64_t n_q, int64_t n_kv) {
    ggml_tensor *& mask = masks_[{n_q, n_kv}];
    if (mask == nullptr) {
        mask = input(GGML_TYPE_F16, n_kv, n_q, [=](void * data) {
            const ggml_fp16_t hidden = ggml_fp32_to_fp16(-INFINITY), seen = ggml_fp32_to_fp16(0.0f);
            ggml_fp16_t *     row = static_cast<ggml_fp16_t *>(data);
            for (int64_t i = 0; i < n_q; i++, row += n_kv) {
                std::fill(row, row + (n_kv - n_q + i + 1), seen);
                std::fill(row + (n_kv - n_q + i + 1), row + n_kv, hidden);
            }
        });
    }
    return mask;
}

// Segments of the same lengths that lie at equal distances share one operation, with the segments along its batch dimension.
ggml_tensor * graph::attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v,
                               const std::shared_ptr<const attention_layout> & layout) {
    ggml_tensor * out = ggml_new_tensor_2d(memory(), GGML_TYPE_F32, q->ne[0] * q->ne[1], q->ne[2]);
    ggml_set_input(out);
    const float                            scale = 1.0f / std::sqrt((float) q->ne[0]);
    const std::vector<attention_segment> & segments = layout->segments;
    for (size_t first = 0, next = 0; first < segments.size(); first = next) {
        const attention_segment & s = segments[first];
        for (next = first + 1; next < segments.size(); next++) {
            const attention_segment & a = segments[next - 1];
            const attention_segment & b = segments[next];
            if (b.q_len != s.q_len || b.kv_len != s.kv_len || b.q_begin != a.q_begin + s.q_len ||
                b.kv_begin != a.kv_begin + s.kv_len) {
                break;
            }
        }
        const int64_t n_batch = (int64_t) (next - first);
        // head_dim x tokens x heads x segments
        const auto select = [&](ggml_tensor * t, int64_t begin, int64_t len) {
            return ggml_view_4d(memory(), t, t->ne[0], len, t->ne[1], n_batch, t->nb[2], t->nb[1], len * t->nb[2],
                                begin * t->nb[2]);
        };
        const auto select_f16 = [&](ggml_tensor * t) {
            ggml_tensor * selected = select(t, s.kv_begin, s.kv_len);
            return ggml_cast(memory(), selected, GGML_TYPE_F16);
        };
        ggml_tensor * queries = select(q, s.q_begin, s.q_len);
        ggml_tensor * keys = select_f16(k);
        ggml_tensor * values = select_f16(v);
        ggml_tensor * mask = layout->causal && s.q_len > 1 ? causal_mask(s.q_len, s.kv_len) : nullptr;
        ggml_tensor * y = ggml_flash_attn_ext(memory(), queries, keys, values, mask, scale, 0.0f, 0.0f);
        ggml_prec_set_acc(y, GGML_PREC_F32);
        // head_dim x heads x tokens x segments: the order of `out`
        ggml_tensor * rows = ggml_view_2d(memory(), out, out->ne[0], s.q_len * n_batch, out->nb[1], s.q_begin * out->nb[1]);
        writes_.push_back(ggml_cpy(memory(), y, rows));
    }
    return out;
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
    return built;
}

void graph::check_operations(ggml_cgraph * built) const {
    for (int i = 0; i < ggml_graph_n_nodes(built); i++) {
        const ggml_tensor * node = ggml_graph_node(built, i);
        if (!ggml_backend_supports_op(lane_.backend(), node)) {
            throw error(OMNI_FAILED, std::string("device ") + device().name() + " lacks the operation " + ggml_op_desc(node) +
                                         " for " + ggml_type_name(node->src[0] ? node->src[0]->type : node->type) +
                                         "; use device=\"cpu\"");
        }
    }
}

void graph::fill_inputs() const {
    std::vector<uint8_t> staging;
    for (const pending_input & i : inputs_) {
        if (i.tensor->data == nullptr) {
            continue; // nothing in the graph reads it
        }
        if (device().is_cpu()) {
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
    if (device().is_cpu()) {
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
        throw error(OMNI_FAILED, std::string("device ") + device().name() + " failed: " + take_thread_errors());
    }
}

void graph::compute_pieces(compute_pass & pass, ggml_cgraph * built) {
    const int n_node = ggml_graph_n_nodes(built);
    for (int first = 0, next = 0; first < n_node; first = next) {
        pass.step([&] {
            int64_t n_operation = 0;
            for (; next < n_node && (next == first || n_operation < device().rate.n_operation()); next++) {
                n_operation += count_operations(ggml_graph_node(built, next));
            }
            ggml_cgraph piece = ggml_graph_view(built, first, next);
            const auto  begin = std::chrono::steady_clock::now();
            compute_nodes(&piece);
            device().rate.add(n_operation, std::chrono::steady_clock::now() - begin);
        });
    }
}

void graph::compute(ggml_tensor * result, float * out) {
    ggml_cgraph * built = build(result);
    check_operations(built);
    compute_pass pass(lane_, cancel_);
    pass.step([&] {
        lane_.allocate(built);
        fill_inputs();
    });
    if (device().runs_kernels()) {
        pass.step([&] { compute_nodes(built); });
    } else {
        compute_pieces(pass, built);
    }
    pass.step([&] { ggml_backend_tensor_get(result, out, 0, ggml_nbytes(result)); });
    if (!std::all_of(out, out + ggml_nelements(result), [](float value) { return std::isfinite(value); })) {
        throw error(OMNI_FAILED, "the result is not finite; the weights of the file may be damaged");
    }
}

} // namespace omni
