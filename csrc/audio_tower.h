// SPDX-License-Identifier: Apache-2.0
// The audio tower: Qwen2.5-Omni's transformer over chunks of mel frames that don't see each other, and the projector that makes
// text-tower rows.
#pragma once

#include "tower.h"
#include "weights.h"

namespace omni {

class audio_tower {
public:
    audio_tower(const gguf_file & file, ggml_backend_dev_t device); // throws load_error

    struct {
        int32_t n_layer, n_embd, n_head, n_ff, n_embd_out, n_mel;
        int32_t n_window;   // positions of a whole chunk, each of them two frames
        int32_t n_position; // rows of the table, which bound a clip
        float   layer_norm_epsilon;
    } shape;

    int64_t n_params() const { return weights_.n_params(); }
    int64_t n_bytes() const { return weights_.n_bytes(); }

    int32_t n_frame_max() const { return 2 * shape.n_position; }

    // Rows of a clip: a position for every two frames, and a row for every two positions. An odd last frame still makes a
    // position, an odd last position no row.
    static int64_t n_rows(int64_t n_frame) { return (n_frame + 1) / 4; }

    // See omni_encode_mel. All lengths are in range.
    void encode(compute_device & device, const float * frames, const int32_t * lengths, int32_t n_clips, float * rows,
                const volatile int32_t * cancel) const;

private:
    struct layer {
        ggml_tensor *ln1, *ln1_bias, *q, *q_bias, *k, *v, *v_bias, *attn_out, *attn_out_bias;
        ggml_tensor *ln2, *ln2_bias, *up, *up_bias, *down, *down_bias;
    };

    void encode_group(compute_device & device, const float * frames, const int32_t * lengths, int32_t n_clips, float * rows,
                      const volatile int32_t * cancel) const;

    weights            weights_;
    std::vector<layer> layers_;
    ggml_tensor *conv1_, *conv1_bias_, *conv2_, *conv2_bias_, *positions_;
    ggml_tensor *post_ln_, *post_ln_bias_, *projector_, *projector_bias_;
};

} // namespace omni
