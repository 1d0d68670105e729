// SPDX-License-Identifier: Apache-2.0
// The graph of the CPU, whose operations are our kernels where there is one. To ggml such an operation runs on the calling
// thread; its kernel shares the work out to the threads of the device.
#include "graph.h"
#include "rotary_table.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

namespace omni {

namespace {

const float * row_begin(const ggml_tensor * t, int64_t i = 0) {
    return reinterpret_cast<const float *>(static_cast<const char *>(t->data) + i * t->nb[1]);
}

const float * floats(const ggml_tensor * t) { return t != nullptr ? static_cast<const float *>(t->data) : nullptr; }

constexpr int64_t n_line_byte = 64; // of a cache line, which no vector of a kernel should cross

// Where the first whole cache line of a tensor begins.
uint8_t * line_begin(const ggml_tensor * t) {
    auto * data = static_cast<uint8_t *>(t->data);
    return data + (n_line_byte - reinterpret_cast<uintptr_t>(data) % n_line_byte) % n_line_byte;
}

class kernel_graph final : public graph {
public:
    using graph::graph;

    ggml_tensor *              linear(const linear_layer & layer, ggml_tensor * x, ggml_tensor * residual) override;
    std::vector<ggml_tensor *> linear_side_by_side(const std::vector<const linear_layer *> & layers, ggml_tensor * x) override;
    ggml_tensor *              rms_norm(ggml_tensor * x, const norm_layer & norm, float epsilon) override;
    ggml_tensor *              layer_norm(ggml_tensor * x, const norm_layer & norm, float epsilon) override;
    ggml_tensor *              gelu_tanh(ggml_tensor * x) override;
    ggml_tensor *              gelu_erf(ggml_tensor * x) override;
    ggml_tensor *              swiglu(const linear_layer & gate, const linear_layer & up, ggml_tensor * x) override;
    rotation      make_rotation(const std::vector<int32_t> & coordinates, int n_axis, int head_dim, float base) override;
    ggml_tensor * rotate(ggml_tensor * x, const rotation & by, const norm_layer & norm, float epsilon) override;
    ggml_tensor * attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v, const attention_layout & layout) override;
    void          compute(ggml_tensor * result, float * out, int64_t n_value) override;

private:
    using operation = std::function<void(ggml_tensor * dst)>;
    using row_function = std::function<void(int64_t row, float * out)>;

    const kernel_set & kernels() const { return device().kernels; }

    // A tensor that `compute` writes when the graph is computed, from the arguments among other things.
    ggml_tensor * add_operation(ggml_type type, int64_t ne0, int64_t ne1, std::vector<ggml_tensor *> args, operation compute);
    // A tensor whose rows `compute` writes from those of the arguments.
    ggml_tensor * add_rows(int64_t ne0, int64_t ne1, std::vector<ggml_tensor *> args, row_function compute);

    // A linear layer and what follows it in the same operation, as linear_operands has it.
    struct layer_call {
        const linear_product * product = nullptr;
        linear_layer           layer;
        ggml_tensor *          rows = nullptr;     // of x, in the format of the product
        ggml_tensor *          residual = nullptr; // or null
        linear_layer           gate;               // without weight: none
        void (*activation)(const float * sums, int64_t n, float * result) = nullptr;

        bool is_product() const { return !layer.bias && !gate.weight && !residual && !activation; } // and nothing else
        bool is_packed() const {
            return layer.is_packed_for(*product) && (gate.weight == nullptr || gate.is_packed_for(*product));
        }
    };

    // The rows of x in the format of a linear product.
    ggml_tensor * rows_for(ggml_tensor * x, const linear_product & product) {
        return product.x == row_format::f32 ? x : quantized_rows(x, product);
    }
    ggml_tensor *          quantized_rows(ggml_tensor * x, const linear_product & product);
    const linear_product * find_product(const linear_layer & layer) const;
    // The results of layers side by side in the rows of a tensor: floats, or in the format of a product.
    ggml_tensor * add_layers(const std::vector<layer_call> & calls, const linear_product * y_product);
    ggml_tensor * add_layer(const layer_call & call);
    ggml_tensor * activate(ggml_tensor * x, void (*activation)(const float * x, int64_t n, float * y));

