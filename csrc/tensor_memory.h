// SPDX-License-Identifier: Apache-2.0
// Memory that describes tensors and graphs, without their data. It is ours: ggml_init aborts where it finds none itself.
#pragma once

#include "error.h"
#include "ggml-cpp.h"

#include <memory>
#include <new>
#include <vector>

namespace omni {

class tensor_memory {
public:
    tensor_memory() = default;

    // Throws std::bad_alloc.
    explicit tensor_memory(size_t n_bytes) : bytes_(new char[n_bytes]), context_(ggml_init({n_bytes, bytes_.get(), true})) {
        if (!context_) {
            throw std::bad_alloc();
        }
    }

    ggml_context * get() const { return context_.get(); }

private:
    std::unique_ptr<char[]> bytes_;
    ggml_context_ptr        context_;
};

// The same for a number of tensors that is not known before: it grows by a chunk where the last one is full.
class growing_tensor_memory {
public:
    // A context with room for the next operation; ask again for each. Throws std::bad_alloc, and error beyond n_chunk_max.
    ggml_context * get() {
        if (chunks_.empty() || free_bytes(chunks_.back()) < n_spare * ggml_tensor_overhead()) {
            if (chunks_.size() == n_chunk_max) {
                throw error(OMNI_OUT_OF_MEMORY, "the batch takes over 4 million operations; use a smaller batch_tokens");
            }
            chunks_.emplace_back(n_chunk * ggml_tensor_overhead());
        }
        return chunks_.back().get();
    }

    // Calls visit for each tensor that is described here.
    template <typename F> void for_each(F && visit) const {
        for (const tensor_memory & chunk : chunks_) {
            for (ggml_tensor * t = ggml_get_first_tensor(chunk.get()); t != nullptr; t = ggml_get_next_tensor(chunk.get(), t)) {
                visit(t);
            }
        }
    }

private:
    static constexpr size_t n_chunk = 256; // tensors
    static constexpr size_t n_chunk_max = ((size_t) 1 << 22) / n_chunk;
    // An operation describes one tensor. The others are for those that wait for their arguments, which are operations too.
    static constexpr size_t n_spare = 16;

    static size_t free_bytes(const tensor_memory & chunk) {
        return ggml_get_mem_size(chunk.get()) - ggml_used_mem(chunk.get());
    }

    std::vector<tensor_memory> chunks_;
};

} // namespace omni
