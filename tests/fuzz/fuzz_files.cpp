// libFuzzer over the C boundary: loads a file as text file and as mmproj file, and computes once with what loads.
#include "jina_omni.h"
#include "mutator.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace {

void demand(bool condition, const char * text) {
    if (!condition) {
        std::fprintf(stderr, "broken contract: %s\n", text);
        std::abort();
    }
}

struct context_free {
    void operator()(omni_context * context) const { omni_context_free(context); }
};
using context_ptr = std::unique_ptr<omni_context, context_free>;

// Contexts of every kind, made once: threads of a context for each input would be most of the work.
const std::vector<context_ptr> & contexts() {
    static const std::vector<context_ptr> all = [] {
        std::vector<context_ptr> out;
        const auto add = [&](int32_t kernels, bool exact, bool portable) {
            omni_context * context = nullptr;
            demand(omni_context_init(0, 2, kernels, exact, portable, &context, nullptr) == OMNI_OK, "a context starts");
            out.emplace_back(context);
        };
        for (int32_t kernels = 0; omni_kernels_name(kernels) != nullptr; kernels++) {
            add(kernels, false, false);
            add(kernels, true, false);
        }
        add(0, true, true);
        return out;
    }();
    return all;
}

// A refusal has a text, and nothing is left of what was refused.
bool accepted(omni_status status, const omni_error & error) {
    demand(status == OMNI_OK || error.text[0] != '\0', "a refusal says why");
    demand(std::memchr(error.text, 0, sizeof(error.text)) != nullptr, "the text is terminated");
    return status == OMNI_OK;
}

void run_text(const omni_text * text, omni_context * context) {
    omni_text_info info;
    demand(omni_text_get_info(text, &info, nullptr) == OMNI_OK, "a file that loads has an info");
    char value[16];
    omni_text_metadata(text, "general.name", value, sizeof(value));
    omni_text_special_token(text, "<|im_end|>");

    omni_error error = {};
    const std::string_view words = "Some words, gr\xc3\xb6\xc3\x9f" "er than <|im_end|> 3.14 \xff\xf0\x9f";
    std::vector<int32_t> ids(words.size());
    size_t n_ids = 0;
    if (!accepted(omni_text_tokenize(text, words.data(), words.size(), ids.data(), ids.size(), &n_ids, &error), error)) {
        return;
    }
    ids.resize(std::min({ids.size(), n_ids, (size_t) info.n_ctx}));
    for (const int32_t id : ids) {
        demand(id >= 0 && id < info.n_vocab, "ids are of the vocabulary");
    }
    std::vector<int32_t> lengths = {(int32_t) ids.size(), 1, std::min(3, info.n_ctx)};
    lengths.erase(std::remove(lengths.begin(), lengths.end(), 0), lengths.end());
    const int32_t n_media = lengths.back();
    ids.push_back(0);
    ids.insert(ids.end(), n_media, -1);
    const std::vector<float> embeddings((size_t) n_media * info.n_embd, 0.5f);
    std::vector<float> pooled(lengths.size() * info.n_embd);
    accepted(omni_encode_sequences(context, text, ids.data(), lengths.data(), (int32_t) lengths.size(), embeddings.data(), n_media,
                                   pooled.data(), OMNI_INTERACTIVE, nullptr, &error), error);
}

void run_projector(const omni_projector * projector, omni_context * context) {
    omni_projector_info info;
    demand(omni_projector_get_info(projector, &info, nullptr) == OMNI_OK, "a file that loads has an info");
    omni_error error = {};
    if (info.has_vision) {
        const int32_t merge = info.merge_size;
        const int32_t grids[] = {1, merge, 2 * merge, 2, 3 * merge, merge};
        const size_t  n_merged = 2 + 6, n_patch = n_merged * merge * merge;
        const std::vector<float> patches(n_patch * 6 * info.patch_size * info.patch_size, 0.5f);
        std::vector<float> embeddings(n_merged * info.n_embd_out);
        accepted(omni_encode_patches(context, projector, patches.data(), grids, 2, embeddings.data(), OMNI_INTERACTIVE, nullptr, &error), error);
    }
    if (info.has_audio) {
        const int32_t lengths[] = {std::min(70, info.max_mel_frames), 3};
        const std::vector<float> frames((size_t) (lengths[0] + lengths[1]) * info.n_mel, 0.5f);
        std::vector<float> embeddings((size_t) (omni_audio_token_count(lengths[0]) + omni_audio_token_count(lengths[1])) * info.n_embd_out);
        accepted(omni_encode_mel(context, projector, frames.data(), lengths, 2, embeddings.data(), OMNI_INTERACTIVE, nullptr, &error), error);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size) {
    static const int file = memfd_create("model", 0);
    static const std::string path = "/proc/self/fd/" + std::to_string(file);
    demand(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t) size, "the file is written");

    const size_t which = std::hash<std::string_view>()({(const char *) data, size}) % contexts().size();
    omni_error error = {};
    omni_text * text = nullptr;
    if (accepted(omni_text_load(path.c_str(), 0, 0, &text, &error), error)) {
        run_text(text, contexts()[which].get());
    }
    omni_text_free(text);
    omni_projector * projector = nullptr;
    if (accepted(omni_projector_load(path.c_str(), 0, 0, &projector, &error), error)) {
        run_projector(projector, contexts()[which].get());
    }
    omni_projector_free(projector);
    return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t * data, size_t size, size_t max_size, unsigned int seed) {
    std::mt19937 random(seed);
    const std::string changed = mutated(std::string((const char *) data, size), random);
    if (changed.size() > max_size) {
        return size;
    }
    std::copy(changed.begin(), changed.end(), data);
    return changed.size();
}
