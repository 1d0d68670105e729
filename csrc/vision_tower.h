// SPDX-License-Identifier: Apache-2.0
// The vision tower: Qwen3-VL's transformer over 16x16 patches of frame pairs, and the merger that makes text-tower rows.
#pragma once

#include "tower.h"
#include "weights.h"

namespace omni {

class vision_tower {
public:
    vision_tower(const gguf_file & file, ggml_backend_dev_t device); // throws load_error

    struct {
        int32_t n_layer, n_embd, n_head, n_ff, n_embd_out, patch_size, merge_size, n_position_side;
        int64_t image_min_pixels, image_max_pixels, video_min_pixels, video_max_pixels; // 0 where the file does not say
        float   image_mean[3], image_std[3];
    } shape;

    int64_t n_params() const { return weights_.n_params() + (int64_t) position_table_.size(); }
    int64_t n_bytes() const { return weights_.n_bytes() + (int64_t) (position_table_.size() * sizeof(float)); }

    // See omni_encode_patches. All grids are in range.
    void encode(compute_device & device, const float * patches, const int32_t * grids, int32_t n_grids, float * rows,
                const volatile int32_t * cancel) const;

private:
    struct layer {
        ggml_tensor *ln1, *ln1_bias, *qkv, *qkv_bias, *attn_out, *attn_out_bias;
        ggml_tensor *ln2, *ln2_bias, *up, *up_bias, *down, *down_bias;
    };

    void encode_group(compute_device & device, const float * patches, const int32_t * grids, int32_t n_grids, float * rows,
                      const volatile int32_t * cancel) const;

    weights            weights_;
    std::vector<float> position_table_; // n_position_side^2 rows, interpolated on the host
    std::vector<layer> layers_;
    ggml_tensor *patch_first_, *patch_second_, *patch_bias_;
    ggml_tensor *post_ln_, *post_ln_bias_, *merger_in_, *merger_in_bias_, *merger_out_, *merger_out_bias_;
};

} // namespace omni
