// SPDX-License-Identifier: Apache-2.0
#include "vocabulary.h"

#include "error.h"
#include "ggml-cpp.h"
#include "native_log.h"
#include "printable.h"

#include <algorithm>
#include <mutex>
#include <unordered_set>

namespace omni {

namespace {

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

// Refuses a tokenizer that does not split text as the reference's does. Returns its pre-tokenizer.
std::string read_pre_tokenizer(const gguf_file & file, const text_architecture & architecture) {
    const std::string_view model = file.required_string("tokenizer.ggml.model");
    if (model != "gpt2") {
        throw file.error("tokenizer.ggml.model is " + quoted(model) + ", only byte-level BPE ('gpt2') is supported");
    }
    const std::string_view pre = file.required_string("tokenizer.ggml.pre");
    const auto &           known = architecture.pre_tokenizers;
    if (std::find(known.begin(), known.end(), pre) == known.end()) {
        std::string names;
        for (const std::string_view name : known) {
            names += (names.empty() ? "'" : " or '") + std::string(name) + "'";
        }
        throw file.error("tokenizer.ggml.pre is " + quoted(pre) + ", a file of architecture '" +
                         std::string(architecture.name) + "' has " + names);
    }
    return std::string(pre);
}

// What libllama makes a vocabulary of, an entry of spellings and types for each token.
struct token_lists {
    std::vector<std::string> spellings;
    std::vector<std::string> merges;
    std::vector<int32_t>     types;
};

token_lists read_token_lists(const gguf_file & file) {
    token_lists lists;
    lists.spellings = required_strings(file, "tokenizer.ggml.tokens");
    lists.merges = required_strings(file, "tokenizer.ggml.merges");
    const size_t n_token = lists.spellings.size();
    lists.types = file.integers("tokenizer.ggml.token_type").value_or(std::vector<int32_t>(n_token, LLAMA_TOKEN_TYPE_NORMAL));
    // libllama takes some hundred bytes for each, a file of empty ones eight: without bounds a small file fills the memory
    const gguf_tensor * rows = file.find("token_embd.weight");
    if (rows != nullptr && (uint64_t) rows->ne[1] < n_token) {
        throw file.error("tensor 'token_embd.weight' has " + std::to_string(rows->ne[1]) + " rows for " +
                         std::to_string(n_token) + " tokens");
    }
    if (lists.merges.size() / n_merges_max > n_token) {
        throw file.error("tokenizer.ggml.merges has " + std::to_string(lists.merges.size()) + " entries for " +
                         std::to_string(n_token) + " tokens");
    }
    if (lists.types.size() != n_token) {
        throw file.error("tokenizer.ggml.token_type has " + std::to_string(lists.types.size()) + " entries for " +
                         std::to_string(n_token) + " tokens");
    }
    // libllama asserts that spellings differ, after it has named the empty ones like this
    std::unordered_set<std::string_view> seen;
    seen.reserve(n_token);
    for (size_t i = 0; i < n_token; i++) {
        std::string & spelling = lists.spellings[i];
        if (spelling.empty()) {
            spelling = "[EMPTY_" + std::to_string(i) + "]";
        }
        if (spelling.size() > n_spelling_max) {
            throw file.error("tokenizer.ggml.tokens holds a token of " + std::to_string(spelling.size()) + " bytes");
        }
        if (!seen.insert(spelling).second) {
            throw file.error("tokenizer.ggml.tokens holds " + quoted(spelling) + " twice");
        }
    }
    return lists;
}

// Returns the id of the end token, -1 where the file has none.
int32_t read_eos(const gguf_file & file, size_t n_token) {
    const auto eos = file.integer("tokenizer.ggml.eos_token_id");
    if (eos && (*eos < 0 || *eos >= (int64_t) n_token)) {
        throw file.error("tokenizer.ggml.eos_token_id " + std::to_string(*eos) + " is outside the vocabulary");
    }
    return (int32_t) eos.value_or(-1);
}

// Loads a vocabulary by keys alone; null where libllama refuses it.
llama_model * load_vocabulary(const std::string & pre_tokenizer, const token_lists & lists, int32_t eos) {
    const gguf_context_ptr keys(gguf_init_empty());
    gguf_set_val_str(keys.get(), "general.architecture", "qwen3"); // any that libllama knows: only the vocabulary is loaded
    gguf_set_val_str(keys.get(), "tokenizer.ggml.model", "gpt2");
    gguf_set_val_str(keys.get(), "tokenizer.ggml.pre", pre_tokenizer.c_str());
    gguf_set_arr_str(keys.get(), "tokenizer.ggml.tokens", pointers(lists.spellings).data(), lists.spellings.size());
    gguf_set_arr_str(keys.get(), "tokenizer.ggml.merges", pointers(lists.merges).data(), lists.merges.size());
    gguf_set_arr_data(keys.get(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, lists.types.data(), lists.types.size());
    // libllama adds neither, but its defaults may lie outside this vocabulary
    gguf_set_val_u32(keys.get(), "tokenizer.ggml.eos_token_id", (uint32_t) std::max(eos, 0));
    gguf_set_val_u32(keys.get(), "tokenizer.ggml.bos_token_id", (uint32_t) std::max(eos, 0));

    static std::once_flag once;
    std::call_once(once, llama_backend_init);
    llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    return llama_model_init_from_user(keys.get(), nullptr, nullptr, params);
}

} // namespace

vocabulary::vocabulary(const gguf_file & file, const text_architecture & architecture) {
    const std::string pre_tokenizer = read_pre_tokenizer(file, architecture);
    const token_lists lists = read_token_lists(file);
    n_token_ = (int32_t) lists.spellings.size();
    for (int32_t i = 0; i < n_token_; i++) {
        if (lists.types[i] == LLAMA_TOKEN_TYPE_CONTROL || lists.types[i] == LLAMA_TOKEN_TYPE_USER_DEFINED) {
            special_.emplace(lists.spellings[i], i);
        }
    }
    eos_ = read_eos(file, lists.spellings.size());
    add_eos_ = file.boolean("tokenizer.ggml.add_eos_token").value_or(architecture.adds_eos);
    if (add_eos_ && eos_ < 0) {
        throw file.error("tokenizer.ggml.add_eos_token is set, but tokenizer.ggml.eos_token_id is missing");
    }
    take_thread_errors();
    model_.reset(load_vocabulary(pre_tokenizer, lists, eos_));
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
        throw error(OMNI_INVALID_ARGUMENT,
                    "utf8 has " + std::to_string(utf8.size()) + " bytes, over the tokenizer's limit of 1 GiB");
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
