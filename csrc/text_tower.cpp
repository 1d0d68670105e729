// SPDX-License-Identifier: Apache-2.0
#include "text_tower.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace omni {

namespace {

constexpr int64_t n_embd_max = 16384;

} // namespace

text_tower::text_tower(const gguf_file & file, int32_t n_token, ggml_backend_dev_t device) : weights_(file, device) {
    const std::string arch(file.required_string("general.architecture"));
    const bool is_qwen3 = arch == "qwen3";
    const auto key = [&](const char * name) { return arch + "." + name; };
    const auto integer = [&](const char * name, int64_t min, int64_t max) {
        return (int32_t) file.required_integer(key(name).c_str(), min, max);
    };
    const auto integer_or = [&](const char * name, int64_t fallback, int64_t min, int64_t max) {
        return file.has(key(name).c_str()) ? integer(name, min, max) : (int32_t) fallback;
    };
    const auto real_or = [&](const char * name, double fallback, double min, double max) {
        return file.has(key(name).c_str()) ? (float) file.required_real(key(name).c_str(), min, max) : (float) fallback;
    };

    shape.causal    = is_qwen3;
    shape.n_layer   = integer("block_count", 1, 512);
    shape.n_embd    = integer("embedding_length", 1, n_embd_max);
    shape.n_ff      = integer("feed_forward_length", 1, 8 * n_embd_max);
    shape.n_head    = integer("attention.head_count", 1, 512);
    shape.n_kv_head = integer_or("attention.head_count_kv", shape.n_head, 1, shape.n_head);
    shape.head_dim  = integer_or("attention.key_length", shape.n_embd / shape.n_head, 2, 1024);
    // Fallbacks: context, rope base and epsilon of Qwen3-0.6B as jina-embeddings-v5 trains it, and of EuroBERT-210M
    shape.n_ctx       = integer_or("context_length", is_qwen3 ? 32768 : 8192, 1, 1 << 20);
    shape.rope_base   = real_or("rope.freq_base", is_qwen3 ? 3500000.0 : 1000000.0, 1.0, 1e12);
    shape.rms_epsilon = real_or("attention.layer_norm_rms_epsilon", is_qwen3 ? 1e-6 : 1e-5, 0.0, 0.1);

    const auto refuse_key = [&](const char * name, const std::string & what) {
        throw file.error("key '" + key(name) + "' " + what);
    };
    if (shape.n_head % shape.n_kv_head != 0 || shape.n_head / shape.n_kv_head > 64) {
        refuse_key("attention.head_count_kv", "is " + std::to_string(shape.n_kv_head) + ", which doesn't group the " +
                   std::to_string(shape.n_head) + " heads");
    }
    if (shape.head_dim % 2 != 0) {
        refuse_key("attention.key_length", "is odd");
    }
    if (integer_or("attention.value_length", shape.head_dim, 1, 1024) != shape.head_dim) {
        refuse_key("attention.value_length", "differs from key_length");
    }
    if (integer_or("rope.dimension_count", shape.head_dim, 1, 1024) != shape.head_dim) {
        refuse_key("rope.dimension_count", "differs from the head's width");
    }
    const std::string scaling(file.string(key("rope.scaling.type").c_str()).value_or("none"));
    if (scaling != "none") {
        refuse_key("rope.scaling.type", "is '" + printable(scaling) + "', these models have none");
    }

    const int64_t n_embd = shape.n_embd, n_q = (int64_t) shape.n_head * shape.head_dim,
                  n_kv = (int64_t) shape.n_kv_head * shape.head_dim;
    token_embd_ = file.find("token_embd.weight");
    if (token_embd_ == nullptr || token_embd_->ne[0] != n_embd || token_embd_->ne[2] != 1 || token_embd_->ne[3] != 1) {
        throw file.error("tensor 'token_embd.weight' is missing or not of width " + std::to_string(n_embd));
    }
    if (token_embd_->ne[1] < n_token || token_embd_->ne[1] > INT32_MAX) {
        throw file.error("tensor 'token_embd.weight' has " + std::to_string(token_embd_->ne[1]) + " rows for " +
                         std::to_string(n_token) + " tokens");
    }
    if (token_embd_->type != GGML_TYPE_F32 && ggml_get_type_traits(token_embd_->type)->to_float == nullptr) {
        throw file.error(std::string("tensor 'token_embd.weight' is of type ") + ggml_type_name(token_embd_->type) +
                         ", which holds no weights");
    }
    shape.n_vocab        = (int32_t) token_embd_->ne[1];
    token_embd_n_params_ = token_embd_->ne[0] * token_embd_->ne[1];

    output_norm_ = weights_.vector("output_norm.weight", n_embd);
    for (int i = 0; i < shape.n_layer; i++) {
        const std::string blk = "blk." + std::to_string(i) + ".";
        layer l = {};
        l.attn_norm   = weights_.vector(blk + "attn_norm.weight", n_embd);
        l.q           = weights_.matrix(blk + "attn_q.weight", n_embd, n_q);
        l.k           = weights_.matrix(blk + "attn_k.weight", n_embd, n_kv);
        l.v           = weights_.matrix(blk + "attn_v.weight", n_embd, n_kv);
        if (is_qwen3) {
            l.q_norm  = weights_.vector(blk + "attn_q_norm.weight", shape.head_dim);
            l.k_norm  = weights_.vector(blk + "attn_k_norm.weight", shape.head_dim);
        }
        l.attn_output = weights_.matrix(blk + "attn_output.weight", n_q, n_embd);
        l.ffn_norm    = weights_.vector(blk + "ffn_norm.weight", n_embd);
        l.gate        = weights_.matrix(blk + "ffn_gate.weight", n_embd, shape.n_ff);
        l.up          = weights_.matrix(blk + "ffn_up.weight", n_embd, shape.n_ff);
        l.down        = weights_.matrix(blk + "ffn_down.weight", shape.n_ff, n_embd);
        layers_.push_back(l);
    }
    weights_.place();
}

