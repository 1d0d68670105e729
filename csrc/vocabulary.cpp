// SPDX-License-Identifier: Apache-2.0
#include "vocabulary.h"

#include "ggml-cpp.h"
#include "native_log.h"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <unordered_set>

namespace omni {

namespace {

// Pre-tokenizers that split text as the reference's tokenizers do (MODEL_FACTS of the model family: qwen2 on small, the
// Llama-3 expression on nano).
constexpr std::string_view pre_tokenizers[] = {"qwen2", "jina-v5-nano", "llama-bpe"};

// libllama decodes a spelling that it can't map in time and memory quadratic in its length; real ones stay under 300 bytes
constexpr size_t n_spelling_max = 4096;

constexpr size_t n_merges_max = 8; // for each token; Llama 3 has 2.2

constexpr size_t n_utf8_max = (size_t) 1 << 30; // libllama counts bytes and tokens in int32

std::vector<const char *> pointers(const std::vector<std::string> & strings) {
    std::vector<const char *> out;
    out.reserve(strings.size());
    for (const std::string & s : strings) {
        out.push_back(s.c_str());
    }
    return out;
}

std::vector<std::string> required_strings(const gguf_file & file, const char * key) {
    const auto views = file.strings(key);
    if (!views || views->empty()) {
        throw file.error(std::string("key '") + key + "' is missing or empty");
    }
    return {views->begin(), views->end()};
}

} // namespace

vocabulary::vocabulary(const gguf_file & file) {
    const std::string model(file.required_string("tokenizer.ggml.model"));
    if (model != "gpt2") {
        throw file.error("tokenizer.ggml.model is '" + printable(model) + "', only byte-level BPE ('gpt2') is supported");
    }
    const std::string pre(file.required_string("tokenizer.ggml.pre"));
    if (std::find(std::begin(pre_tokenizers), std::end(pre_tokenizers), pre) == std::end(pre_tokenizers)) {
        throw file.error("tokenizer.ggml.pre '" + printable(pre) + "' is not one of qwen2, jina-v5-nano, llama-bpe");
    }

    std::vector<std::string> tokens = required_strings(file, "tokenizer.ggml.tokens");
    std::vector<std::string> merges = required_strings(file, "tokenizer.ggml.merges");
    std::vector<int32_t>     types  = file.integers("tokenizer.ggml.token_type")
                                          .value_or(std::vector<int32_t>(tokens.size(), LLAMA_TOKEN_TYPE_NORMAL));
    // libllama takes some hundred bytes for each, a file of empty ones eight: without bounds a small file fills the memory
    const gguf_tensor * rows = file.find("token_embd.weight");
    if (rows != nullptr && (uint64_t) rows->ne[1] < tokens.size()) {
        throw file.error("tensor 'token_embd.weight' has " + std::to_string(rows->ne[1]) + " rows for " +
                         std::to_string(tokens.size()) + " tokens");
    }
    if (merges.size() / n_merges_max > tokens.size()) {
        throw file.error("tokenizer.ggml.merges has " + std::to_string(merges.size()) + " entries for " +
                         std::to_string(tokens.size()) + " tokens");
    }
    if (types.size() != tokens.size()) {
        throw file.error("tokenizer.ggml.token_type has " + std::to_string(types.size()) + " entries for " +
                         std::to_string(tokens.size()) + " tokens");
    }
    // libllama asserts that spellings differ, after it has named the empty ones like this
    std::unordered_set<std::string_view> spellings;
    spellings.reserve(tokens.size());
    for (size_t i = 0; i < tokens.size(); i++) {
        if (tokens[i].empty()) {
            tokens[i] = "[EMPTY_" + std::to_string(i) + "]";
        }
        if (tokens[i].size() > n_spelling_max) {
            throw file.error("tokenizer.ggml.tokens holds a token of " + std::to_string(tokens[i].size()) + " bytes");
        }
        if (!spellings.insert(tokens[i]).second) {
            throw file.error("tokenizer.ggml.tokens holds '" + printable(tokens[i]) + "' twice");
        }
    }
    n_token_ = (int32_t) tokens.size();

    for (int32_t i = 0; i < n_token_; i++) {
        if (types[i] == LLAMA_TOKEN_TYPE_CONTROL || types[i] == LLAMA_TOKEN_TYPE_USER_DEFINED) {
            special_.emplace(tokens[i], i);
        }
    }
    if (const auto eos = file.integer("tokenizer.ggml.eos_token_id")) {
        if (*eos < 0 || *eos >= n_token_) {
            throw file.error("tokenizer.ggml.eos_token_id " + std::to_string(*eos) + " is outside the vocabulary");
        }
        eos_ = (int32_t) *eos;
    }
    // nano's tokenizer ends every sequence with eos; a file without the key follows its architecture
    add_eos_ = file.boolean("tokenizer.ggml.add_eos_token").value_or(file.string("general.architecture") == "eurobert");
    if (add_eos_ && eos_ < 0) {
        throw file.error("tokenizer.ggml.add_eos_token is set, but tokenizer.ggml.eos_token_id is missing");
    }

    const gguf_context_ptr keys(gguf_init_empty());
    gguf_set_val_str(keys.get(), "general.architecture", "qwen3"); // any that libllama knows: only the vocabulary is loaded
    gguf_set_val_str(keys.get(), "tokenizer.ggml.model", model.c_str());
    gguf_set_val_str(keys.get(), "tokenizer.ggml.pre", pre.c_str());
    gguf_set_arr_str(keys.get(), "tokenizer.ggml.tokens", pointers(tokens).data(), tokens.size());
    gguf_set_arr_str(keys.get(), "tokenizer.ggml.merges", pointers(merges).data(), merges.size());
    gguf_set_arr_data(keys.get(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types.data(), types.size());
    // none is ever added by libllama, but its defaults may lie outside this vocabulary
    gguf_set_val_u32(keys.get(), "tokenizer.ggml.eos_token_id", (uint32_t) std::max(eos_, 0));
    gguf_set_val_u32(keys.get(), "tokenizer.ggml.bos_token_id", (uint32_t) std::max(eos_, 0));

    static std::once_flag once;
    std::call_once(once, llama_backend_init);
    llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    take_thread_errors();
    model_.reset(llama_model_init_from_user(keys.get(), nullptr, nullptr, params));
    if (!model_) {
        throw file.error("its vocabulary was refused: " + printable(take_thread_errors(), 500));
    }
}

int32_t vocabulary::special_token(const std::string & spelling) const {
    const auto it = special_.find(spelling);
    return it == special_.end() ? -1 : it->second;
}

std::vector<int32_t> vocabulary::tokenize(std::string_view utf8) const {
    if (utf8.size() > n_utf8_max) {
        throw std::invalid_argument("text of " + std::to_string(utf8.size()) + " bytes is over the tokenizer's limit of 1 GiB");
    }
    const llama_vocab * vocab = llama_model_get_vocab(model_.get());
    // byte-level BPE never makes more tokens than bytes; most texts need a third of that
    std::vector<int32_t> ids(utf8.size() / 3 + 16);
    int32_t n = llama_tokenize(vocab, utf8.data(), (int32_t) utf8.size(), ids.data(), (int32_t) ids.size(), false, true);
    if (n < 0) {
        ids.resize(-(size_t) (int64_t) n);
        n = llama_tokenize(vocab, utf8.data(), (int32_t) utf8.size(), ids.data(), (int32_t) ids.size(), false, true);
    }
    ids.resize(std::max(n, 0));
    return ids;
}

} // namespace omni
