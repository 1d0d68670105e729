// What the programs that drive the C boundary have in common: a model of two files, and all that a caller asks of it.
#ifndef JINA_OMNI_TESTS_BOUNDARY_H
#define JINA_OMNI_TESTS_BOUNDARY_H

#include "jina_omni.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

inline void demand(bool condition, const char * text, const omni_error & error = {}) {
    if (!condition) {
        std::fprintf(stderr, "wrong: %s %s\n", text, error.text);
        std::abort();
    }
}

struct model {
    omni_text *         text      = nullptr;
    omni_projector *    projector = nullptr;
    omni_text_info      text_info;
    omni_projector_info projector_info;

    model(const char * text_path, const char * projector_path) {
        omni_error error = {};
        demand(omni_text_load(text_path, 0, 0, &text, &error) == OMNI_OK, "text loads", error);
        demand(omni_projector_load(projector_path, 0, 0, &projector, &error) == OMNI_OK, "mmproj loads", error);
        demand(omni_text_get_info(text, &text_info, &error) == OMNI_OK, "text has an info", error);
        demand(omni_projector_get_info(projector, &projector_info, &error) == OMNI_OK, "mmproj has an info", error);
    }
    ~model() {
        omni_text_free(text);
        omni_projector_free(projector);
    }
};

inline omni_context * new_context(int32_t n_threads, bool portable = false) {
    omni_context * context = nullptr;
    omni_error error = {};
    demand(omni_context_init(0, n_threads, 0, 0, portable, &context, &error) == OMNI_OK, "a context starts", error);
    return context;
}

// The towers, one call after the other, until one is not OMNI_OK. out: the vectors of all of them.
inline omni_status run(const model & m, omni_context * context, int32_t priority, const volatile int32_t * cancel,
                       std::vector<float> & out, omni_error & error) {
    std::vector<int32_t> ids(64);
    size_t n_ids = 0;
    const char words[] = "Some words, and <|im_end|> 3.14";
    demand(omni_text_tokenize(m.text, words, sizeof(words) - 1, ids.data(), ids.size(), &n_ids, &error) == OMNI_OK, "tokens", error);
    ids.resize(n_ids);
    const int32_t n_first = (int32_t) n_ids / 2;
    const int32_t lengths[] = {n_first, (int32_t) n_ids - n_first};
    out.resize((size_t) 2 * m.text_info.n_embd);
    omni_status status =
        omni_encode_sequences(context, m.text, ids.data(), lengths, 2, nullptr, 0, out.data(), priority, cancel, &error);
    if (status != OMNI_OK) {
        return status;
    }
    const int32_t merge = m.projector_info.merge_size, patch = m.projector_info.patch_size;
    const int32_t grids[] = {1, 2 * merge, merge, 1, merge, merge};
    const std::vector<float> patches((size_t) 3 * merge * merge * 6 * patch * patch, 0.5f);
    std::vector<float> embeddings((size_t) 3 * m.projector_info.n_embd_out);
    status = omni_encode_patches(context, m.projector, patches.data(), grids, 2, embeddings.data(), priority, cancel, &error);
    if (status != OMNI_OK) {
        return status;
    }
    out.insert(out.end(), embeddings.begin(), embeddings.end());
    const int32_t n_frames[] = {20, 3};
    const std::vector<float> frames((size_t) 23 * m.projector_info.n_mel, 0.25f);
    embeddings.resize((size_t) (omni_audio_token_count(20) + omni_audio_token_count(3)) * m.projector_info.n_embd_out);
    status = omni_encode_mel(context, m.projector, frames.data(), n_frames, 2, embeddings.data(), priority, cancel, &error);
    out.insert(out.end(), embeddings.begin(), embeddings.end());
    return status;
}

#endif
