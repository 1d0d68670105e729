// SPDX-License-Identifier: Apache-2.0
#include "audio_tower.h"

#include <algorithm>
#include <cstring>

namespace omni {

namespace {

// Positions of one run. Short clips share runs up to this; more does not run faster and takes memory.
constexpr int64_t n_position_run = 1536;

constexpr int64_t n_position_max = 1 << 16; // of a clip; the published files have 1500

} // namespace

audio_tower::audio_tower(const gguf_file & file, ggml_backend_dev_t device) : weights_(file, device) {
    const auto integer = [&](const char * key, int64_t min, int64_t max) {
        return (int32_t) file.required_integer(key, min, max);
    };
    const auto integer_or = [&](const char * key, int32_t fallback, int64_t min, int64_t max) {
        return file.has(key) ? integer(key, min, max) : fallback;
    };
    shape.n_layer    = integer("clip.audio.block_count", 1, 512);
    shape.n_embd     = integer("clip.audio.embedding_length", 1, 16384);
    shape.n_head     = integer("clip.audio.attention.head_count", 1, 512);
    shape.n_ff       = integer("clip.audio.feed_forward_length", 1, 131072);
    shape.n_embd_out = integer("clip.audio.projection_dim", 1, 16384);
    // Fallbacks: Qwen2.5-Omni's encoder. Files converted before n_window was a key were trained with its value too.
    shape.n_mel    = integer_or("clip.audio.num_mel_bins", 128, 1, 1024);
    shape.n_window = integer_or("clip.audio.n_window", 100, 1, n_position_max);
    const char * epsilon = "clip.audio.attention.layer_norm_epsilon";
    shape.layer_norm_epsilon = file.has(epsilon) ? (float) file.required_real(epsilon, 0.0, 0.1) : 1e-5f;
    if (shape.n_embd % shape.n_head != 0) {
        throw file.error("key 'clip.audio.attention.head_count' is " + std::to_string(shape.n_head) +
                         ", which doesn't divide the width " + std::to_string(shape.n_embd));
    }

    const int64_t n_embd = shape.n_embd, n_ff = shape.n_ff;
    const gguf_tensor * table = file.find("a.position_embd.weight");
    const int64_t n_position = table ? table->ne[1] : 0;
    if (n_position < shape.n_window || n_position > n_position_max) {
        throw file.error("tensor 'a.position_embd.weight' is missing or has " + std::to_string(n_position) +
                         " rows for the " + std::to_string(shape.n_window) + " positions of 'clip.audio.n_window'");
    }
    shape.n_position = (int32_t) n_position;
    positions_       = weights_.matrix_f32("a.position_embd.weight", n_embd, n_position);

    // float32 whatever the file holds: mel values are not rounded, and they are a small part of the work
    conv1_      = weights_.matrix_f32("a.conv1d.1.weight", 3 * shape.n_mel, n_embd);
    conv1_bias_ = weights_.vector("a.conv1d.1.bias", n_embd);
    conv2_      = weights_.matrix_f32("a.conv1d.2.weight", 3 * n_embd, n_embd);
    conv2_bias_ = weights_.vector("a.conv1d.2.bias", n_embd);
    for (int i = 0; i < shape.n_layer; i++) {
        const std::string blk = "a.blk." + std::to_string(i) + ".";
        layer l = {};
        l.ln1           = weights_.vector(blk + "ln1.weight", n_embd);
        l.ln1_bias      = weights_.vector(blk + "ln1.bias", n_embd);
        l.q             = weights_.matrix(blk + "attn_q.weight", n_embd, n_embd);
        l.q_bias        = weights_.vector(blk + "attn_q.bias", n_embd);
        l.k             = weights_.matrix(blk + "attn_k.weight", n_embd, n_embd);
        l.v             = weights_.matrix(blk + "attn_v.weight", n_embd, n_embd);
        l.v_bias        = weights_.vector(blk + "attn_v.bias", n_embd);
        l.attn_out      = weights_.matrix(blk + "attn_out.weight", n_embd, n_embd);
        l.attn_out_bias = weights_.vector(blk + "attn_out.bias", n_embd);
        l.ln2           = weights_.vector(blk + "ln2.weight", n_embd);
        l.ln2_bias      = weights_.vector(blk + "ln2.bias", n_embd);
        l.up            = weights_.matrix(blk + "ffn_up.weight", n_embd, n_ff);
        l.up_bias       = weights_.vector(blk + "ffn_up.bias", n_ff);
        l.down          = weights_.matrix(blk + "ffn_down.weight", n_ff, n_embd);
        l.down_bias     = weights_.vector(blk + "ffn_down.bias", n_embd);
        layers_.push_back(l);
    }
    post_ln_        = weights_.vector("a.post_ln.weight", n_embd);
    post_ln_bias_   = weights_.vector("a.post_ln.bias", n_embd);
    projector_      = weights_.matrix("mm.a.fc.weight", n_embd, shape.n_embd_out);
    projector_bias_ = weights_.vector("mm.a.fc.bias", shape.n_embd_out);
    weights_.place();
}

void audio_tower::encode(compute_device & device, const float * frames, const int32_t * lengths, int32_t n_clips, float * rows,
                         const volatile int32_t * cancel) const {
    for (int32_t first = 0; first < n_clips;) {
        int32_t n = 0;
        int64_t n_frame = 0, n_row = 0;
        while (first + n < n_clips) {
            const int64_t length = lengths[first + n];
            if (n > 0 && n_frame + length > 2 * n_position_run) {
                break;
            }
            n_frame += length;
            n_row   += n_rows(length);
            n++;
        }
        encode_group(device, frames, lengths + first, n, rows, cancel);
        frames += n_frame * shape.n_mel;
        rows   += n_row * shape.n_embd_out;
        first  += n;
    }
}

void audio_tower::encode_group(compute_device & device, const float * frames, const int32_t * lengths, int32_t n_clips,
                               float * rows, const volatile int32_t * cancel) const {
    const int64_t head_dim = shape.n_embd / shape.n_head;

    std::vector<int32_t> chunks; // frames of each
    std::vector<attention_span> spans;
    std::vector<int32_t> pairs; // first position of each
    int32_t n_frame = 0, n_position = 0;
    for (int32_t i = 0; i < n_clips; i++) {
        const int32_t begin = n_position;
        for (int32_t first = 0; first < lengths[i]; first += 2 * shape.n_window) {
            chunks.push_back(std::min(2 * shape.n_window, lengths[i] - first));
            const int32_t n = (chunks.back() + 1) / 2;
            spans.push_back({n_position, n, n_position, n});
            n_position += n;
        }
        for (int32_t at = begin; at + 1 < n_position; at += 2) {
            pairs.push_back(at);
        }
        n_frame += lengths[i];
    }

    // neighbours of one length share an operation: of a clip, its whole chunks and its rest
    graph g(device, (size_t) shape.n_layer, 40, std::min(spans.size(), 2 * (size_t) n_clips), cancel);
    ggml_context * ctx = g.context();
    const auto plan = std::make_shared<attention_plan>(std::move(spans), false, shape.n_head, shape.n_head, (int) head_dim);

    // Convolution over three rows, for every stride-th row of each chunk. What lies outside the chunk is a row of zeros, put
    // behind all others.
    const auto convolved = [&](ggml_tensor * x, int32_t stride, ggml_tensor * weight, ggml_tensor * bias) {
        const int64_t n_in = x->ne[0], n_out = stride == 1 ? n_frame : n_position;
        ggml_tensor * taps = g.input(GGML_TYPE_I32, 3 * n_out, 1, [&, stride](void * data) {
            int32_t * out = (int32_t *) data, begin = 0;
            for (const int32_t n : chunks) {
                for (int32_t centre = 0; centre < n; centre += stride) {
                    for (int32_t at = centre - 1; at <= centre + 1; at++) {
                        *out++ = at >= 0 && at < n ? begin + at : n_frame;
                    }
                }
                begin += n;
            }
        });
        x = ggml_get_rows(ctx, ggml_pad(ctx, x, 0, 1, 0, 0), taps);
        // the weights' rows are (channel, tap)
        x = ggml_permute(ctx, ggml_reshape_3d(ctx, x, n_in, 3, n_out), 1, 0, 2, 3);
        return g.gelu_erf(g.linear(weight, ggml_cont_2d(ctx, x, 3 * n_in, n_out), bias));
    };
    ggml_tensor * position = g.input(GGML_TYPE_I32, n_position, 1, [&](void * data) {
        int32_t * out = (int32_t *) data;
        for (const int32_t n : chunks) {
            for (int32_t i = 0; i < (n + 1) / 2; i++) {
                *out++ = i;
            }
        }
    });
    // rows of one half of all pairs
    const auto half = [&](ggml_tensor * x, int32_t which) {
        return ggml_get_rows(ctx, x, g.input(GGML_TYPE_I32, (int64_t) pairs.size(), 1, [&, which](void * data) {
            std::transform(pairs.begin(), pairs.end(), (int32_t *) data, [=](int32_t first) { return first + which; });
        }));
    };
    const auto heads = [&](ggml_tensor * t) { return ggml_reshape_3d(ctx, t, head_dim, shape.n_head, n_position); };

    ggml_tensor * x = g.input(GGML_TYPE_F32, shape.n_mel, n_frame, [&](void * data) {
        std::memcpy(data, frames, (size_t) n_frame * shape.n_mel * sizeof(float));
    });
    x = convolved(x, 1, conv1_, conv1_bias_);
    x = convolved(x, 2, conv2_, conv2_bias_);
    x = ggml_add(ctx, x, ggml_get_rows(ctx, positions_, position));
    for (const layer & l : layers_) {
        ggml_tensor * h = g.layer_norm(x, l.ln1, l.ln1_bias, shape.layer_norm_epsilon);
        h = g.attention(heads(g.linear(l.q, h, l.q_bias)), heads(g.linear(l.k, h)), heads(g.linear(l.v, h, l.v_bias)), plan);
        x = g.linear(l.attn_out, h, l.attn_out_bias, x);
        h = g.linear(l.up, g.layer_norm(x, l.ln2, l.ln2_bias, shape.layer_norm_epsilon), l.up_bias);
        x = g.linear(l.down, g.gelu_erf(h), l.down_bias, x);
    }
    x = ggml_scale(ctx, ggml_add(ctx, half(x, 0), half(x, 1)), 0.5f);
    x = g.layer_norm(x, post_ln_, post_ln_bias_, shape.layer_norm_epsilon);
    g.run(g.linear(projector_, x, projector_bias_), rows);
}

} // namespace omni