void text_tower::embed(const int32_t * tokens, int64_t n_token, const float * rows, float * out) const {
    const size_t n_embd = shape.n_embd;
    const size_t row_bytes = ggml_row_size(token_embd_->type, n_embd);
    const auto to_float = ggml_get_type_traits(token_embd_->type)->to_float;
    for (int64_t i = 0; i < n_token; i++, out += n_embd) {
        const uint8_t * row = token_embd_->data + (size_t) std::max(tokens[i], 0) * row_bytes;
        if (tokens[i] < 0) {
            std::memcpy(out, rows, n_embd * sizeof(float));
            rows += n_embd;
        } else if (token_embd_->type == GGML_TYPE_F32) {
            std::memcpy(out, row, row_bytes);
        } else {
            to_float(row, out, (int64_t) n_embd);
        }
    }
}

void text_tower::encode(compute_device & device, const int32_t * tokens, const int32_t * lengths, int32_t n_seq,
                        const float * rows, float * pooled, const volatile int32_t * cancel) const {
    const int64_t n_token = std::accumulate(lengths, lengths + n_seq, (int64_t) 0);
    graph g(device, (size_t) shape.n_layer, 48, (size_t) n_seq, cancel);
    ggml_context * ctx = g.context();

    std::vector<attention_span> all, last;
    std::vector<int32_t> last_index;
    for (int32_t i = 0, begin = 0; i < n_seq; begin += lengths[i++]) {
        all.push_back({begin, lengths[i], begin, lengths[i]});
        last.push_back({i, 1, begin, lengths[i]});
        last_index.push_back(begin + lengths[i] - 1);
    }
    const auto plan = [&](std::vector<attention_span> spans) {
        return std::make_shared<attention_plan>(std::move(spans), shape.causal, shape.n_head, shape.n_kv_head, shape.head_dim);
    };
    const auto plan_all  = plan(std::move(all));
    const auto plan_last = plan(std::move(last));

    // position of each token in its own sequence, and of the last ones
    std::vector<int32_t> position(n_token), last_position;
    for (int32_t i = 0, begin = 0; i < n_seq; begin += lengths[i++]) {
        std::iota(position.begin() + begin, position.begin() + begin + lengths[i], 0);
        last_position.push_back(lengths[i] - 1);
    }
    const auto rotation      = g.rotation_of(std::move(position), 1, shape.head_dim, shape.rope_base);
    const auto last_rotation = g.rotation_of(std::move(last_position), 1, shape.head_dim, shape.rope_base);
    ggml_tensor * last_rows = g.input(GGML_TYPE_I32, n_seq, 1, [&](void * data) {
        std::memcpy(data, last_index.data(), n_seq * sizeof(int32_t));
    });
    ggml_tensor * x = g.input(GGML_TYPE_F32, shape.n_embd, n_token, [&](void * data) {
        embed(tokens, n_token, rows, (float *) data);
    });

    const auto heads = [&](ggml_tensor * t, int n_head) {
        return ggml_reshape_3d(ctx, t, shape.head_dim, n_head, ggml_nelements(t) / ((int64_t) shape.head_dim * n_head));
    };
    // query or key heads: projected, normalised where the architecture does, rotated
    const auto rotated = [&](ggml_tensor * h, ggml_tensor * weight, ggml_tensor * norm, int n_head, const graph::rotation & by) {
        return g.rotate(heads(g.linear(weight, h), n_head), by, norm, shape.rms_epsilon);
    };
    // everything behind attention: output projection and feed-forward, each added to the residual stream
    const auto finish = [&](const layer & l, ggml_tensor * residual, ggml_tensor * attended) {
        residual = g.linear(l.attn_output, attended, nullptr, residual);
        ggml_tensor * h = g.rms_norm(residual, l.ffn_norm, shape.rms_epsilon);
        h = g.swiglu(g.linear(l.gate, h), g.linear(l.up, h));
        return g.linear(l.down, h, nullptr, residual);
    };

    for (size_t il = 0; il < layers_.size(); il++) {
        const layer & l = layers_[il];
        ggml_tensor * h      = g.rms_norm(x, l.attn_norm, shape.rms_epsilon);
        ggml_tensor * keys   = rotated(h, l.k, l.k_norm, shape.n_kv_head, rotation);
        ggml_tensor * values = heads(g.linear(l.v, h), shape.n_kv_head);
        if (il + 1 < layers_.size()) {
            x = finish(l, x, g.attention(rotated(h, l.q, l.q_norm, shape.n_head, rotation), keys, values, plan_all));
            continue;
        }
        // only the pooled rows pass the rest
        x = ggml_get_rows(ctx, x, last_rows);
        h = g.rms_norm(x, l.attn_norm, shape.rms_epsilon);
        x = finish(l, x, g.attention(rotated(h, l.q, l.q_norm, shape.n_head, last_rotation), keys, values, plan_last));
    }
    g.run(g.rms_norm(x, output_norm_, shape.rms_epsilon), pooled);
}

} // namespace omni
