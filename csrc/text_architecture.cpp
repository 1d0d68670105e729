// SPDX-License-Identifier: Apache-2.0
#include "text_architecture.h"

#include "printable.h"

#include <algorithm>

namespace omni {

namespace {

const std::vector<text_architecture> & all_architectures() {
    static const std::vector<text_architecture> all = [] {
        // The defaults are those of Qwen3-0.6B as jina-embeddings-v5 trains it, and of EuroBERT-210M.
        text_architecture qwen3;
        qwen3.name = "qwen3";
        qwen3.size = "small";
        qwen3.causal = true;
        qwen3.norms_heads = true;
        qwen3.n_ctx = 32768;
        qwen3.rope_base = 3500000.0;
        qwen3.rms_epsilon = 1e-6;
        qwen3.adds_eos = false;
        qwen3.pre_tokenizers = {"qwen2"};
        qwen3.normalizes_to_nfc = true;

        text_architecture eurobert;
        eurobert.name = "eurobert";
        eurobert.size = "nano";
        eurobert.causal = false;
        eurobert.norms_heads = false;
        eurobert.n_ctx = 8192;
        eurobert.rope_base = 1000000.0;
        eurobert.rms_epsilon = 1e-5;
        eurobert.adds_eos = true;
        eurobert.pre_tokenizers = {"jina-v5-nano", "llama-bpe"}; // two names of the expression of Llama 3
        eurobert.normalizes_to_nfc = false;

        return std::vector<text_architecture>{qwen3, eurobert};
    }();
    return all;
}

} // namespace

const text_architecture * find_text_architecture(std::string_view name) {
    const auto & all = all_architectures();
    const auto   found = std::find_if(all.begin(), all.end(), [&](const text_architecture & a) { return a.name == name; });
    return found == all.end() ? nullptr : &*found;
}

const text_architecture & read_text_architecture(const gguf_file & file) {
    const std::string_view name = file.required_string("general.architecture");
    if (const text_architecture * found = find_text_architecture(name)) {
        return *found;
    }
    std::string known;
    for (const text_architecture & a : all_architectures()) {
        known += (known.empty() ? "'" : " or '") + std::string(a.name) + "' (" + std::string(a.size) + ")";
    }
    throw file.error("general.architecture is " + quoted(name) + ", a text file has " + known +
                     (name == "clip" ? "; pass this file as mmproj" : ""));
}

} // namespace omni
