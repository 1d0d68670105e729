// SPDX-License-Identifier: Apache-2.0
// The tensors of one file on one device. On the CPU they are read from the mapping in place; elsewhere they are copied.
#pragma once

#include "ggml-cpp.h"
#include "gguf_file.h"
#include "layers.h"
#include "packed_memory.h"
#include "tensor_memory.h"

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace omni {

struct compute_device;

class weights {
public:
    weights(std::shared_ptr<const gguf_file> file, ggml_backend_dev_t device);

    // These declare tensors of the file, to be used once place() has run: "<name>.weight", and "<name>.bias" where a layer has
    // one. They throw error, which names the tensor, where it is absent, of another shape, or of a type that can't be multiplied.

    linear_layer linear(const std::string & name, int64_t n_in, int64_t n_out);
    linear_layer linear_with_bias(const std::string & name, int64_t n_in, int64_t n_out);
    // With float32 weights, however the file stores them; it may spread a row over several dimensions.
    linear_layer linear_f32_with_bias(const std::string & name, int64_t n_in, int64_t n_out);
    norm_layer   rms_norm(const std::string & name, int64_t n);
    norm_layer   layer_norm(const std::string & name, int64_t n);

    // One tensor by its whole name: n_out rows of n_in elements as float32.
    ggml_tensor * matrix_f32(const std::string & name, int64_t n_in, int64_t n_out);

    // Maps or copies all declared tensors.
    void place();

    // Keeps the matrices of linear layers in memory too, as the products of the device pack them; those that none packs are
    // still read from the file. Returns the bytes that this takes. Not while they are computed with. Throws std::bad_alloc.
    int64_t pack(compute_device & device);

    int64_t n_params() const { return n_params_; }
    int64_t n_bytes() const { return n_bytes_; }

private:
    struct placement {
        ggml_tensor *       tensor;
        const gguf_tensor * source; // in file_

        bool converts() const { return tensor->type != source->type; }
    };

    struct layer_matrix {
        ggml_tensor * tensor = nullptr;
        packed_matrix packed;
    };

    ggml_tensor *       matrix(const std::string & name, int64_t n_in, int64_t n_out);
    ggml_tensor *       vector(const std::string & name, int64_t n);
    const gguf_tensor & require(const std::string & name) const;
    ggml_tensor *       declare(const gguf_tensor & source, ggml_type type, int64_t ne0, int64_t ne1);
    void                map();
    static void         copy(const placement & p);

    std::shared_ptr<const gguf_file>     file_; // holds the mapping that tensors lie in
    ggml_backend_dev_t                   device_;
    tensor_memory                        context_;
    std::vector<placement>               placements_;
    std::deque<layer_matrix>             layer_matrices_; // that layers refer to
    std::vector<ggml_backend_buffer_ptr> buffers_;
    packed_memory                        packed_;
    int64_t                              n_params_ = 0;
    int64_t                              n_bytes_ = 0;
};

// The float32 values of a tensor of the file.
std::vector<float> to_float(const gguf_tensor & tensor);

} // namespace omni
