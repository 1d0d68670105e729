// SPDX-License-Identifier: Apache-2.0
// The table of token embeddings of a text model file, which the host looks up: on the CPU, for devices that can't, and where media
// embeddings stand between those of tokens.
#pragma once

#include "gguf_file.h"

#include <cstdint>
#include <memory>

namespace omni {

class token_embeddings {
public:
    // For a vocabulary of n_token tokens; the table may have more rows. Throws error.
    token_embeddings(std::shared_ptr<const gguf_file> file, int32_t n_token, int64_t n_embd);

    int32_t n_vocab() const { return (int32_t) table_->ne[1]; }
    int64_t n_params() const { return table_->ne[0] * table_->ne[1]; }
    int64_t n_bytes() const { return (int64_t) table_->n_bytes; }

    // Writes the embedding of each token. A token of -1 takes the next media embedding. All ids are in range.
    void look_up(const int32_t * tokens, int64_t n_token, const float * media_embeddings, float * out) const;

private:
    std::shared_ptr<const gguf_file> file_; // holds the table
    const gguf_tensor *              table_;
};

} // namespace omni
