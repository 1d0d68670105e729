// SPDX-License-Identifier: Apache-2.0
#include "vision_tower.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace omni {

namespace {

// Patches of one run. Small images share runs up to this; more does not run faster and takes memory.
constexpr int64_t n_patch_run = 4096;

// norm1, norm2 and merger.norm of Qwen3-VL. The converter writes the text tower's epsilon into the file, which differs on nano.
constexpr float layer_norm_epsilon = 1e-6f;

constexpr float rope_base = 10000.0f; // Qwen3VLVisionRotaryEmbedding

// Visits the patches of a grid in the order of the rows: (t, h / merge, w / merge, merge, merge).
template <typename F> void each_patch(int32_t t, int32_t h, int32_t w, int32_t merge, F && visit) {
    for (int32_t it = 0; it < t; it++) {
        for (int32_t bh = 0; bh < h; bh += merge) {
            for (int32_t bw = 0; bw < w; bw += merge) {
                for (int32_t dh = 0; dh < merge; dh++) {
                    for (int32_t dw = 0; dw < merge; dw++) {
                        visit(bh + dh, bw + dw);
                    }
                }
            }
        }
    }
}

// Tap and weight of bilinear interpolation with aligned corners: n points spread over a side of the table.
struct tap {
    int32_t low, high;
    float   weight; // of high
};

std::vector<tap> taps(int32_t n, int32_t side) {
    std::vector<tap> out;
    for (int32_t i = 0; i < n; i++) {
        const float at = n > 1 ? (float) i * (float) (side - 1) / (float) (n - 1) : 0.0f;
        const int32_t low = std::min((int32_t) at, side - 1);
        out.push_back({low, std::min(low + 1, side - 1), at - (float) low});
    }
    return out;
}

} // namespace

