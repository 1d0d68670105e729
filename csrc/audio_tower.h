// SPDX-License-Identifier: Apache-2.0
// The audio tower: Qwen2.5-Omni's transformer over chunks of mel frames that don't see each other, and the projector that makes
// media embeddings.
#pragma once

#include "layers.h"
#include "tower.h"
#include "weights.h"

#include <memory>
#include <vector>

namespace omni {

struct audio_hparams {
    int32_t n_layer;
    int32_t n_embd;
    int32_t n_head;
    int32_t n_ff;
    int32_t n_embd_out;
    int32_t n_mel;
    int32_t n_window;   // positions of a whole chunk, each of them two frames
    int32_t n_position; // rows of the table of position embeddings, which bound a clip
    float   layer_norm_epsilon;

    explicit audio_hparams(const gguf_file & file); // throws error

    int32_t head_dim() const { return n_embd / n_head; }
    int32_t n_frame_max() const { return 2 * n_position; } // of a clip
};

class graph;
struct audio_batch;

class audio_tower final : public tower {
public:
    audio_tower(const std::shared_ptr<const gguf_file> & file, ggml_backend_dev_t device); // throws error

    const audio_hparams & hparams() const { return hparams_; }
    int64_t               n_params() const { return weights_.n_params(); }
    int64_t               n_bytes() const { return weights_.n_bytes(); }

    // Media tokens of a clip: a position for every two frames, and a token for every two positions. An odd last frame still
    // makes a position, an odd last position no token.
    static int64_t n_media_token(int64_t n_frame) { return (n_frame + 1) / 4; }

    // As weights::pack.
    int64_t pack(compute_device & device) { return weights_.pack(device); }

    int64_t n_position(const tower_inputs & inputs) const override;
    int64_t n_output(const tower_inputs & inputs) const override;
    int64_t n_value(const tower_inputs & inputs) const override { return n_position(inputs) * hparams_.n_mel; }
    int64_t n_pass_position(const compute_device & device) const override;
    void    encode(compute_lane & lane, const tower_inputs & clips, float * embeddings, cancel_flag cancel) const override;

private:
    struct layer {
        norm_layer   ln1;
        linear_layer q, k, v, attn_out;
        norm_layer   ln2;
        linear_layer up, down;
    };

    layer load_layer(int index);
    void  encode_batch(compute_lane & lane, const float * frames, const int32_t * lengths, int32_t n_clips, float * embeddings,
                       cancel_flag cancel) const;
    ggml_tensor * describe(graph & g, const audio_batch & batch) const; // returns the embeddings of the batch

    audio_hparams      hparams_;
    weights            weights_;
    ggml_tensor *      positions_;
    linear_layer       conv1_, conv2_;
    std::vector<layer> layers_;
    norm_layer         post_ln_;
    linear_layer       projector_;
};

} // namespace omni
