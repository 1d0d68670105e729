// SPDX-License-Identifier: Apache-2.0
// The vision tower: Qwen3-VL's transformer over patches of frame pairs, and the merger that makes media embeddings.
#pragma once

#include "layers.h"
#include "tower.h"
#include "weights.h"

#include <array>
#include <memory>
#include <vector>

namespace omni {

struct vision_hparams {
    int32_t              n_layer;
    int32_t              n_embd;
    int32_t              n_head;
    int32_t              n_ff;
    int32_t              n_embd_out;
    int32_t              patch_size;
    int32_t              merge_size;
    int64_t              image_min_pixels; // 0 where the file does not say
    int64_t              image_max_pixels;
    int64_t              video_min_pixels;
    int64_t              video_max_pixels;
    std::array<float, 3> image_mean = {};
    std::array<float, 3> image_std = {};

    explicit vision_hparams(const gguf_file & file); // throws error

    int32_t head_dim() const { return n_embd / n_head; }
    int32_t n_merge() const { return merge_size * merge_size; } // patches that become one media embedding
};

// A square table of position embeddings, interpolated for each grid on the host.
class vision_positions {
public:
    vision_positions(const gguf_file & file, int64_t n_embd); // throws error

    int64_t n_params() const { return (int64_t) table_.size(); }
    int64_t n_bytes() const { return (int64_t) (table_.size() * sizeof(float)); }

    // Writes the embeddings of the patches of a grid (t, h, w) in the order of omni_encode_patches; returns their end.
    float * interpolate(const int32_t * grid, int32_t merge_size, float * out) const;

private:
    int64_t            n_embd_;
    int32_t            side_; // of the table
    std::vector<float> table_;
};

class graph;
struct vision_batch;

class vision_tower final : public tower {
public:
    vision_tower(const std::shared_ptr<const gguf_file> & file, ggml_backend_dev_t device); // throws error

    const vision_hparams & hparams() const { return hparams_; }
    int64_t                n_params() const { return weights_.n_params() + positions_.n_params(); }
    int64_t                n_bytes() const { return weights_.n_bytes() + positions_.n_bytes(); }

    // As weights::pack.
    int64_t pack(compute_device & device) { return weights_.pack(device); }

    int64_t n_position(const tower_inputs & inputs) const override;
    int64_t n_output(const tower_inputs & inputs) const override {
        return n_position(inputs) / hparams_.n_merge() * hparams_.n_embd_out;
    }
    size_t  n_shape() const override { return 3; }
    int64_t n_value(const tower_inputs & inputs) const override;
    int64_t n_pass_position(const compute_device & device) const override;
    void    encode(compute_lane & lane, const tower_inputs & images, float * embeddings, cancel_flag cancel) const override;

private:
    struct layer {
        norm_layer   ln1;
        linear_layer qkv, attn_out;
        norm_layer   ln2;
        linear_layer up, down;
    };

    layer load_layer(int index);
    void  encode_batch(compute_lane & lane, const float * patches, const int32_t * grids, int32_t n_grids, float * embeddings,
                       cancel_flag cancel) const;
    ggml_tensor * describe(graph & g, const vision_batch & batch) const; // returns the embeddings of the batch

    vision_hparams     hparams_;
    vision_positions   positions_;
    weights            weights_;
    linear_layer       patch_first_, patch_second_; // one for each frame of a pair
    std::vector<layer> layers_;
    norm_layer         post_ln_;
    linear_layer       merger_in_, merger_out_;
};

} // namespace omni