vision_tower::vision_tower(const gguf_file & file, ggml_backend_dev_t device) : weights_(file, device) {
    const auto integer = [&](const char * key, int64_t min, int64_t max) {
        return (int32_t) file.required_integer(key, min, max);
    };
    shape.n_layer    = integer("clip.vision.block_count", 1, 512);
    shape.n_embd     = integer("clip.vision.embedding_length", 4, 16384);
    shape.n_head     = integer("clip.vision.attention.head_count", 1, 512);
    shape.n_ff       = integer("clip.vision.feed_forward_length", 1, 131072);
    shape.n_embd_out = integer("clip.vision.projection_dim", 1, 16384);
    shape.patch_size = file.has("clip.vision.patch_size") ? integer("clip.vision.patch_size", 1, 64) : 16;
    shape.merge_size = file.has("clip.vision.spatial_merge_size") ? integer("clip.vision.spatial_merge_size", 1, 8) : 2;
    if (shape.n_embd % shape.n_head != 0 || shape.n_embd / shape.n_head % 4 != 0) {
        throw file.error("key 'clip.vision.attention.head_count' is " + std::to_string(shape.n_head) +
                         ", which doesn't divide the width into multiples of 4");
    }
    for (const bool deep : file.booleans("clip.vision.is_deepstack_layers").value_or(std::vector<bool>())) {
        if (deep) {
            throw file.error("key 'clip.vision.is_deepstack_layers' asks for deepstack layers, which these models don't have");
        }
    }
    const auto pixels = [&](const char * key) {
        return file.has(key) ? file.required_integer(key, 1, (int64_t) 1 << 40) : 0;
    };
    shape.image_min_pixels = pixels("clip.vision.image_min_pixels");
    shape.image_max_pixels = pixels("clip.vision.image_max_pixels");
    shape.video_min_pixels = pixels("clip.vision.video_min_pixels");
    shape.video_max_pixels = pixels("clip.vision.video_max_pixels");
    const auto colours = [&](const char * key, float * out) {
        const std::vector<float> values = file.reals(key).value_or(std::vector<float>(3, 0.5f));
        if (values.size() != 3) {
            throw file.error(std::string("key '") + key + "' has " + std::to_string(values.size()) + " entries, not 3");
        }
        std::copy(values.begin(), values.end(), out);
    };
    colours("clip.vision.image_mean", shape.image_mean);
    colours("clip.vision.image_std", shape.image_std);
    if (*std::min_element(shape.image_std, shape.image_std + 3) <= 0.0f) {
        throw file.error("key 'clip.vision.image_std' is not positive");
    }

    const int64_t n_embd = shape.n_embd, n_ff = shape.n_ff;
    const int64_t n_pixel  = (int64_t) 3 * shape.patch_size * shape.patch_size;
    const int64_t n_merged = n_embd * shape.merge_size * shape.merge_size;

    const gguf_tensor * table = file.find("v.position_embd.weight");
    const int64_t n_position = table ? table->ne[1] : 0;
    shape.n_position_side = (int32_t) std::lround(std::sqrt((double) n_position));
    if (table == nullptr || table->ne[0] != n_embd || table->ne[2] != 1 || table->ne[3] != 1 || n_position > (1 << 20) ||
        (int64_t) shape.n_position_side * shape.n_position_side != n_position ||
        (table->type != GGML_TYPE_F32 && ggml_get_type_traits(table->type)->to_float == nullptr)) {
        throw file.error("tensor 'v.position_embd.weight' is missing or not a square table of width " + std::to_string(n_embd));
    }
    position_table_ = to_float(*table);

    // float32 whatever the file holds: pixels are not rounded, and they are a small part of the work
    patch_first_  = weights_.matrix_f32("v.patch_embd.weight", n_pixel, n_embd);
    patch_second_ = weights_.matrix_f32("v.patch_embd.weight.1", n_pixel, n_embd);
    patch_bias_   = weights_.vector("v.patch_embd.bias", n_embd);
    for (int i = 0; i < shape.n_layer; i++) {
        const std::string blk = "v.blk." + std::to_string(i) + ".";
        layer l = {};
        l.ln1           = weights_.vector(blk + "ln1.weight", n_embd);
        l.ln1_bias      = weights_.vector(blk + "ln1.bias", n_embd);
        l.qkv           = weights_.matrix(blk + "attn_qkv.weight", n_embd, 3 * n_embd);
        l.qkv_bias      = weights_.vector(blk + "attn_qkv.bias", 3 * n_embd);
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
    post_ln_         = weights_.vector("v.post_ln.weight", n_embd);
    post_ln_bias_    = weights_.vector("v.post_ln.bias", n_embd);
    merger_in_       = weights_.matrix("mm.0.weight", n_merged, n_merged);
    merger_in_bias_  = weights_.vector("mm.0.bias", n_merged);
    merger_out_      = weights_.matrix("mm.2.weight", n_merged, shape.n_embd_out);
    merger_out_bias_ = weights_.vector("mm.2.bias", shape.n_embd_out);
    weights_.place();
}

void vision_tower::encode(compute_device & device, const float * patches, const int32_t * grids, int32_t n_grids, float * rows,
                          const volatile int32_t * cancel) const {
    const int64_t n_pixel = (int64_t) 3 * 2 * shape.patch_size * shape.patch_size;
    const int64_t n_merge = (int64_t) shape.merge_size * shape.merge_size;
    for (int32_t first = 0; first < n_grids;) {
        int32_t n = 0;
        int64_t n_patch = 0;
        while (first + n < n_grids) {
            const int32_t * grid = grids + 3 * (first + n);
            const int64_t size = (int64_t) grid[0] * grid[1] * grid[2];
            if (n > 0 && n_patch + size > n_patch_run) {
                break;
            }
            n_patch += size;
            n++;
        }
        encode_group(device, patches, grids + 3 * first, n, rows, cancel);
        patches += n_patch * n_pixel;
        rows    += n_patch / n_merge * shape.n_embd_out;
        first   += n;
    }
}

void vision_tower::encode_group(compute_device & device, const float * patches, const int32_t * grids, int32_t n_grids,
                                float * rows, const volatile int32_t * cancel) const {
    const int64_t n_embd = shape.n_embd, head_dim = shape.n_embd / shape.n_head;
    const int64_t n_pixel = (int64_t) shape.patch_size * shape.patch_size; // of one channel of one frame

    std::vector<attention_span> spans;
    int32_t n_patch = 0;
    for (int32_t i = 0; i < n_grids; i++) {
        const int32_t n_frame = grids[3 * i + 1] * grids[3 * i + 2];
        for (int32_t t = 0; t < grids[3 * i]; t++, n_patch += n_frame) {
            spans.push_back({n_patch, n_frame, n_patch, n_frame});
        }
    }

    graph g(device, (size_t) shape.n_layer, 40, spans.size(), cancel);
    ggml_context * ctx = g.context();
    const auto plan = std::make_shared<attention_plan>(std::move(spans), false, shape.n_head, shape.n_head, (int) head_dim);
    // rows of patches are (channel, frame, y, x); each frame of the pair has a kernel of its own over (channel, y, x)
    const auto frame = [&](int which) {
        return g.input(GGML_TYPE_F32, 3 * n_pixel, n_patch, [=](void * data) {
            for (int64_t i = 0; i < (int64_t) n_patch * 3; i++) {
                std::memcpy((float *) data + i * n_pixel, patches + (2 * i + which) * n_pixel, n_pixel * sizeof(float));
            }
        });
    };
    ggml_tensor * positions = g.input(GGML_TYPE_F32, n_embd, n_patch, [&](void * data) {
        float * out = (float *) data;
        for (int32_t i = 0; i < n_grids; i++) {
            const auto ys = taps(grids[3 * i + 1], shape.n_position_side);
            const auto xs = taps(grids[3 * i + 2], shape.n_position_side);
            each_patch(grids[3 * i], grids[3 * i + 1], grids[3 * i + 2], shape.merge_size, [&](int32_t iy, int32_t ix) {
                const tap & y = ys[iy], & x = xs[ix];
                const auto row = [&](int32_t r, int32_t c) {
                    return position_table_.data() + ((int64_t) r * shape.n_position_side + c) * n_embd;
                };
                const float * a = row(y.low, x.low), * b = row(y.low, x.high), * c = row(y.high, x.low),
                            * d = row(y.high, x.high);
                const float wa = (1 - y.weight) * (1 - x.weight), wb = (1 - y.weight) * x.weight,
                            wc = y.weight * (1 - x.weight), wd = y.weight * x.weight;
                for (int64_t j = 0; j < n_embd; j++) {
                    out[j] = a[j] * wa + b[j] * wb + c[j] * wc + d[j] * wd;
                }
                out += n_embd;
            });
        }
    });
    std::vector<int32_t> coordinates(2 * (size_t) n_patch);
    int32_t * row = coordinates.data(), * column = row + n_patch;
    for (int32_t i = 0; i < n_grids; i++) {
        each_patch(grids[3 * i], grids[3 * i + 1], grids[3 * i + 2], shape.merge_size,
                   [&](int32_t iy, int32_t ix) { *row++ = iy, *column++ = ix; });
    }
    const auto rotation = g.rotation_of(std::move(coordinates), 2, (int) head_dim, rope_base);
    const auto heads = [&](ggml_tensor * qkv, int which) {
        return ggml_view_3d(ctx, qkv, head_dim, shape.n_head, n_patch, head_dim * sizeof(float), qkv->nb[1],
                            which * n_embd * sizeof(float));
    };
    ggml_tensor * x = g.linear(patch_first_, frame(0), patch_bias_, positions);
    x = g.linear(patch_second_, frame(1), nullptr, x);
    for (const layer & l : layers_) {
        ggml_tensor * qkv = g.linear(l.qkv, g.layer_norm(x, l.ln1, l.ln1_bias, layer_norm_epsilon), l.qkv_bias);
        ggml_tensor * h   = g.attention(g.rotate(heads(qkv, 0), rotation), g.rotate(heads(qkv, 1), rotation), heads(qkv, 2), plan);
        x = g.linear(l.attn_out, h, l.attn_out_bias, x);
        h = g.linear(l.up, g.layer_norm(x, l.ln2, l.ln2_bias, layer_norm_epsilon), l.up_bias);
        x = g.linear(l.down, g.gelu_tanh(h), l.down_bias, x);
    }
    x = g.layer_norm(x, post_ln_, post_ln_bias_, layer_norm_epsilon);
    x = ggml_reshape_2d(ctx, x, n_embd * shape.merge_size * shape.merge_size, n_patch / (shape.merge_size * shape.merge_size));
    x = g.linear(merger_in_, x, merger_in_bias_);
    g.run(g.linear(merger_out_, g.gelu_erf(x), merger_out_bias_), rows);
}

} // namespace omni
