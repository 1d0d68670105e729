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
#include <utility>
#include <vector>

namespace omni {

struct compute_device;

class weights {
public:
    weights(std::shared_ptr<const gguf_file> file, ggml_backend_dev_t device);

    // These declare tensors of the file, to be used once place() has run: "<name>.weight", and "<name>.bias" where a layer has
    // one. They throw error, which names the tensor, where it is absent, of another shape, or of a type that can't be multiplied
    // on the device.

    linear_layer linear(const std::string & name, int64_t n_in, int64_t n_out);
    linear_layer linear_with_bias(const std::string & name, int64_t n_in, int64_t n_out);
    // Layers of the same input. Where tensors are copied, those of one type that follow each other lie side by side, so that a
    // graph can multiply them at once.
    std::vector<linear_layer> linear_side_by_side(const std::vector<std::pair<std::string, int64_t>> & names, int64_t n_in);
    // With float32 weights, however the file stores them; it may spread a row over several dimensions.
    linear_layer linear_f32_with_bias(const std::string & name, int64_t n_in, int64_t n_out);
    norm_layer   rms_norm(const std::string & name, int64_t n);
    norm_layer   layer_norm(const std::string & name, int64_t n);
    // Declares the norms of heads whose layers are declared.
    void rms_norms_of_heads(head_layers & heads, const std::string & q_name, const std::string & k_name, int64_t head_dim);

    // One tensor by its whole name: n_out rows of n_in elements as float32.
    ggml_tensor * matrix_f32(const std::string & name, int64_t n_in, int64_t n_out);

    // Throws error where the device has no attention of such heads.
    void require_attention(int64_t head_dim, int64_t n_head, int64_t n_kv_head) const;

    // A tensor whose rows the device looks up. Null, and not declared: on the CPU, where the file is read instead, where the
    // device can't, and where there is too little memory for it.
    ggml_tensor * lookup_table(const std::string & name);

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
        const gguf_tensor * source;  // in file_
        int64_t             n_times; // that the tensor holds it, one after the other

        bool converts() const { return tensor->type != source->type; }
    };

    struct layer_matrix {
        ggml_tensor * tensor = nullptr;
        packed_matrix packed;
    };

    bool                maps() const { return ggml_backend_dev_type(device_) == GGML_BACKEND_DEVICE_TYPE_CPU; }
    const gguf_tensor & require_matrix(const std::string & name, int64_t n_in, int64_t n_out) const;
    linear_layer        add_linear(ggml_tensor * matrix);
    // A part of a tensor, which is placed itself.
    ggml_tensor *           view_rows(ggml_tensor * tensor, int64_t first_row, int64_t n_row);
    ggml_tensor *           place_later(ggml_tensor * tensor, const gguf_tensor & source, int64_t n_times = 1);
    ggml_tensor *           vector(const std::string & name, int64_t n);
    const gguf_tensor &     require(const std::string & name) const;
    const gguf_tensor &     require_vector(const std::string & name, int64_t n) const;
    ggml_tensor *           declare(const gguf_tensor & source, ggml_type type, int64_t ne0, int64_t ne1);
    void                    map();
    ggml_backend_buffer_ptr allocate() const; // for the tensors that lie nowhere yet; throws error
    static void             copy(const placement & p);

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

// Whether a device looks up rows of a tensor of that type and size.
bool can_look_up_rows(ggml_backend_dev_t device, ggml_type type, int64_t n_in, int64_t n_row);

// The float32 values of a tensor of the file.
std::vector<float> to_float(const gguf_tensor & tensor);

} // namespace omni
