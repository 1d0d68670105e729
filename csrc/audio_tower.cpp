// SPDX-License-Identifier: Apache-2.0
#include "audio_tower.h"

#include "batches.h"
#include "described_graph.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

namespace omni {

namespace {

// Mel frames of one forward pass. Short clips share one up to this; more does not compute faster and takes memory.
constexpr int64_t n_batch_frame = 3072;

// Frames up to which a graph is kept. More take so long that it does not count how fast they start.
constexpr int64_t n_kept_frame = 1536;

constexpr int64_t n_position_max = 1 << 16; // of a clip; the published files have 1500

} // namespace

audio_hparams::audio_hparams(const gguf_file & file) {
    const auto integer = [&](const char * key, int64_t min, int64_t max) {
        return (int32_t) file.required_integer(key, min, max);
    };
    const auto integer_or = [&](const char * key, int32_t fallback, int64_t min, int64_t max) {
        return file.has(key) ? integer(key, min, max) : fallback;
    };
    n_layer = integer("clip.audio.block_count", 1, 512);
    n_embd = integer("clip.audio.embedding_length", 1, 16384);
    n_head = integer("clip.audio.attention.head_count", 1, 512);
    n_ff = integer("clip.audio.feed_forward_length", 1, 131072);
    n_embd_out = integer("clip.audio.projection_dim", 1, 16384);
    // Defaults: those of Qwen2.5-Omni's encoder. Files converted before n_window was a key were trained with its value too.
    n_mel = integer_or("clip.audio.num_mel_bins", 128, 1, 1024);
    n_window = integer_or("clip.audio.n_window", 100, 1, n_position_max);
    const char * epsilon = "clip.audio.attention.layer_norm_epsilon";
    layer_norm_epsilon = file.has(epsilon) ? (float) file.required_real(epsilon, 0.0, 0.1) : 1e-5f;
    if (n_embd % n_head != 0) {
        throw file.error("key 'clip.audio.attention.head_count' is " + std::to_string(n_head) +
                         ", which doesn't divide the width " + std::to_string(n_embd));
    }
    const gguf_tensor * table = file.find("a.position_embd.weight");
    const int64_t       n_row = table ? table->ne[1] : 0;
    if (n_row < n_window || n_row > n_position_max) {
        throw file.error("tensor 'a.position_embd.weight' is missing or has " + std::to_string(n_row) + " rows for the " +
                         std::to_string(n_window) + " positions of 'clip.audio.n_window'");
    }
    n_position = (int32_t) n_row;
}

audio_tower::audio_tower(const std::shared_ptr<const gguf_file> & file, ggml_backend_dev_t device)
    : hparams_(*file), weights_(file, device),
      positions_(weights_.matrix_f32("a.position_embd.weight", hparams_.n_embd, hparams_.n_position)) {
    weights_.require_attention(hparams_.head_dim(), hparams_.n_head, hparams_.n_head);
    const int64_t n_embd = hparams_.n_embd;
    // float32 whatever the file holds: mel values are not rounded, and they are a small part of the work
    conv1_ = weights_.linear_f32_with_bias("a.conv1d.1", 3 * (int64_t) hparams_.n_mel, n_embd);
    conv2_ = weights_.linear_f32_with_bias("a.conv1d.2", 3 * n_embd, n_embd);
    for (int i = 0; i < hparams_.n_layer; i++) {
        layers_.push_back(load_layer(i));
    }
    post_ln_ = weights_.layer_norm("a.post_ln", n_embd);
    projector_ = weights_.linear_with_bias("mm.a.fc", n_embd, hparams_.n_embd_out);
    weights_.place();
}

audio_tower::layer audio_tower::load_layer(int index) {
    const std::string block = "a.blk." + std::to_string(index) + ".";
    const int64_t     n_embd = hparams_.n_embd, n_ff = hparams_.n_ff;
    layer             l;
    l.ln1 = weights_.layer_norm(block + "ln1", n_embd);
    l.q = weights_.linear_with_bias(block + "attn_q", n_embd, n_embd);
    l.k = weights_.linear(block + "attn_k", n_embd, n_embd);
    l.v = weights_.linear_with_bias(block + "attn_v", n_embd, n_embd);
    l.attn_out = weights_.linear_with_bias(block + "attn_out", n_embd, n_embd);
    l.ln2 = weights_.layer_norm(block + "ln2", n_embd);
    l.up = weights_.linear_with_bias(block + "ffn_up", n_embd, n_ff);
    l.down = weights_.linear_with_bias(block + "ffn_down", n_ff, n_embd);
    return l;
}

int64_t audio_tower::n_position(const tower_inputs & inputs) const {
    return std::accumulate(inputs.shapes.data, inputs.shapes.data + inputs.shapes.size, (int64_t) 0);
}

int64_t audio_tower::n_output(const tower_inputs & inputs) const {
    const int32_t * lengths = inputs.shapes.data;
    const auto      add_tokens = [](int64_t n_token, int32_t n_frame) { return n_token + n_media_token(n_frame); };
    return std::accumulate(lengths, lengths + inputs.shapes.size, (int64_t) 0, add_tokens) * hparams_.n_embd_out;
}

int64_t audio_tower::n_pass_position(const compute_device &) const { return n_batch_frame; }

void audio_tower::encode(compute_lane & lane, const tower_inputs & clips, float * embeddings, cancel_flag cancel) const {
    const float *   frames = clips.values.data;
    const int32_t * lengths = clips.shapes.data;
    const int32_t   n_clips = (int32_t) clips.shapes.size;
    const auto      n_frame = [&](int32_t i) { return (int64_t) lengths[i]; };
    for_each_batch(n_clips, n_batch_frame, n_frame, [&](int32_t first, int32_t n) {
        encode_batch(lane, frames, lengths + first, n, embeddings, cancel);
        for (int32_t i = first; i < first + n; i++) {
            frames += n_frame(i) * hparams_.n_mel;
            embeddings += n_media_token(n_frame(i)) * hparams_.n_embd_out;
        }
    });
}

// The clips of a forward pass.
struct audio_batch {
    const float *        frames;
    std::vector<int32_t> chunks; // frames of each
    std::vector<int32_t> pairs;  // first position of each
    int32_t              n_frame = 0, n_position = 0;
    attention_layout     layout;
};

void audio_tower::encode_batch(compute_lane & lane, const float * frames, const int32_t * lengths, int32_t n_clips,
                               float * embeddings, cancel_flag cancel) const {
    const audio_hparams & hp = hparams_;

    std::vector<attention_segment> segments;
    std::vector<int32_t>           chunks, pairs;
    int32_t                        n_frame = 0, n_position = 0;
    for (int32_t i = 0; i < n_clips; i++) {
        const int32_t begin = n_position;
        for (int32_t first = 0; first < lengths[i]; first += 2 * hp.n_window) {
            chunks.push_back(std::min(2 * hp.n_window, lengths[i] - first));
            const int32_t n = (chunks.back() + 1) / 2;
            segments.push_back({n_position, n, n_position, n});
            n_position += n;
        }
        for (int32_t at = begin; at + 1 < n_position; at += 2) {
            pairs.push_back(at);
        }
        n_frame += lengths[i];
    }
    lane.device().require_rows(n_frame, 1, "mel frames"); // and the row of zeros
    graph_key key = {identity(), {}};
    if (n_frame <= n_kept_frame) {
        key.shape.assign(lengths, lengths + n_clips);
    }
    const int64_t n_value = (int64_t) pairs.size() * hp.n_embd_out;
    audio_batch   batch = {frames,  std::move(chunks), std::move(pairs),
                           n_frame, n_position,        {std::move(segments), false, hp.n_head, hp.n_head, hp.head_dim()}};
    compute_batch(lane, std::move(key), std::move(batch), embeddings, n_value, cancel,
                  [this](graph & g, const audio_batch & described) { return describe(g, described); });
}

ggml_tensor * audio_tower::describe(graph & g, const audio_batch & batch) const {
    const audio_hparams & hp = hparams_;

    // Convolution over three rows, for every stride-th row of each chunk. What lies outside the chunk is a row of zeros, put
    // behind all others.
    const auto convolve = [&](ggml_tensor * x, int32_t stride, const linear_layer & kernel) {
        const int64_t n_out = stride == 1 ? batch.n_frame : batch.n_position;
        ggml_tensor * taps = g.input(GGML_TYPE_I32, 3 * n_out, 1, [&batch, stride](void * data) {
            int32_t * out = static_cast<int32_t *>(data);
            int32_t   begin = 0;
            for (const int32_t n : batch.chunks) {
                for (int32_t centre = 0; centre < n; centre += stride) {
                    for (int32_t at = centre - 1; at <= centre + 1; at++) {
                        *out++ = at >= 0 && at < n ? begin + at : batch.n_frame;
                    }
                }
                begin += n;
            }
        });
        x = g.select_rows(g.append_zero_row(x), taps);
        return g.gelu_erf(g.linear(kernel, g.interleave_rows(x, 3))); // rows of the kernel are (channel, tap)
    };
    ggml_tensor * position = g.input(GGML_TYPE_I32, batch.n_position, 1, [&batch](void * data) {
        int32_t * out = static_cast<int32_t *>(data);
        for (const int32_t n : batch.chunks) {
            for (int32_t i = 0; i < (n + 1) / 2; i++) {
                *out++ = i;
            }
        }
    });
    // the first or the second position of all pairs
    const auto select_half = [&](ggml_tensor * x, int32_t which) {
        ggml_tensor * indices = g.input(GGML_TYPE_I32, (int64_t) batch.pairs.size(), 1, [&batch, which](void * data) {
            std::transform(batch.pairs.begin(), batch.pairs.end(), static_cast<int32_t *>(data),
                           [=](int32_t first) { return first + which; });
        });
        return g.select_rows(x, indices);
    };
    const auto heads = [&](ggml_tensor * t) { return g.split_heads(t, 0, hp.head_dim(), hp.n_head); };

    ggml_tensor * x = g.input(GGML_TYPE_F32, hp.n_mel, batch.n_frame, [this, &batch](void * data) {
        std::memcpy(data, batch.frames, (size_t) batch.n_frame * hparams_.n_mel * sizeof(float));
    });
    x = convolve(x, 1, conv1_);
    x = convolve(x, 2, conv2_);
    x = g.add(x, g.select_rows(positions_, position));
    for (const layer & l : layers_) {
        ggml_tensor * h = g.layer_norm(x, l.ln1, hp.layer_norm_epsilon);
        const auto    qkv = g.linear_side_by_side({&l.q, &l.k, &l.v}, h);
        h = g.attention(heads(qkv[0]), heads(qkv[1]), heads(qkv[2]), batch.layout);
        x = g.linear(l.attn_out, h, x);
        h = g.linear(l.up, g.layer_norm(x, l.ln2, hp.layer_norm_epsilon));
        x = g.linear(l.down, g.gelu_erf(h), x);
    }
    x = g.scale(g.add(select_half(x, 0), select_half(x, 1)), 0.5f);
    x = g.layer_norm(x, post_ln_, hp.layer_norm_epsilon);
    return g.linear(projector_, x);
}

} // namespace omni
