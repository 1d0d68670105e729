// SPDX-License-Identifier: Apache-2.0
#include "tower.h"

#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "native_log.h"
#include "rotary_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <string>

namespace omni {

namespace {

const float * row_of(const ggml_tensor * t, int64_t i = 0) {
    return (const float *) ((const char *) t->data + i * t->nb[1]);
}

} // namespace

compute_device::compute_device(ggml_backend_dev_t device_, int n_threads, const kernel_set & kernels_, bool exact_, bool portable_)
    : device(device_), kernels(kernels_), exact(exact_), portable(portable_), threads(runs_kernels() ? n_threads : 1) {
    take_thread_errors();
    backend.reset(ggml_backend_dev_init(device, nullptr));
    if (!backend) {
        throw compute_error(std::string("device ") + ggml_backend_dev_name(device) + " could not be started: " +
                            take_thread_errors());
    }
    if (is_cpu()) {
        ggml_backend_cpu_set_n_threads(backend.get(), portable ? n_threads : 1);
    }
    renew_allocator();
}

void compute_device::renew_allocator() {
    allocator.reset(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend.get())));
}

graph::graph(compute_device & device, size_t n_layer, size_t n_layer_node, size_t n_span, const volatile int32_t * cancel)
    : device_(device), cancel_(cancel) {
    // what surrounds the layers, the layers, and portable attention's operations per span
    const size_t n_nodes = 256 + n_layer * (n_layer_node + (device.runs_kernels() ? 0 : 16 * n_span));
    context_ = tensor_memory(n_nodes * ggml_tensor_overhead() + ggml_graph_overhead_custom(n_nodes, false));
    graph_ = ggml_new_graph_custom(context_.get(), n_nodes, false);
}

ggml_tensor * graph::input(ggml_type type, int64_t ne0, int64_t ne1, std::function<void(void *)> fill) {
    ggml_tensor * t = ggml_new_tensor_2d(context(), type, ne0, ne1);
    ggml_set_input(t);
    inputs_.push_back({t, std::move(fill)});
    return t;
}

ggml_tensor * graph::buffer(int64_t ne0, int64_t ne1) {
    ggml_tensor * t = ggml_new_tensor_2d(context(), GGML_TYPE_F32, ne0, ne1);
    ggml_set_input(t);
    return t;
}

void graph::write(ggml_tensor * buffer, int64_t first, ggml_tensor * x) {
    ggml_build_forward_expand(graph_, ggml_cpy(context(), x, rows(buffer, first, ggml_nelements(x) / buffer->ne[0])));
}

ggml_tensor * graph::rows(ggml_tensor * x, int64_t first, int64_t count) const {
    return ggml_view_2d(context(), x, x->ne[0], count, x->nb[1], first * x->nb[1]);
}

template <typename F> void graph::run_blocks(int64_t n_block, F && work) {
    device_.threads.run((int32_t) n_block, [&](int thread, int32_t block) {
        if (!is_set(cancel_)) {
            work(block, scratch_begin_ + thread * scratch_size_);
        }
    });
}

ggml_tensor * graph::kernel_op(ggml_type type, int64_t ne0, int64_t ne1, std::vector<ggml_tensor *> args, ggml_custom_op_t op,
                               kernel_task task) {
    task.owner = this;
    return ggml_custom_4d(context(), type, ne0, ne1, 1, 1, args.data(), (int) args.size(), op, 1,
                          &tasks_.emplace_back(std::move(task)));
}

void graph::rows_op(ggml_tensor * dst, int, int, void * userdata) {
    const kernel_task & task = *(const kernel_task *) userdata;
    const ggml_tensor * x = dst->src[0];
    // a block of work is large enough that handing it to another thread pays
    const int64_t n_row = std::max<int64_t>(1, 16384 / dst->ne[0]);
    task.owner->run_blocks((dst->ne[1] + n_row - 1) / n_row, [&](int32_t block, float * scratch) {
        const int64_t first = block * n_row;
        for (int64_t row = first; row < std::min(first + n_row, dst->ne[1]); row++) {
            uint8_t * out = (uint8_t *) dst->data + row * dst->nb[1];
            if (!task.product) {
                task.compute(row, (float *) out);
            } else if (task.compute) {
                task.compute(row, scratch);
                task.product->quantize(scratch, task.n_value, out);
            } else {
                task.product->quantize(row_of(x, row), task.n_value, out);
            }
        }
    });
}

