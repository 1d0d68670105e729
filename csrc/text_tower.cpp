// SPDX-License-Identifier: Apache-2.0
#include "text_tower.h"

#include "described_graph.h"
#include "error.h"
#include "printable.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>

namespace omni {

namespace {

constexpr int64_t n_embd_max = 16384;

// Tokens that few tokens are padded to without our kernels: a device computes some more in the same time, and queries of nearby
// lengths share a graph.
constexpr int32_t padded_lengths[] = {8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512};

// The same for the sequences that these tokens are of.
int32_t pad_sequences(int32_t n) {
    int32_t padded = 1;
    while (padded < n) {
        padded *= 2;
    }
    return padded;
}

} // namespace

// The sequences of a forward pass, perhaps padded. What pads attends to the first token and is attended to by none.
struct text_batch {
    text_batch(const text_hparams & hp, const tower_inputs & sequences, bool pads);

    bool is_padded() const { return layout.padded.n_key > 0; }

    tower_inputs         given;
    int32_t              n_token, n_sequence;
    std::vector<int32_t> position, last_position; // of each token in its own sequence, and of the last ones
    std::vector<int32_t> last_rows;
    attention_layout     layout, last_layout;
};

text_batch::text_batch(const text_hparams & hp, const tower_inputs & sequences, bool pads)
    : given(sequences), n_token((int32_t) sequences.tokens.size), n_sequence((int32_t) sequences.shapes.size),
      layout({}, hp.causal, hp.n_head, hp.n_kv_head, hp.head_dim), last_layout(layout) {
    std::vector<attention_segment> all, last;
    int32_t                        begin = 0;
    position.resize(n_token);
    for (int32_t i = 0; i < n_sequence; i++) {
        const int32_t length = sequences.shapes.data[i];
        all.push_back({begin, length, begin, length});
        last.push_back({i, 1, begin, length});
        std::iota(position.begin() + begin, position.begin() + begin + length, 0);
        last_position.push_back(length - 1);
        begin += length;
        last_rows.push_back(begin - 1);
    }
    padded_attention padded, last_padded;
    const auto *     length = std::lower_bound(std::begin(padded_lengths), std::end(padded_lengths), n_token);
    if (pads && length != std::end(padded_lengths)) {
        n_token = *length;
        n_sequence = pad_sequences(n_sequence);
        position.resize(n_token);
        last_position.resize(n_sequence);
        last_rows.resize(n_sequence);
        padded = {n_token, n_token};
        last_padded = {n_sequence, n_token};
    }
    layout = {std::move(all), hp.causal, hp.n_head, hp.n_kv_head, hp.head_dim, padded};
    last_layout = {std::move(last), hp.causal, hp.n_head, hp.n_kv_head, hp.head_dim, last_padded};
}

text_hparams::text_hparams(const gguf_file & file, const text_architecture & architecture)
    : causal(architecture.causal), norms_heads(architecture.norms_heads) {
    const auto integer = [&](const char * name, int64_t min, int64_t max) {
        return (int32_t) file.required_integer(architecture.key(name).c_str(), min, max);
    };
    const auto integer_or = [&](const char * name, int64_t fallback, int64_t min, int64_t max) {
        return file.has(architecture.key(name).c_str()) ? integer(name, min, max) : (int32_t) fallback;
    };
    const auto real_or = [&](const char * name, double fallback, double min, double max) {
        const std::string key = architecture.key(name);
        return (float) (file.has(key.c_str()) ? file.required_real(key.c_str(), min, max) : fallback);
    };
    const auto refuse = [&](const char * name, const std::string & what) {
        throw file.error("key '" + architecture.key(name) + "' " + what);
    };

    n_layer = integer("block_count", 1, 512);
    n_embd = integer("embedding_length", 1, n_embd_max);
    n_ff = integer("feed_forward_length", 1, 8 * n_embd_max);
    n_head = integer("attention.head_count", 1, 512);
    n_kv_head = integer_or("attention.head_count_kv", n_head, 1, n_head);
    head_dim = integer_or("attention.key_length", n_embd / n_head, 2, 1024);
    n_ctx = integer_or("context_length", architecture.n_ctx, 1, 1 << 20);
    rope_base = real_or("rope.freq_base", architecture.rope_base, 1.0, 1e12);
    rms_epsilon = real_or("attention.layer_norm_rms_epsilon", architecture.rms_epsilon, 0.0, 0.1);

    if (n_head % n_kv_head != 0 || n_head / n_kv_head > 64) {
        refuse("attention.head_count_kv",
               "is " + std::to_string(n_kv_head) + ", which doesn't group the " + std::to_string(n_head) + " heads");
    }
    if (head_dim % 2 != 0) {
        refuse("attention.key_length", "is odd");
    }
    if (integer_or("attention.value_length", head_dim, 1, 1024) != head_dim) {
        refuse("attention.value_length", "differs from key_length");
    }
    if (integer_or("rope.dimension_count", head_dim, 1, 1024) != head_dim) {
        refuse("rope.dimension_count", "differs from the head's width");
    }
    const std::string scaling(file.string(architecture.key("rope.scaling.type").c_str()).value_or("none"));
    if (scaling != "none") {
        refuse("rope.scaling.type", "is '" + printable(scaling) + "', these models have none");
    }
}

text_tower::text_tower(const std::shared_ptr<const gguf_file> & file, const text_architecture & architecture, int32_t n_token,
                       ggml_backend_dev_t device)
    : hparams_(*file, architecture), token_embeddings_(file, n_token, hparams_.n_embd), weights_(file, device),
      device_table_(weights_.lookup_table("token_embd.weight")),
      output_norm_(weights_.rms_norm("output_norm", hparams_.n_embd)) {
    weights_.require_attention(hparams_.head_dim, hparams_.n_head, hparams_.n_kv_head);
    for (int i = 0; i < hparams_.n_layer; i++) {
        layers_.push_back(load_layer(i));
    }
    weights_.place();
}

text_tower::layer text_tower::load_layer(int index) {
    const std::string block = "blk." + std::to_string(index) + ".";
    const int64_t     n_embd = hparams_.n_embd, n_q = (int64_t) hparams_.n_head * hparams_.head_dim,
                      n_kv = (int64_t) hparams_.n_kv_head * hparams_.head_dim;
    layer             l;
    l.attn_norm = weights_.rms_norm(block + "attn_norm", n_embd);
    const auto heads = weights_.linear_side_by_side(
        {{block + "attn_q", n_q}, {block + "attn_k", n_kv}, {block + "attn_v", n_kv}}, n_embd);
    l.heads = {heads[0], heads[1], heads[2], {}, {}, {}};
    if (hparams_.norms_heads) {
        weights_.rms_norms_of_heads(l.heads, block + "attn_q_norm", block + "attn_k_norm", hparams_.head_dim);
    }
    l.attn_output = weights_.linear(block + "attn_output", n_q, n_embd);
    l.ffn_norm = weights_.rms_norm(block + "ffn_norm", n_embd);
    const auto gated = weights_.linear_side_by_side({{block + "ffn_gate", hparams_.n_ff}, {block + "ffn_up", hparams_.n_ff}},
                                                    n_embd);
    l.gate = gated[0];
    l.up = gated[1];
    l.down = weights_.linear(block + "ffn_down", hparams_.n_ff, n_embd);
    return l;
}

int64_t text_tower::n_value(const tower_inputs & inputs) const {
    const int32_t * tokens = inputs.tokens.data;
    return hparams_.n_embd * std::count_if(tokens, tokens + inputs.tokens.size, [](int32_t token) { return token < 0; });
}

int64_t text_tower::n_pass_position(const compute_device & device) const { return device.is_cpu ? 4096 : 16384; }

void text_tower::encode(compute_lane & lane, const tower_inputs & sequences, float * pooled, cancel_flag cancel) const {
    const int64_t n_token = n_position(sequences);
    lane.device().require_rows(n_token, 0, "tokens");
    text_batch batch(hparams_, sequences, !lane.device().runs_kernels());
    graph_key  key = {identity(), {}};
    if (batch.is_padded()) {
        key.shape = {batch.n_token, batch.n_sequence, looks_up_on_device(sequences) ? 1 : 0};
    }
    compute_batch(lane, std::move(key), std::move(batch), pooled, n_output(sequences), cancel,
                  [this](graph & g, const text_batch & described) { return describe(g, described); });
}

bool text_tower::looks_up_on_device(const tower_inputs & sequences) const {
    return device_table_ != nullptr && sequences.values.size == 0;
}

// What pads is the first token once more.
ggml_tensor * text_tower::look_up(graph & g, const text_batch & batch) const {
    if (looks_up_on_device(batch.given)) {
        ggml_tensor * ids = g.input(GGML_TYPE_I32, batch.n_token, 1, [&batch](void * data) {
            const auto & tokens = batch.given.tokens;
            int32_t *    out = std::copy_n(tokens.data, tokens.size, static_cast<int32_t *>(data));
            std::fill_n(out, batch.n_token - (int64_t) tokens.size, tokens.data[0]);
        });
        return g.select_rows(device_table_, ids);
    }
    return g.input(GGML_TYPE_F32, hparams_.n_embd, batch.n_token, [this, &batch](void * data) {
        const int64_t n_embd = hparams_.n_embd, n_given = (int64_t) batch.given.tokens.size;
        float *       rows = static_cast<float *>(data);
        token_embeddings_.look_up(batch.given.tokens.data, n_given, batch.given.values.data, rows);
        for (int64_t i = n_given; i < batch.n_token; i++) {
            std::copy_n(rows, n_embd, rows + i * n_embd);
        }
    });
}

ggml_tensor * text_tower::describe(graph & g, const text_batch & batch) const {
    const text_hparams & hp = hparams_;
    const auto           rotation = g.make_rotation(batch.position, 1, hp.head_dim, hp.rope_base);
    const auto           last_rotation = g.make_rotation(batch.last_position, 1, hp.head_dim, hp.rope_base);
    ggml_tensor *        last_rows = g.input(GGML_TYPE_I32, batch.n_sequence, 1, [&batch](void * data) {
        std::memcpy(data, batch.last_rows.data(), batch.last_rows.size() * sizeof(int32_t));
    });
    ggml_tensor *        x = look_up(g, batch);

    // everything behind attention: output projection and feed-forward, each added to the residual stream
    const auto finish = [&](const layer & l, ggml_tensor * residual, ggml_tensor * attention) {
        residual = g.linear(l.attn_output, attention, residual);
        ggml_tensor * h = g.rms_norm(residual, l.ffn_norm, hp.rms_epsilon);
        return g.linear(l.down, g.swiglu(l.gate, l.up, h), residual);
    };

    for (const layer & l : layers_) {
        ggml_tensor * h = g.rms_norm(x, l.attn_norm, hp.rms_epsilon);
        if (&l != &layers_.back()) {
            const graph::heads heads = g.make_heads(l.heads, h, hp.head_dim, rotation, hp.rms_epsilon);
            x = finish(l, x, g.attention(heads.q, heads.k, heads.v, batch.layout));
            continue;
        }
        // Of the last layer, only the last token of each sequence passes the rest.
        const auto    projected = g.linear_side_by_side({&l.heads.k, &l.heads.v}, h);
        ggml_tensor * keys = g.rotate(g.split_heads(projected[0], 0, hp.head_dim, hp.n_kv_head), rotation, l.heads.k_norm,
                                      hp.rms_epsilon);
        ggml_tensor * values = g.split_heads(projected[1], 0, hp.head_dim, hp.n_kv_head);
        x = g.select_rows(x, last_rows);
        ggml_tensor * queries = g.linear(l.heads.q, g.rms_norm(x, l.attn_norm, hp.rms_epsilon));
        queries = g.rotate(g.split_heads(queries, 0, hp.head_dim, hp.n_head), last_rotation, l.heads.q_norm, hp.rms_epsilon);
        x = finish(l, x, g.attention(queries, keys, values, batch.last_layout));
    }
    return g.rms_norm(x, output_norm_, hp.rms_epsilon);
}

} // namespace omni
