// SPDX-License-Identifier: Apache-2.0
// What describes tensors and graphs, without their data, in memory of ours: ggml_init aborts where it finds none itself.
#pragma once

#include "ggml-cpp.h"

#include <memory>
#include <new>

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

} // namespace omni