ggml_tensor * graph::computed_rows(int64_t ne0, int64_t ne1, std::vector<ggml_tensor *> args, row_function compute) {
    kernel_task task;
    task.compute = compute;
    ggml_tensor * y = kernel_op(GGML_TYPE_F32, ne0, ne1, std::move(args), rows_op, std::move(task));
    computed_[y] = std::move(compute);
    return y;
}

// Computed rows are quantized at once: unless something else asks for them too, they never exist as floats.
ggml_tensor * graph::quantized_rows(ggml_tensor * x, const linear_product & product) {
    ggml_tensor *& rows = quantized_rows_[{x, product.x}];
    if (rows == nullptr) {
        kernel_task task;
        task.product = &product;
        task.n_value = x->ne[0];
        std::vector<ggml_tensor *> args = {x};
        const auto known = computed_.find(x);
        if (known != computed_.end()) {
            task.compute = known->second;
            args.assign(x->src, std::find(x->src, x->src + GGML_MAX_SRC, nullptr));
            scratch_size_ = std::max(scratch_size_, (size_t) x->ne[0]);
        }
        rows = kernel_op(GGML_TYPE_I8, (int64_t) product.row_size(x->ne[0]), x->ne[1], std::move(args), rows_op,
                         std::move(task));
    }
    return rows;
}

void graph::linear_op(ggml_tensor * dst, int, int, void * userdata) {
    const kernel_task & task = *(const kernel_task *) userdata;
    const compute_device & device = task.owner->device_;
    const ggml_tensor * weight = dst->src[0], * x = dst->src[1];
    const auto floats = [](const ggml_tensor * t) { return t ? (const float *) t->data : nullptr; };
    const linear_operands p = {task.product, weight->data, weight->type, weight->ne[0], weight->ne[1],
                               (const uint8_t *) x->data, x->nb[1], floats(task.bias), floats(task.residual),
                               (float *) dst->data, x->ne[1], device.threads.size()};
    task.owner->run_blocks(device.kernels.count_linear_blocks(p),
                           [&](int32_t block, float *) { device.kernels.compute_linear_block(p, block); });
}

ggml_tensor * graph::linear(ggml_tensor * weight, ggml_tensor * x, ggml_tensor * bias, ggml_tensor * residual) {
    const linear_product * product = nullptr;
    if (device_.runs_kernels()) {
        product = choose_product(device_.kernels, device_.exact, weight->type, weight->ne[0], weight->ne[1]);
    }
    if (!product) {
        ggml_tensor * y = ggml_mul_mat(context(), weight, x);
        y = bias ? ggml_add(context(), y, bias) : y;
        return residual ? ggml_add(context(), y, residual) : y;
    }
    kernel_task task;
    task.product  = product;
    task.bias     = bias;
    task.residual = residual;
    std::vector<ggml_tensor *> args = {weight, product->x == row_format::f32 ? x : quantized_rows(x, *product)};
    for (ggml_tensor * t : {bias, residual}) {
        if (t) {
            args.push_back(t);
        }
    }
    return kernel_op(GGML_TYPE_F32, weight->ne[1], x->ne[1], std::move(args), linear_op, std::move(task));
}

ggml_tensor * graph::rms_norm(ggml_tensor * x, ggml_tensor * weight, float epsilon) {
    if (!device_.runs_kernels()) {
        return ggml_mul(context(), ggml_rms_norm(context(), x, epsilon), weight);
    }
    return computed_rows(x->ne[0], x->ne[1], {x, weight}, [=, &kernels = device_.kernels](int64_t i, float * out) {
        kernels.rms_norm(row_of(x, i), x->ne[0], row_of(weight), epsilon, out);
    });
}

