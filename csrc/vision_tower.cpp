// SPDX-License-Identifier: Apache-2.0
#include "vision_tower.h"

#include "batches.h"
#include "described_graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

namespace omni {

namespace {

// Patches of one forward pass. Small images share one up to this; more does not compute faster and takes memory.
constexpr int64_t n_batch_patch = 4096;

// Patches up to which a graph is kept. More take so long that it does not count how fast they start.
constexpr int64_t n_kept_patch = 1536;

// norm1, norm2 and merger.norm of Qwen3-VL. The converter writes the text tower's epsilon into the file, which differs on nano.
constexpr float layer_norm_epsilon = 1e-6f;

constexpr float rope_base = 10000.0f; // Qwen3VLVisionRotaryEmbedding

// Visits the patches of a grid (t, h, w) in the order (t, h / merge, w / merge, merge, merge).
template <typename F> void for_each_patch(const int32_t * grid, int32_t merge, F && visit) {
    for (int32_t it = 0; it < grid[0]; it++) {
        for (int32_t bh = 0; bh < grid[1]; bh += merge) {
            for (int32_t bw = 0; bw < grid[2]; bw += merge) {
                for (int32_t dh = 0; dh < merge; dh++) {
                    for (int32_t dw = 0; dw < merge; dw++) {
                        visit(bh + dh, bw + dw);
                    }
                }
            }
        }
    }
}

int64_t n_patch_in(const int32_t * grid) { return (int64_t) grid[0] * grid[1] * grid[2]; }

// Tap and weight of bilinear interpolation with aligned corners: n points spread over a side of the table.
struct tap {
    int32_t low, high;
    float   weight; // of high
};

std::vector<tap> make_taps(int32_t n, int32_t side) {
    std::vector<tap> out;
    for (int32_t i = 0; i < n; i++) {
        const float   at = n > 1 ? (float) i * (float) (side - 1) / (float) (n - 1) : 0.0f;
        const int32_t low = std::min((int32_t) at, side - 1);
        out.push_back({low, std::min(low + 1, side - 1), at - (float) low});
    }
    return out;
}

std::array<float, 3> read_colours(const gguf_file & file, const char * key) {
    const std::vector<float> values = file.reals(key).value_or(std::vector<float>(3, 0.5f));
    if (values.size() != 3) {
        throw file.error(std::string("key '") + key + "' has " + std::to_string(values.size()) + " entries, not 3");
    }
    return {values[0], values[1], values[2]};
}

} // namespace

vision_hparams::vision_hparams(const gguf_file & file) {
    const auto integer = [&](const char * key, int64_t min, int64_t max) {
        return (int32_t) file.required_integer(key, min, max);
    };
    n_layer = integer("clip.vision.block_count", 1, 512);
    n_embd = integer("clip.vision.embedding_length", 4, 16384);
    n_head = integer("clip.vision.attention.head_count", 1, 512);
    n_ff = integer("clip.vision.feed_forward_length", 1, 131072);
    n_embd_out = integer("clip.vision.projection_dim", 1, 16384);
    patch_size = file.has("clip.vision.patch_size") ? integer("clip.vision.patch_size", 1, 64) : 16;
    merge_size = file.has("clip.vision.spatial_merge_size") ? integer("clip.vision.spatial_merge_size", 1, 8) : 2;
    if (n_embd % n_head != 0 || n_embd / n_head % 4 != 0) {
        throw file.error("key 'clip.vision.attention.head_count' is " + std::to_string(n_head) +
                         ", which doesn't divide the width into multiples of 4");
    }
    const std::vector<bool> deep = file.booleans("clip.vision.is_deepstack_layers").value_or(std::vector<bool>());
    if (std::find(deep.begin(), deep.end(), true) != deep.end()) {
        throw file.error("key 'clip.vision.is_deepstack_layers' asks for deepstack layers, which these models don't have");
    }
    const auto pixels = [&](const char * key) { return file.has(key) ? file.required_integer(key, 1, (int64_t) 1 << 40) : 0; };
    image_min_pixels = pixels("clip.vision.image_min_pixels");
    image_max_pixels = pixels("clip.vision.image_max_pixels");
    video_min_pixels = pixels("clip.vision.video_min_pixels");
    video_max_pixels = pixels("clip.vision.video_max_pixels");
    image_mean = read_colours(file, "clip.vision.image_mean");
    image_std = read_colours(file, "clip.vision.image_std");
    if (*std::min_element(image_std.begin(), image_std.end()) <= 0.0f) {
        throw file.error("key 'clip.vision.image_std' is not positive");
    }
}

vision_positions::vision_positions(const gguf_file & file, int64_t n_embd) : n_embd_(n_embd) {
    const gguf_tensor * table = file.find("v.position_embd.weight");
    const int64_t       n_position = table ? table->ne[1] : 0;
    side_ = (int32_t) std::lround(std::sqrt((double) n_position));
    if (table == nullptr || table->ne[0] != n_embd || table->ne[2] != 1 || table->ne[3] != 1 || n_position > (1 << 20) ||
        (int64_t) side_ * side_ != n_position || !table->holds_weights()) {
        throw file.error("tensor 'v.position_embd.weight' is missing or not a square table of width " + std::to_string(n_embd));
    }
    table_ = to_float(*table);
}

float * vision_positions::interpolate(const int32_t * grid, int32_t merge_size, float * out) const {
    const auto ys = make_taps(grid[1], side_), xs = make_taps(grid[2], side_);
    for_each_patch(grid, merge_size, [&](int32_t iy, int32_t ix) {
        const tap &   y = ys[iy];
        const tap &   x = xs[ix];
        const auto    row = [&](int32_t r, int32_t c) { return table_.data() + ((int64_t) r * side_ + c) * n_embd_; };
        const float * a = row(y.low, x.low);
        const float * b = row(y.low, x.high);
        const float * c = row(y.high, x.low);
        const float * d = row(y.high, x.high);
        const float   wa = (1 - y.weight) * (1 - x.weight);
        const float   wb = (1 - y.weight) * x.weight;
        const float   wc = y.weight * (1 - x.weight);
        const float   wd = y.weight * x.weight;
        for (int64_t j = 0; j < n_embd_; j++) {
            out[j] = a[j] * wa + b[j] * wb + c[j] * wc + d[j] * wd;
        }
        out += n_embd_;
    });
    return out;
}

vision_tower::vision_tower(const std::shared_ptr<const gguf_file> & file, ggml_backend_dev_t device)
    : hparams_(*file), positions_(*file, hparams_.n_embd), weights_(file, device) {
    weights_.require_attention(hparams_.head_dim(), hparams_.n_head, hparams_.n_head);
    const int64_t n_embd = hparams_.n_embd;
    const int64_t n_pixel = (int64_t) 3 * hparams_.patch_size * hparams_.patch_size;
    const int64_t n_merged = n_embd * hparams_.n_merge();
    // float32 whatever the file holds: pixels are not rounded, and they are a small part of the work
    patch_first_ = weights_.linear_f32_with_bias("v.patch_embd", n_pixel, n_embd);
    patch_second_.weight = weights_.matrix_f32("v.patch_embd.weight.1", n_pixel, n_embd);
    for (int i = 0; i < hparams_.n_layer; i++) {
        layers_.push_back(load_layer(i));
    }
    post_ln_ = weights_.layer_norm("v.post_ln", n_embd);
    merger_in_ = weights_.linear_with_bias("mm.0", n_merged, n_merged);
    merger_out_ = weights_.linear_with_bias("mm.2", n_merged, hparams_.n_embd_out);
    weights_.place();
}

vision_tower::layer vision_tower::load_layer(int index) {
    const std::string block = "v.blk." + std::to_string(index) + ".";
    const int64_t     n_embd = hparams_.n_embd, n_ff = hparams_.n_ff;
    layer             l;
    l.ln1 = weights_.layer_norm(block + "ln1", n_embd);
    l.qkv = weights_.linear_with_bias(block + "attn_qkv", n_embd, 3 * n_embd);
    l.attn_out = weights_.linear_with_bias(block + "attn_out", n_embd, n_embd);
    l.ln2 = weights_.layer_norm(block + "ln2", n_embd);
    l.up = weights_.linear_with_bias(block + "ffn_up", n_embd, n_ff);
    l.down = weights_.linear_with_bias(block + "ffn_down", n_ff, n_embd);
    return l;
}

int64_t vision_tower::n_position(const tower_inputs & inputs) const {
    int64_t n_patch = 0;
    for (size_t i = 0; i < inputs.shapes.size; i += 3) {
        n_patch += n_patch_in(inputs.shapes.data + i);
    }
    return n_patch;
}

int64_t vision_tower::n_value(const tower_inputs & inputs) const {
    return n_position(inputs) * 3 * 2 * hparams_.patch_size * hparams_.patch_size;
}

int64_t vision_tower::n_pass_position(const compute_device &) const { return n_batch_patch; }

void vision_tower::encode(compute_lane & lane, const tower_inputs & images, float * embeddings, cancel_flag cancel) const {
    const float *   patches = images.values.data;
    const int32_t * grids = images.shapes.data;
    const int32_t   n_grids = (int32_t) (images.shapes.size / 3);
    const int64_t   n_pixel = (int64_t) 3 * 2 * hparams_.patch_size * hparams_.patch_size;
    const auto      n_patch = [&](int32_t i) { return n_patch_in(grids + 3 * (int64_t) i); };
    for_each_batch(n_grids, n_batch_patch, n_patch, [&](int32_t first, int32_t n) {
        encode_batch(lane, patches, grids + 3 * (int64_t) first, n, embeddings, cancel);
        for (int32_t i = first; i < first + n; i++) {
            patches += n_patch(i) * n_pixel;
            embeddings += n_patch(i) / hparams_.n_merge() * hparams_.n_embd_out;
        }
    });
}

// The images of a forward pass.
struct vision_batch {
    const float *        patches;
    std::vector<int32_t> grids; // (t, h, w) of each
    int64_t              n_patch;
    std::vector<int32_t> coordinates; // the rows of all patches, then their columns
    attention_layout     layout;
};

void vision_tower::encode_batch(compute_lane & lane, const float * patches, const int32_t * grids, int32_t n_grids,
                                float * embeddings, cancel_flag cancel) const {
    const vision_hparams & hp = hparams_;
    const auto             grid = [=](int32_t i) { return grids + 3 * (int64_t) i; };

    std::vector<attention_segment> segments;
    int32_t                        n_patch = 0;
    for (int32_t i = 0; i < n_grids; i++) {
        const int32_t n_frame = grid(i)[1] * grid(i)[2];
        for (int32_t t = 0; t < grid(i)[0]; t++, n_patch += n_frame) {
            segments.push_back({n_patch, n_frame, n_patch, n_frame});
        }
    }
    std::vector<int32_t> coordinates(2 * (size_t) n_patch);
    int32_t *            row = coordinates.data();
    int32_t *            column = row + n_patch;
    for (int32_t i = 0; i < n_grids; i++) {
        for_each_patch(grid(i), hp.merge_size, [&](int32_t iy, int32_t ix) { *row++ = iy, *column++ = ix; });
    }
    vision_batch batch = {patches,
                          {grids, grid(n_grids)},
                          n_patch,
                          std::move(coordinates),
                          {std::move(segments), false, hp.n_head, hp.n_head, hp.head_dim()}};
    graph_key    key = {identity(), {}};
    if (n_patch <= n_kept_patch) {
        key.shape = batch.grids;
    }
    compute_batch(lane, std::move(key), std::move(batch), embeddings, (int64_t) n_patch / hp.n_merge() * hp.n_embd_out, cancel,
                  [this](graph & g, const vision_batch & described) { return describe(g, described); });
}

ggml_tensor * vision_tower::describe(graph & g, const vision_batch & batch) const {
    const vision_hparams & hp = hparams_;
    const int64_t n_pixel = (int64_t) hp.patch_size * hp.patch_size, n_patch = batch.n_patch; // pixels of a channel of a frame

    // rows of patches are (channel, frame, y, x); each frame of the pair has a kernel of its own over (channel, y, x)
    const auto select_frame = [&](int which) {
        return g.input(GGML_TYPE_F32, 3 * n_pixel, n_patch, [&batch, n_pixel, which](void * data) {
            for (int64_t i = 0; i < batch.n_patch * 3; i++) {
                std::memcpy(static_cast<float *>(data) + i * n_pixel, batch.patches + (2 * i + which) * n_pixel,
                            n_pixel * sizeof(float));
            }
        });
    };
    ggml_tensor * positions = g.input(GGML_TYPE_F32, hp.n_embd, n_patch, [this, &batch](void * data) {
        float * out = static_cast<float *>(data);
        for (size_t i = 0; i < batch.grids.size(); i += 3) {
            out = positions_.interpolate(batch.grids.data() + i, hparams_.merge_size, out);
        }
    });
    const auto    rotation = g.make_rotation(batch.coordinates, 2, hp.head_dim(), rope_base);

    ggml_tensor * x = g.linear(patch_first_, select_frame(0), positions);
    x = g.linear(patch_second_, select_frame(1), x);
    for (const layer & l : layers_) {
        ggml_tensor * qkv = g.linear(l.qkv, g.layer_norm(x, l.ln1, layer_norm_epsilon));
        const auto    heads = [&](int64_t which) { return g.split_heads(qkv, which * hp.n_embd, hp.head_dim(), hp.n_head); };
        ggml_tensor * h = g.attention(g.rotate(heads(0), rotation), g.rotate(heads(1), rotation), heads(2), batch.layout);
        x = g.linear(l.attn_out, h, x);
        h = g.linear(l.up, g.layer_norm(x, l.ln2, layer_norm_epsilon));
        x = g.linear(l.down, g.gelu_tanh(h), x);
    }
    x = g.layer_norm(x, post_ln_, layer_norm_epsilon);
    x = g.reshape(x, (int64_t) hp.n_embd * hp.n_merge(), n_patch / hp.n_merge());
    x = g.linear(merger_in_, x);
    return g.linear(merger_out_, g.gelu_erf(x));
}

} // namespace omni