    // Calls work(block, scratch of the thread) for each block, unless cancelled.
    template <typename F> void run_blocks(int64_t n_block, F && work);
    // Calls work(row, where it begins, scratch of the thread) for each row of dst.
    template <typename F> void run_rows(ggml_tensor * dst, F && work);

    std::deque<operation>                                         operations_;
    std::map<const ggml_tensor *, row_function>                   row_functions_; // what writes the rows of a tensor
    std::map<const ggml_tensor *, layer_call>                     layers_;        // what a tensor is the result of
    std::map<std::pair<ggml_tensor *, row_format>, ggml_tensor *> quantized_;     // several linear layers may take the same
    std::vector<float>                                            scratch_;       // scratch_size_ for each thread
    size_t                                                        scratch_size_ = 0;
    float *                                                       scratch_begin_ = nullptr;
};

template <typename F> void kernel_graph::run_blocks(int64_t n_block, F && work) {
    device().threads.run(lane().order(), (int32_t) n_block, cancel(),
                         [&](int thread, int32_t block) { work(block, scratch_begin_ + thread * scratch_size_); });
}

template <typename F> void kernel_graph::run_rows(ggml_tensor * dst, F && work) {
    // Equal parts for the threads, so that none waits for another where there are few rows. But a block of work takes over a
    // microsecond: handing it to another thread takes half of one.
    constexpr int64_t n_most = 16384, n_least = 4096; // values of a block
    const int64_t     n_row = dst->ne[1], n_value = n_row * dst->ne[0], n_thread = device().threads.size();
    const int64_t     n_share = (n_value + n_most * n_thread - 1) / (n_most * n_thread); // blocks of each thread
    const int64_t     n_block = std::clamp<int64_t>(n_share * n_thread, 1, std::max<int64_t>(1, n_value / n_least));
    const int64_t     n_together = std::max<int64_t>(1, (n_row + n_block - 1) / n_block);
    run_blocks((n_row + n_together - 1) / n_together, [&](int32_t block, float * scratch) {
        const int64_t first = block * n_together;
        for (int64_t row = first; row < std::min(first + n_together, n_row); row++) {
            work(row, static_cast<uint8_t *>(dst->data) + row * dst->nb[1], scratch);
        }
    });
}

ggml_tensor * kernel_graph::add_operation(ggml_type type, int64_t ne0, int64_t ne1, std::vector<ggml_tensor *> args,
                                          operation compute) {
    const ggml_custom_op_t run = [](ggml_tensor * dst, int, int, void * op) { (*static_cast<const operation *>(op))(dst); };
    return ggml_custom_4d(memory(), type, ne0, ne1, 1, 1, args.data(), (int) args.size(), run, 1,
                          &operations_.emplace_back(std::move(compute)));
}

ggml_tensor * kernel_graph::add_rows(int64_t ne0, int64_t ne1, std::vector<ggml_tensor *> args, row_function compute) {
    ggml_tensor * y = add_operation(GGML_TYPE_F32, ne0, ne1, std::move(args), [this, compute](ggml_tensor * dst) {
        run_rows(dst, [&](int64_t row, uint8_t * out, float *) { compute(row, reinterpret_cast<float *>(out)); });
    });
    row_functions_[y] = std::move(compute);
    return y;
}

ggml_tensor * kernel_graph::quantized_rows(ggml_tensor * x, const linear_product & product) {
    ggml_tensor *& rows = quantized_[{x, product.x}];
    if (rows != nullptr) {
        return rows;
    }
    // What computes x writes its rows in the format of the product: unless something else reads x too, it never exists as floats.
    const auto layer = layers_.find(x);
    if (layer != layers_.end() && layer->second.residual == nullptr) {
        rows = add_layers({layer->second}, &product);
        return rows;
    }
    const int64_t n_value = x->ne[0], n_byte = (int64_t) product.row_size(n_value);
    const auto    known = row_functions_.find(x);
    if (known == row_functions_.end()) {
        rows = add_operation(GGML_TYPE_I8, n_byte, x->ne[1], {x}, [=, quantize = product.quantize](ggml_tensor * dst) {
            run_rows(dst, [&](int64_t row, uint8_t * out, float *) { quantize(row_begin(x, row), 0, n_value, n_value, out); });
        });
        return rows;
    }
    scratch_size_ = std::max(scratch_size_, (size_t) n_value);
    std::vector<ggml_tensor *> args(x->src, std::find(x->src, x->src + GGML_MAX_SRC, nullptr));
    const auto compute_quantized = [=, compute = known->second, quantize = product.quantize](ggml_tensor * dst) {
        run_rows(dst, [&](int64_t row, uint8_t * out, float * scratch) {
            compute(row, scratch);
            quantize(scratch, 0, n_value, n_value, out);
        });
    };
    rows = add_operation(GGML_TYPE_I8, n_byte, x->ne[1], std::move(args), compute_quantized);
    return rows;
}

const linear_product * kernel_graph::find_product(const linear_layer & layer) const {
    return choose_product(kernels(), device().exact, layer.weight->type, layer.weight->ne[0], layer.weight->ne[1]);
}

ggml_tensor * kernel_graph::add_layers(const std::vector<layer_call> & calls, const linear_product * y_product) {
    std::vector<ggml_tensor *> args;
    int64_t                    n_out = 0;
    const int64_t              n_row = calls.front().rows->ne[1];
    for (const layer_call & call : calls) {
        for (ggml_tensor * t : {call.layer.weight, call.layer.bias, call.gate.weight, call.rows, call.residual}) {
            if (t != nullptr && std::find(args.begin(), args.end(), t) == args.end()) {
                args.push_back(t);
            }
        }
        n_out += call.layer.weight->ne[1];
    }
    scratch_size_ = std::max(scratch_size_, kernels().linear_scratch(n_row));
    const auto compute = [=](ggml_tensor * dst) {
        std::vector<linear_operands> layers;
        std::vector<int32_t>         n_block;
        uint8_t *                    y = static_cast<uint8_t *>(dst->data);
        for (const layer_call & call : calls) {
            const ggml_tensor * weight = call.layer.weight;
            linear_operands     p = {};
            p.product = call.product;
            p.type = weight->type;
            p.n_in = weight->ne[0];
            p.n_out = weight->ne[1];
            p.packed = call.is_packed();
            p.weight = p.packed ? call.layer.packed->panels : weight->data;
            p.x = static_cast<const uint8_t *>(call.rows->data);
            p.x_stride = call.rows->nb[1];
            p.n_row = n_row;
            p.bias = floats(call.layer.bias);
            p.activation = call.activation;
            if (call.gate.weight != nullptr) {
                p.gate = p.packed ? call.gate.packed->panels : call.gate.weight->data;
            }
            p.residual = floats(call.residual);
            p.y_product = y_product;
            p.y = y;
            p.y_stride = dst->nb[1];
            p.n_thread = device().threads.size();
            layers.push_back(p);
            n_block.push_back(kernels().count_linear_blocks(p));
            y += p.n_out * sizeof(float);
        }
        run_blocks(std::accumulate(n_block.begin(), n_block.end(), int64_t{0}), [&](int32_t block, float * scratch) {
            size_t i = 0;
            for (; block >= n_block[i]; i++) {
                block -= n_block[i];
            }
            kernels().compute_linear_block(layers[i], block, scratch);
        });
        for (const linear_operands & p : layers) {
            device().linear_work.add(p);
        }
    };
    if (y_product != nullptr) {
        return add_operation(GGML_TYPE_I8, (int64_t) y_product->row_size(n_out), n_row, std::move(args), compute);
    }
    return add_operation(GGML_TYPE_F32, n_out, n_row, std::move(args), compute);
}

ggml_tensor * kernel_graph::add_layer(const layer_call & call) {
    ggml_tensor * y = add_layers({call}, nullptr);
    layers_[y] = call;
    return y;
}

ggml_tensor * kernel_graph::linear(const linear_layer & layer, ggml_tensor * x, ggml_tensor * residual) {
    const linear_product * product = find_product(layer);
    if (product == nullptr) {
        return graph::linear(layer, x, residual);
    }
    return add_layer({product, layer, rows_for(x, *product), residual, {}});
}

std::vector<ggml_tensor *> kernel_graph::linear_side_by_side(const std::vector<const linear_layer *> & layers,
                                                             ggml_tensor *                             x) {
    std::vector<layer_call> calls;
    for (const linear_layer * layer : layers) {
        const linear_product * product = find_product(*layer);
        if (product == nullptr || (!calls.empty() && product->x != calls.front().product->x)) {
            return graph::linear_side_by_side(layers, x);
        }
        calls.push_back({product, *layer, rows_for(x, *product), nullptr, {}});
    }
    ggml_tensor *              all = add_layers(calls, nullptr);
    std::vector<ggml_tensor *> results;
    int64_t                    first = 0;
    for (const layer_call & call : calls) {
        const int64_t n_out = call.layer.weight->ne[1];
        results.push_back(ggml_view_2d(memory(), all, n_out, all->ne[1], all->nb[1], first * sizeof(float)));
        first += n_out;
    }
    return results;
}

ggml_tensor * kernel_graph::activate(ggml_tensor * x, void (*activation)(const float * x, int64_t n, float * y)) {
    const auto layer = layers_.find(x);
    if (layer != layers_.end() && layer->second.residual == nullptr && layer->second.activation == nullptr) {
        layer_call call = layer->second;
        call.activation = activation;
        return add_layer(call);
    }
    return add_rows(x->ne[0], x->ne[1], {x}, [=](int64_t i, float * out) { activation(row_begin(x, i), x->ne[0], out); });
}

ggml_tensor * kernel_graph::rms_norm(ggml_tensor * x, const norm_layer & norm, float epsilon) {
    return add_rows(x->ne[0], x->ne[1], {x, norm.weight}, [=](int64_t i, float * out) {
        kernels().rms_norm(row_begin(x, i), x->ne[0], row_begin(norm.weight), epsilon, out);
    });
}

ggml_tensor * kernel_graph::layer_norm(ggml_tensor * x, const norm_layer & norm, float epsilon) {
    return add_rows(x->ne[0], x->ne[1], {x, norm.weight, norm.bias}, [=](int64_t i, float * out) {
        kernels().layer_norm(row_begin(x, i), x->ne[0], row_begin(norm.weight), row_begin(norm.bias), epsilon, out);
    });
}

ggml_tensor * kernel_graph::gelu_tanh(ggml_tensor * x) { return activate(x, kernels().gelu_tanh); }

ggml_tensor * kernel_graph::gelu_erf(ggml_tensor * x) { return activate(x, kernels().gelu_erf); }

ggml_tensor * kernel_graph::swiglu(const linear_layer & gate_layer, const linear_layer & up_layer, ggml_tensor * x) {
    ggml_tensor * gate = linear(gate_layer, x, nullptr);
    ggml_tensor * up = linear(up_layer, x, nullptr);
    const auto    of_gate = layers_.find(gate), of_up = layers_.find(up);
    if (of_gate != layers_.end() && of_up != layers_.end()) {
        const layer_call &a = of_gate->second, &b = of_up->second;
        if (a.is_product() && b.is_product() && a.layer.weight->type == b.layer.weight->type && a.rows == b.rows) {
            layer_call call = b;
            call.gate = a.layer;
            return add_layer(call);
        }
    }
    return add_rows(up->ne[0], up->ne[1], {gate, up},
                    [=](int64_t i, float * out) { kernels().swiglu(row_begin(gate, i), row_begin(up, i), up->ne[0], out); });
}

graph::rotation kernel_graph::make_rotation(const std::vector<int32_t> & coordinates, int n_axis, int head_dim, float base) {
    const int64_t n_token = (int64_t) coordinates.size() / n_axis;
    ggml_tensor * table = input(GGML_TYPE_F32, head_dim, n_token, [=, &coordinates](void * data) {
        rotary_table(coordinates.data(), n_token, n_axis, head_dim, base, static_cast<float *>(data));
    });
    return {table, n_axis, base};
}

ggml_tensor * kernel_graph::rotate(ggml_tensor * x, const rotation & by, const norm_layer & norm, float epsilon) {
    const int64_t              head_dim = x->ne[0], n_head = x->ne[1];
    ggml_tensor *              table = by.input;
    ggml_tensor *              norm_weight = norm.weight;
    std::vector<ggml_tensor *> args = {x, table};
    if (norm_weight != nullptr) {
        args.push_back(norm_weight);
    }
    ggml_tensor * y = add_rows(head_dim * n_head, x->ne[2], std::move(args), [=](int64_t i, float * out) {
        for (int64_t head = 0; head < n_head; head++, out += head_dim) {
            const char *  begin = static_cast<const char *>(x->data) + i * x->nb[2] + head * x->nb[1];
            const float * in = reinterpret_cast<const float *>(begin);
            if (norm_weight != nullptr) {
                kernels().rms_norm(in, head_dim, row_begin(norm_weight), epsilon, out);
            }
            kernels().rotate(norm_weight != nullptr ? out : in, (int) head_dim, row_begin(table, i), out);
        }
    });
    return split_heads(y, 0, head_dim, n_head);
}

ggml_tensor * kernel_graph::attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v, const attention_layout & layout) {
    // where all linear layers before it are computed in float32, so is attention
    const bool               exact = device().exact || quantized_.empty();
    const attention_method & method = exact ? *kernels().exact_attention : *kernels().fast_attention;
    const auto               operands = [=, &layout](uint8_t * packed, float * out) {
        const auto operand = [](const ggml_tensor * t) {
            return attention_operand{floats(t), t->nb[2] / sizeof(float), t->nb[1] / sizeof(float)};
        };
        return attention_operands{operand(q),    operand(k),       operand(v),      packed,       out,
                                  layout.n_head, layout.n_kv_head, layout.head_dim, layout.causal};
    };
    scratch_size_ = std::max(scratch_size_, method.scratch(layout.head_dim));
    std::vector<ggml_tensor *> args = {q, k, v};
    ggml_tensor *              packed = nullptr;
    if (method.pack_keys != nullptr) {
        const int64_t n_byte = layout.n_packed * (int64_t) method.packed_size(layout.head_dim) + n_line_byte;
        packed = add_operation(GGML_TYPE_I8, n_byte, 1, {k, v}, [=, &layout, &method](ggml_tensor * dst) {
            const attention_operands p = operands(line_begin(dst), nullptr);
            run_blocks((int64_t) layout.key_blocks.size(),
                       [&](int32_t block, float * scratch) { method.pack_keys(p, layout.key_blocks[block], scratch); });
        });
        args = {q, packed};
    }
    return add_operation(
        GGML_TYPE_F32, q->ne[0] * q->ne[1], q->ne[2], std::move(args), [=, &layout, &method](ggml_tensor * dst) {
            const attention_operands p = operands(packed != nullptr ? line_begin(packed) : nullptr,
                                                  static_cast<float *>(dst->data));
            run_blocks((int64_t) layout.tiles.size(),
                       [&](int32_t tile, float * scratch) { method.attend_tile(p, layout.tiles[tile], scratch); });
        });
}

void kernel_graph::compute(ggml_tensor * result, float * out, int64_t n_value) {
    constexpr size_t n_line = 16; // floats of a cache line, which no vector of a kernel should cross
    scratch_size_ = (scratch_size_ + n_line - 1) / n_line * n_line;
    scratch_.resize(scratch_size_ * device().threads.size() + n_line);
    scratch_begin_ = scratch_.data() +
                     (n_line - reinterpret_cast<uintptr_t>(scratch_.data()) / sizeof(float) % n_line) % n_line;
    graph::compute(result, out, n_value);
}

} // namespace

std::unique_ptr<graph> make_graph(compute_lane & lane, cancel_flag cancel) {
    if (lane.device().runs_kernels()) {
        return std::make_unique<kernel_graph>(lane, cancel);
    }
    return std::make_unique<graph>(lane, cancel);
}

} // namespace omni
