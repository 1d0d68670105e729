// SPDX-License-Identifier: Apache-2.0
// What differs between the architectures of text models: a new one is a new row of the table.
#pragma once

#include "gguf_file.h"

#include <string>
#include <string_view>
#include <vector>

namespace omni {

struct text_architecture {
    std::string_view name; // in general.architecture, and before the other keys
    std::string_view size; // of the published model

    bool causal = false;      // whether a token attends to earlier ones alone
    bool norms_heads = false; // whether heads of queries and keys go through an RMS norm before they are rotated

    // Where the file lacks the key.
    int64_t n_ctx = 0;
    double  rope_base = 0.0;
    double  rms_epsilon = 0.0;
    bool    adds_eos = false; // whether a sequence ends with the eos token

    // Of the reference's tokenizer.
    std::vector<std::string_view> pre_tokenizers;            // tokenizer.ggml.pre, any of them
    bool                          normalizes_to_nfc = false; // before it splits

    std::string key(const char * suffix) const { return std::string(name) + "." + suffix; }
};

// Null where there is none of that name.
const text_architecture * find_text_architecture(std::string_view name);

// Returns the architecture of a text model file. Throws error where the file is none.
const text_architecture & read_text_architecture(const gguf_file & file);

} // namespace omni
