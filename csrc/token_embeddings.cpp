// SPDX-License-Identifier: Apache-2.0
#include "token_embeddings.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace omni {

token_embeddings::token_embeddings(std::shared_ptr<const gguf_file> file, int32_t n_token, int64_t n_embd)
    : file_(std::move(file)), table_(file_->find("token_embd.weight")) {
    if (table_ == nullptr || table_->ne[0] != n_embd || table_->ne[2] != 1 || table_->ne[3] != 1) {
        throw file_->error("tensor 'token_embd.weight' is missing or not of width " + std::to_string(n_embd));
    }
    if (table_->ne[1] < n_token || table_->ne[1] > INT32_MAX) {
        throw file_->error("tensor 'token_embd.weight' has " + std::to_string(table_->ne[1]) + " rows for " +
                           std::to_string(n_token) + " tokens");
    }
    if (!table_->holds_weights()) {
        throw file_->error(std::string("tensor 'token_embd.weight' is of type ") + ggml_type_name(table_->type) +
                           ", which holds no weights");
    }
}

void token_embeddings::look_up(const int32_t * tokens, int64_t n_token, const float * media_embeddings, float * out) const {
    const int64_t n_embd = table_->ne[0];
    const size_t  row_bytes = ggml_row_size(table_->type, n_embd);
    const auto    to_float = ggml_get_type_traits(table_->type)->to_float;
    for (int64_t i = 0; i < n_token; i++, out += n_embd) {
        const uint8_t * row = table_->data + (size_t) std::max(tokens[i], 0) * row_bytes;
        if (tokens[i] < 0) {
            std::memcpy(out, media_embeddings, n_embd * sizeof(float));
            media_embeddings += n_embd;
        } else if (table_->type == GGML_TYPE_F32) {
            std::memcpy(out, row, row_bytes);
        } else {
            to_float(row, out, n_embd);
        }
    }
}

} // namespace omni
