// SPDX-License-Identifier: Apache-2.0
// The tokenizer of a text file: libllama's vocabulary, rebuilt from checked keys so that its loader never reads the file.
#pragma once

#include "gguf_file.h"
#include "llama.h"
#include "text_architecture.h"

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace omni {

struct llama_model_deleter {
    void operator()(llama_model * model) const { llama_model_free(model); }
};

class vocabulary {
public:
    vocabulary(const gguf_file & file, const text_architecture & architecture); // throws error

    int32_t size() const { return n_token_; }
    int32_t eos() const { return eos_; } // -1 where the file has none
    bool    add_eos() const { return add_eos_; }

    // Id of the control or user-defined token of this spelling, -1 where there is none.
    int32_t special_token(const std::string & spelling) const;

    // Tokens of UTF-8 text without beginning or end; a special token's text becomes its id. Thread-safe.
    std::vector<int32_t> tokenize(std::string_view utf8) const;

private:
    std::unique_ptr<llama_model, llama_model_deleter> model_;
    std::unordered_map<std::string, int32_t>          special_;
    int32_t                                           n_token_ = 0;
    int32_t                                           eos_ = -1;
    bool                                              add_eos_ = false;
};

} // namespace omni