ggml_tensor * graph::layer_norm(ggml_tensor * x, ggml_tensor * weight, ggml_tensor * bias, float epsilon) {
    if (!device_.runs_kernels()) {
        return ggml_add(context(), ggml_mul(context(), ggml_norm(context(), x, epsilon), weight), bias);
    }
    return computed_rows(x->ne[0], x->ne[1], {x, weight, bias}, [=, &kernels = device_.kernels](int64_t i, float * out) {
        kernels.layer_norm(row_of(x, i), x->ne[0], row_of(weight), row_of(bias), epsilon, out);
    });
}

ggml_tensor * graph::gelu_tanh(ggml_tensor * x) {
    if (!device_.runs_kernels()) {
        return ggml_gelu(context(), x);
    }
    return computed_rows(x->ne[0], x->ne[1], {x}, [=, &kernels = device_.kernels](int64_t i, float * out) {
        kernels.gelu_tanh(row_of(x, i), x->ne[0], out);
    });
}

ggml_tensor * graph::gelu_erf(ggml_tensor * x) {
    if (!device_.runs_kernels()) {
        return ggml_gelu_erf(context(), x);
    }
    return computed_rows(x->ne[0], x->ne[1], {x}, [=, &kernels = device_.kernels](int64_t i, float * out) {
        kernels.gelu_erf(row_of(x, i), x->ne[0], out);
    });
}

ggml_tensor * graph::swiglu(ggml_tensor * gate, ggml_tensor * up) {
    if (!device_.runs_kernels()) {
        return ggml_swiglu_split(context(), gate, up);
    }
    return computed_rows(up->ne[0], up->ne[1], {gate, up}, [=, &kernels = device_.kernels](int64_t i, float * out) {
        kernels.swiglu(row_of(gate, i), row_of(up, i), up->ne[0], out);
    });
}

graph::rotation graph::rotation_of(std::vector<int32_t> coordinates, int n_axis, int head_dim, float base) {
    const int64_t n_token = (int64_t) coordinates.size() / n_axis;
    if (device_.runs_kernels()) {
        return {input(GGML_TYPE_F32, head_dim, n_token, [=](void * data) {
            rotary_table(coordinates.data(), n_token, n_axis, head_dim, base, (float *) data);
        }), n_axis, base};
    }
    if (n_axis == 2) {
        // ggml has four axes for it, of which two serve as two each
        coordinates.insert(coordinates.end(), coordinates.begin(), coordinates.begin() + 2 * n_token);
    }
    return {input(GGML_TYPE_I32, (int64_t) coordinates.size(), 1, [=](void * data) {
        std::memcpy(data, coordinates.data(), coordinates.size() * sizeof(int32_t));
    }), n_axis, base};
}

ggml_tensor * graph::rotate(ggml_tensor * x, const rotation & by, ggml_tensor * norm_weight, float epsilon) {
    const int head_dim = (int) x->ne[0];
    if (!device_.runs_kernels()) {
        ggml_tensor * t = norm_weight ? rms_norm(x, norm_weight, epsilon) : x;
        if (by.n_axis == 1) {
            return ggml_rope_ext(context(), t, by.table, nullptr, head_dim, GGML_ROPE_TYPE_NEOX, 0, by.base, 1.0f, 0.0f, 1.0f,
                                 32.0f, 1.0f);
        }
        int sections[GGML_MROPE_SECTIONS] = {head_dim / 4, head_dim / 4, head_dim / 4, head_dim / 4};
        return ggml_rope_multi(context(), t, by.table, nullptr, head_dim / 2, sections, GGML_ROPE_TYPE_VISION, 0, by.base, 1.0f,
                               0.0f, 1.0f, 32.0f, 1.0f);
    }
    std::vector<ggml_tensor *> args = {x, by.table};
    if (norm_weight) {
        args.push_back(norm_weight);
    }
    ggml_tensor * table = by.table;
    ggml_tensor * y = computed_rows(head_dim * x->ne[1], x->ne[2], std::move(args), [=, &kernels = device_.kernels](int64_t i, float * out) {
        for (int64_t head = 0; head < x->ne[1]; head++, out += head_dim) {
            const float * in = (const float *) ((const char *) x->data + i * x->nb[2] + head * x->nb[1]);
            if (norm_weight) {
                kernels.rms_norm(in, head_dim, row_of(norm_weight), epsilon, out);
            }
            kernels.rotate(norm_weight ? out : in, head_dim, row_of(table, i), out);
        }
    });
    return ggml_reshape_3d(context(), y, head_dim, x->ne[1], x->ne[2]);
}

