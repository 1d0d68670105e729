// SPDX-License-Identifier: Apache-2.0
// The tensors of one file on one device. On the CPU they are read from the mapping in place; elsewhere they are copied.
#pragma once

#include "ggml-cpp.h"
#include "gguf_file.h"
#include "tensor_memory.h"

#include <memory>
#include <string>
#include <vector>

namespace omni {

class weights {
public:
    weights(const gguf_file & file, ggml_backend_dev_t device);

    // Declares a tensor of the file, to be used once place() has run. Throws load_error naming it where it is absent, of
    // another shape, or of a type that the device can't multiply.

    // n_out rows of n_in elements, of any type of the file.
    ggml_tensor * matrix(const std::string & name, int64_t n_in, int64_t n_out);
    // n elements as float32, however the file stores them; its other dimensions must be 1.
    ggml_tensor * vector(const std::string & name, int64_t n);
    // n_out rows of n_in elements as float32; the file may spread a row over several dimensions.
    ggml_tensor * matrix_f32(const std::string & name, int64_t n_in, int64_t n_out);

    // Maps or copies all declared tensors.
    void place();

    int64_t n_params() const { return n_params_; }
    int64_t n_bytes() const { return n_bytes_; }

private:
    struct placement {
        ggml_tensor *       tensor;
        const gguf_tensor * source;
    };

    const gguf_tensor & require(const std::string & name);
    ggml_tensor * declare(const gguf_tensor & source, ggml_type type, int64_t ne0, int64_t ne1);

    const gguf_file &       file_;
    ggml_backend_dev_t      device_;
    tensor_memory           context_;
    std::vector<placement>  placements_;
    std::vector<ggml_backend_buffer_ptr> buffers_;
    int64_t n_params_ = 0;
    int64_t n_bytes_  = 0;
};

// The float32 values of a tensor of the file.
std::vector<float> to_float(const gguf_tensor & tensor);

} // namespace omni
