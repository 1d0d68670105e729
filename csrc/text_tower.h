// SPDX-License-Identifier: Apache-2.0
// The text tower: Qwen3 (causal) and EuroBERT (bidirectional), without output head or KV cache, pooled at the last token.
#pragma once

#include "tower.h"
#include "weights.h"

namespace omni {

class text_tower {
public:
    text_tower(const gguf_file & file, int32_t n_token, ggml_backend_dev_t device); // throws load_error

    struct {
        bool    causal;
        int32_t n_layer, n_embd, n_head, n_kv_head, head_dim, n_ff, n_vocab, n_ctx;
        float   rms_epsilon, rope_base;
    } shape;

    int64_t n_params() const { return weights_.n_params() + token_embd_n_params_; }
    int64_t n_bytes() const { return weights_.n_bytes() + (int64_t) token_embd_->n_bytes; }

    // See omni_encode_sequences. All ids, lengths and row counts are in range.
    void encode(compute_device & device, const int32_t * tokens, const int32_t * lengths, int32_t n_seq, const float * rows,
                float * pooled, const volatile int32_t * cancel) const;

private:
    struct layer {
        ggml_tensor *attn_norm, *q, *k, *v, *q_norm, *k_norm, *attn_output, *ffn_norm, *gate, *up, *down;
    };

    void embed(const int32_t * tokens, int64_t n_token, const float * rows, float * out) const;

    weights             weights_;
    const gguf_tensor * token_embd_; // looked up on the host: every type works, on every device, and none copies it
    int64_t             token_embd_n_params_;
    std::vector<layer>  layers_;
    ggml_tensor *       output_norm_;
};

} // namespace omni
