// SPDX-License-Identifier: Apache-2.0
// The text tower: Qwen3 (causal) and EuroBERT (bidirectional), without output head or KV cache, pooled at the last token.
#pragma once

#include "layers.h"
#include "text_architecture.h"
#include "token_embeddings.h"
#include "tower.h"
#include "weights.h"

#include <memory>
#include <vector>

namespace omni {

struct text_hparams {
    bool    causal;
    bool    norms_heads;
    int32_t n_layer;
    int32_t n_embd;
    int32_t n_head;
    int32_t n_kv_head;
    int32_t head_dim;
    int32_t n_ff;
    int32_t n_ctx;
    float   rms_epsilon;
    float   rope_base;

    text_hparams(const gguf_file & file, const text_architecture & architecture); // throws error
};

class graph;
struct text_batch;

class text_tower final : public tower {
public:
    // n_token: of the vocabulary. Throws error.
    text_tower(const std::shared_ptr<const gguf_file> & file, const text_architecture & architecture, int32_t n_token,
               ggml_backend_dev_t device);

    const text_hparams & hparams() const { return hparams_; }
    int32_t              n_vocab() const { return token_embeddings_.n_vocab(); }
    int64_t n_params() const { return weights_.n_params() + (device_table_ != nullptr ? 0 : token_embeddings_.n_params()); }
    int64_t n_bytes() const { return weights_.n_bytes() + (device_table_ != nullptr ? 0 : token_embeddings_.n_bytes()); }

    // As weights::pack.
    int64_t pack(compute_device & device) { return weights_.pack(device); }

    int64_t n_position(const tower_inputs & inputs) const override { return (int64_t) inputs.tokens.size; }
    int64_t n_output(const tower_inputs & inputs) const override { return (int64_t) inputs.shapes.size * hparams_.n_embd; }
    int64_t n_value(const tower_inputs & inputs) const override;
    int64_t n_pass_position(const compute_device & device) const override;
    void    encode(compute_lane & lane, const tower_inputs & sequences, float * pooled, cancel_flag cancel) const override;

private:
    struct layer {
        norm_layer   attn_norm;
        head_layers  heads;
        linear_layer attn_output;
        norm_layer   ffn_norm;
        linear_layer gate, up, down;
    };

    layer         load_layer(int index);
    ggml_tensor * describe(graph & g, const text_batch & batch) const; // returns the embeddings of the batch
    bool          looks_up_on_device(const tower_inputs & sequences) const;
    ggml_tensor * look_up(graph & g, const text_batch & batch) const; // returns the embeddings of its tokens

    text_hparams       hparams_;
    token_embeddings   token_embeddings_;
    weights            weights_;
    ggml_tensor *      device_table_; // of token embeddings; null: the host looks them up
    norm_layer         output_norm_;
    std::vector<layer> layers_;
};

} // namespace omni