void graph::attention_op(ggml_tensor * dst, int, int, void * userdata) {
    const kernel_task & task = *(const kernel_task *) userdata;
    const attention_plan & plan = *task.plan;
    const auto operand = [](const ggml_tensor * t) {
        return attention_operand{(const float *) t->data, t->nb[2] / sizeof(float), t->nb[1] / sizeof(float)};
    };
    const attention_operands p = {operand(dst->src[0]), operand(dst->src[1]), operand(dst->src[2]), (float *) dst->data,
                                  plan.n_head, plan.n_kv_head, plan.head_dim, plan.causal};
    task.owner->run_blocks((int64_t) plan.tiles.size(), [&](int32_t tile, float * scratch) {
        task.owner->device_.kernels.attend_tile(p, plan.tiles[tile], scratch);
    });
}

ggml_tensor * graph::attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v, std::shared_ptr<attention_plan> plan) {
    if (!device_.runs_kernels()) {
        return portable_attention(q, k, v, *plan);
    }
    scratch_size_ = std::max(scratch_size_, device_.kernels.attention_scratch(plan->head_dim));
    kernel_task task;
    task.plan = std::move(plan);
    return kernel_op(GGML_TYPE_F32, q->ne[0] * q->ne[1], q->ne[2], {q, k, v}, attention_op, std::move(task));
}

ggml_tensor * graph::causal_mask(int64_t n_q, int64_t n_kv) {
    ggml_tensor *& mask = masks_[{n_q, n_kv}];
    if (mask == nullptr) {
        mask = input(GGML_TYPE_F16, n_kv, n_q, [=](void * data) {
            const ggml_fp16_t hidden = ggml_fp32_to_fp16(-INFINITY), seen = ggml_fp32_to_fp16(0.0f);
            ggml_fp16_t * row = (ggml_fp16_t *) data;
            for (int64_t i = 0; i < n_q; i++, row += n_kv) {
                std::fill(row, row + (n_kv - n_q + i + 1), seen);
                std::fill(row + (n_kv - n_q + i + 1), row + n_kv, hidden);
            }
        });
    }
    return mask;
}

