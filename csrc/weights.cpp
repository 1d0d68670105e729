// SPDX-License-Identifier: Apache-2.0
#include "weights.h"

#include "ggml-backend.h"
#include "ggml-cpu.h"

#include <cstring>
#include <new>

namespace omni {

namespace {

std::string shape_text(const gguf_tensor & t) {
    std::string s = "[";
    for (int i = 0; i < t.n_dims; i++) {
        s += (i ? ", " : "") + std::to_string(t.ne[i]);
    }
    return s + "]";
}

int64_t n_elements(const gguf_tensor & t) { return t.ne[0] * t.ne[1] * t.ne[2] * t.ne[3]; }

} // namespace

std::vector<float> to_float(const gguf_tensor & tensor) {
    std::vector<float> out(n_elements(tensor));
    if (tensor.type == GGML_TYPE_F32) {
        std::memcpy(out.data(), tensor.data, tensor.n_bytes);
    } else {
        ggml_get_type_traits(tensor.type)->to_float(tensor.data, out.data(), (int64_t) out.size());
    }
    return out;
}

weights::weights(const gguf_file & file, ggml_backend_dev_t device)
    : file_(file), device_(device), context_(ggml_tensor_overhead() * (file.tensors().size() + 1)) {}

const gguf_tensor & weights::require(const std::string & name) {
    const gguf_tensor * t = file_.find(name);
    if (t == nullptr) {
        throw file_.error("tensor '" + name + "' is missing");
    }
    if (t->type != GGML_TYPE_F32 && ggml_get_type_traits(t->type)->to_float == nullptr) {
        throw file_.error("tensor '" + name + "' is of type " + ggml_type_name(t->type) + ", which holds no weights");
    }
    return *t;
}

ggml_tensor * weights::declare(const gguf_tensor & source, ggml_type type, int64_t ne0, int64_t ne1) {
    ggml_tensor * tensor = ggml_new_tensor_2d(context_.get(), type, ne0, ne1);
    ggml_set_name(tensor, source.name.c_str());
    placements_.push_back({tensor, &source});
    n_params_ += n_elements(source);
    n_bytes_  += (int64_t) source.n_bytes;
    return tensor;
}

ggml_tensor * weights::matrix(const std::string & name, int64_t n_in, int64_t n_out) {
    const gguf_tensor & t = require(name);
    if (t.ne[0] != n_in || t.ne[1] != n_out || t.ne[2] != 1 || t.ne[3] != 1) {
        throw file_.error("tensor '" + name + "' has the shape " + shape_text(t) + ", its keys demand [" +
                          std::to_string(n_in) + ", " + std::to_string(n_out) + "]");
    }
    if (ggml_get_type_traits_cpu(t.type)->vec_dot == nullptr) {
        throw file_.error("tensor '" + name + "' is of type " + ggml_type_name(t.type) + ", which can't be multiplied");
    }
    return declare(t, t.type, n_in, n_out);
}

ggml_tensor * weights::matrix_f32(const std::string & name, int64_t n_in, int64_t n_out) {
    const gguf_tensor & t = require(name);
    if (n_elements(t) != n_in * n_out || (t.n_dims > 1 && t.ne[t.n_dims - 1] != n_out)) {
        throw file_.error("tensor '" + name + "' has the shape " + shape_text(t) + ", its keys demand " +
                          std::to_string(n_out) + " rows of " + std::to_string(n_in));
    }
    return declare(t, GGML_TYPE_F32, n_in, n_out);
}

ggml_tensor * weights::vector(const std::string & name, int64_t n) {
    const gguf_tensor & t = require(name);
    if (n_elements(t) != n) {
        throw file_.error("tensor '" + name + "' has the shape " + shape_text(t) + ", its keys demand [" +
                          std::to_string(n) + "]");
    }
    return declare(t, GGML_TYPE_F32, n, 1);
}

void weights::place() {
    const bool in_place = ggml_backend_dev_type(device_) == GGML_BACKEND_DEVICE_TYPE_CPU;
    if (in_place) {
        buffers_.emplace_back(ggml_backend_dev_buffer_from_host_ptr(device_, const_cast<uint8_t *>(file_.base()),
                                                                    file_.size(), file_.size()));
        if (!buffers_.back()) {
            throw std::bad_alloc();
        }
        for (const placement & p : placements_) {
            if (p.tensor->type == p.source->type &&
                ggml_backend_tensor_alloc(buffers_.back().get(), p.tensor, const_cast<uint8_t *>(p.source->data)) !=
                    GGML_STATUS_SUCCESS) {
                throw file_.error("tensor '" + p.source->name + "' could not be mapped");
            }
        }
    }
    // what is not mapped: converted tensors, and everything on other devices
    bool rest = false;
    for (const placement & p : placements_) {
        rest = rest || p.tensor->data == nullptr;
    }
    if (rest) {
        buffers_.emplace_back(ggml_backend_alloc_ctx_tensors_from_buft(context_.get(), ggml_backend_dev_buffer_type(device_)));
        if (!buffers_.back()) {
            throw std::bad_alloc();
        }
        for (const placement & p : placements_) {
            if (in_place && p.tensor->type == p.source->type) {
                continue;
            }
            if (p.tensor->type == p.source->type) {
                ggml_backend_tensor_set(p.tensor, p.source->data, 0, p.source->n_bytes);
            } else {
                const std::vector<float> values = to_float(*p.source);
                ggml_backend_tensor_set(p.tensor, values.data(), 0, values.size() * sizeof(float));
            }
        }
    }
    for (const ggml_backend_buffer_ptr & buffer : buffers_) {
        ggml_backend_buffer_set_usage(buffer.get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
    }
}

} // namespace omni