// Spans of one shape that lie at equal distances share one operation, with the spans along its batch dimension.
ggml_tensor * graph::portable_attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v, const attention_plan & plan) {
    ggml_tensor * out = buffer(q->ne[0] * q->ne[1], q->ne[2]);
    const float scale = 1.0f / std::sqrt((float) q->ne[0]);
    const std::vector<attention_span> & spans = plan.spans;
    for (size_t first = 0, next; first < spans.size(); first = next) {
        const attention_span & s = spans[first];
        for (next = first + 1; next < spans.size(); next++) {
            const attention_span & a = spans[next - 1];
            const attention_span & b = spans[next];
            if (b.q_len != s.q_len || b.kv_len != s.kv_len || b.q_begin != a.q_begin + s.q_len ||
                b.kv_begin != a.kv_begin + s.kv_len) {
                break;
            }
        }
        const int64_t n_batch = (int64_t) (next - first);
        // head_dim x tokens x heads x spans
        const auto part = [&](ggml_tensor * t, int64_t begin, int64_t len) {
            return ggml_view_4d(context(), t, t->ne[0], len, t->ne[1], n_batch, t->nb[2], t->nb[1], len * t->nb[2],
                                begin * t->nb[2]);
        };
        ggml_tensor * keys   = ggml_cast(context(), part(k, s.kv_begin, s.kv_len), GGML_TYPE_F16);
        ggml_tensor * values = ggml_cast(context(), part(v, s.kv_begin, s.kv_len), GGML_TYPE_F16);
        ggml_tensor * mask   = plan.causal && s.q_len > 1 ? causal_mask(s.q_len, s.kv_len) : nullptr;
        ggml_tensor * y = ggml_flash_attn_ext(context(), part(q, s.q_begin, s.q_len), keys, values, mask, scale, 0.0f, 0.0f);
        ggml_prec_set_acc(y, GGML_PREC_F32);
        write(out, s.q_begin, y); // head_dim x heads x tokens x spans: the order of `out`
    }
    return out;
}

void graph::run(ggml_tensor * result, float * out) {
    ggml_set_output(result);
    ggml_build_forward_expand(graph_, result);

    ggml_backend_t backend = device_.backend.get();
    for (int i = 0; i < ggml_graph_n_nodes(graph_); i++) {
        const ggml_tensor * node = ggml_graph_node(graph_, i);
        if (!ggml_backend_supports_op(backend, node)) {
            throw compute_error(std::string("device ") + ggml_backend_dev_name(device_.device) + " lacks the operation " +
                                ggml_op_desc(node) + " for " + ggml_type_name(node->src[0] ? node->src[0]->type : node->type) +
                                "; use device=\"cpu\"");
        }
    }
    if (!ggml_gallocr_alloc_graph(device_.allocator.get(), graph_)) {
        device_.renew_allocator(); // the old one would take its plan for memory that it has not got
        throw std::bad_alloc();
    }
    std::vector<uint8_t> staging;
    for (const pending_input & i : inputs_) {
        if (i.tensor->data == nullptr) {
            continue; // nothing in the graph reads it
        }
        if (device_.is_cpu()) {
            i.fill(i.tensor->data);
        } else {
            staging.resize(ggml_nbytes(i.tensor));
            i.fill(staging.data());
            ggml_backend_tensor_set(i.tensor, staging.data(), 0, staging.size());
        }
    }

    if (device_.is_cpu()) {
        const ggml_abort_callback is_cancelled = [](void * cancel) { return is_set((const volatile int32_t *) cancel); };
        ggml_backend_cpu_set_abort_callback(backend, cancel_ ? is_cancelled : nullptr, const_cast<int32_t *>(cancel_));
    }
    constexpr size_t n_line = 16; // floats of a cache line, which no vector of a kernel should cross
    scratch_size_ = (scratch_size_ + n_line - 1) / n_line * n_line;
    scratch_.resize(scratch_size_ * device_.threads.size() + n_line);
    scratch_begin_ = scratch_.data() + (n_line - (uintptr_t) scratch_.data() / sizeof(float) % n_line) % n_line;
    take_thread_errors();
    const ggml_status status = ggml_backend_graph_compute(backend, graph_);
    if (is_set(cancel_)) {
        throw cancelled_error();
    }
    if (status == GGML_STATUS_ALLOC_FAILED) {
        throw std::bad_alloc();
    }
    if (status != GGML_STATUS_SUCCESS) {
        throw compute_error(std::string("device ") + ggml_backend_dev_name(device_.device) + " failed: " + take_thread_errors());
    }
    ggml_backend_tensor_get(result, out, 0, ggml_nbytes(result));
    for (int64_t i = 0, n = ggml_nelements(result); i < n; i++) {
        if (!std::isfinite(out[i])) {
            throw compute_error("the result is not finite; the weights of the file may be damaged");
        }
    }
}

} // namespace omni
