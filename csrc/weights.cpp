// SPDX-License-Identifier: Apache-2.0
#include "weights.h"

#include "device.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace omni {

namespace {

constexpr size_t n_tensor_each = 3; // of a tensor of the file, at most: with those that it lies in, and that are parts of it

// The least that the specification lets a device have as maxStorageBufferRange, which is how much of a buffer a shader sees. ggml
// does not say how much it is, and of what lies behind it looks up zeros.
constexpr size_t n_vulkan_range = (size_t) 128 << 20;

// Whether a device has the operation that is described; of the tensors only the types and shapes count.
template <typename Describe> bool has_operation(ggml_backend_dev_t device, Describe && describe) {
    tensor_memory memory(8 * ggml_tensor_overhead());
    return ggml_backend_dev_supports_op(device, describe(memory.get()));
}

std::string describe_shape(const gguf_tensor & t) {
    std::string s = "[";
    for (int i = 0; i < t.n_dims; i++) {
        s += (i ? ", " : "") + std::to_string(t.ne[i]);
    }
    return s + "]";
}

} // namespace

std::vector<float> to_float(const gguf_tensor & tensor) {
    std::vector<float> out(tensor.n_elements());
    if (tensor.type == GGML_TYPE_F32) {
        std::memcpy(out.data(), tensor.data, tensor.n_bytes);
    } else {
        ggml_get_type_traits(tensor.type)->to_float(tensor.data, out.data(), (int64_t) out.size());
    }
    return out;
}

weights::weights(std::shared_ptr<const gguf_file> file, ggml_backend_dev_t device)
    : file_(std::move(file)), device_(device),
      context_(ggml_tensor_overhead() * (n_tensor_each * file_->tensors().size() + 1)) {}

// ---- declaring ----------------------------------------------------------------------------------------------------------

const gguf_tensor & weights::require(const std::string & name) const {
    const gguf_tensor * t = file_->find(name);
    if (t == nullptr) {
        throw file_->error("tensor '" + name + "' is missing");
    }
    if (!t->holds_weights()) {
        throw file_->error("tensor '" + name + "' is of type " + ggml_type_name(t->type) + ", which holds no weights");
    }
    return *t;
}

ggml_tensor * weights::declare(const gguf_tensor & source, ggml_type type, int64_t ne0, int64_t ne1) {
    return place_later(ggml_new_tensor_2d(context_.get(), type, ne0, ne1), source);
}

ggml_tensor * weights::place_later(ggml_tensor * tensor, const gguf_tensor & source, int64_t n_times) {
    ggml_set_name(tensor, source.name.c_str());
    placements_.push_back({tensor, &source, n_times});
    n_params_ += source.n_elements();
    n_bytes_ += (int64_t) source.n_bytes;
    return tensor;
}

ggml_tensor * weights::view_rows(ggml_tensor * tensor, int64_t first_row, int64_t n_row) {
    ggml_tensor * part = ggml_view_2d(context_.get(), tensor, tensor->ne[0], n_row, tensor->nb[1], first_row * tensor->nb[1]);
    part->op = GGML_OP_NONE; // to a graph it is a weight
    part->src[0] = nullptr;
    return part;
}

const gguf_tensor & weights::require_matrix(const std::string & name, int64_t n_in, int64_t n_out) const {
    const gguf_tensor & t = require(name);
    if (t.ne[0] != n_in || t.ne[1] != n_out || t.ne[2] != 1 || t.ne[3] != 1) {
        throw file_->error("tensor '" + name + "' has the shape " + describe_shape(t) + ", its keys demand [" +
                           std::to_string(n_in) + ", " + std::to_string(n_out) + "]");
    }
    if (ggml_get_type_traits_cpu(t.type)->vec_dot == nullptr) {
        throw file_->error("tensor '" + name + "' is of type " + ggml_type_name(t.type) + ", which can't be multiplied");
    }
    const auto product = [&](ggml_context * memory) {
        return ggml_mul_mat(memory, ggml_new_tensor_2d(memory, t.type, n_in, n_out),
                            ggml_new_tensor_2d(memory, GGML_TYPE_F32, n_in, 1));
    };
    if (!maps() && !has_operation(device_, product)) {
        throw file_->error("tensor '" + name + "' is of type " + ggml_type_name(t.type) + ", which the device " +
                           to_user_name(device_) + " does not multiply; use device=\"cpu\"");
    }
    return t;
}

void weights::require_attention(int64_t head_dim, int64_t n_head, int64_t n_kv_head) const {
    const auto attention = [&](ggml_context * memory) {
        const int64_t n_key = 256;
        const auto    keys = [&] { return ggml_new_tensor_3d(memory, GGML_TYPE_F16, head_dim, n_key, n_kv_head); };
        return ggml_flash_attn_ext(memory, ggml_new_tensor_3d(memory, GGML_TYPE_F32, head_dim, n_key, n_head), keys(), keys(),
                                   ggml_new_tensor_2d(memory, GGML_TYPE_F16, n_key, n_key), 1.0f, 0.0f, 0.0f);
    };
    if (!maps() && !has_operation(device_, attention)) {
        throw file_->error("it has heads of " + std::to_string(head_dim) + ", for which the device " + to_user_name(device_) +
                           " has no attention; use device=\"cpu\"");
    }
}

ggml_tensor * weights::matrix_f32(const std::string & name, int64_t n_in, int64_t n_out) {
    const gguf_tensor & t = require(name);
    if (t.n_elements() != n_in * n_out || (t.n_dims > 1 && t.ne[t.n_dims - 1] != n_out)) {
        throw file_->error("tensor '" + name + "' has the shape " + describe_shape(t) + ", its keys demand " +
                           std::to_string(n_out) + " rows of " + std::to_string(n_in));
    }
    return declare(t, GGML_TYPE_F32, n_in, n_out);
}

const gguf_tensor & weights::require_vector(const std::string & name, int64_t n) const {
    const gguf_tensor & t = require(name);
    if (t.n_elements() != n) {
        throw file_->error("tensor '" + name + "' has the shape " + describe_shape(t) + ", its keys demand [" +
                           std::to_string(n) + "]");
    }
    return t;
}

ggml_tensor * weights::vector(const std::string & name, int64_t n) {
    return declare(require_vector(name, n), GGML_TYPE_F32, n, 1);
}

linear_layer weights::add_linear(ggml_tensor * matrix) {
    const layer_matrix & m = layer_matrices_.emplace_back(layer_matrix{matrix, {}});
    return {m.tensor, nullptr, &m.packed};
}

linear_layer weights::linear(const std::string & name, int64_t n_in, int64_t n_out) {
    const gguf_tensor & t = require_matrix(name + ".weight", n_in, n_out);
    return add_linear(declare(t, t.type, n_in, n_out));
}

std::vector<linear_layer> weights::linear_side_by_side(const std::vector<std::pair<std::string, int64_t>> & names,
                                                       int64_t                                              n_in) {
    std::vector<const gguf_tensor *> sources;
    sources.reserve(names.size());
    for (const auto & [name, n_out] : names) {
        sources.push_back(&require_matrix(name + ".weight", n_in, n_out));
    }
    std::vector<linear_layer> layers;
    for (size_t first = 0, next = 0; first < names.size(); first = next) {
        const ggml_type type = sources[first]->type;
        int64_t         n_row = 0;
        for (; next < names.size() && sources[next]->type == type && (next == first || !maps()); next++) {
            n_row += names[next].second;
        }
        if (next == first + 1) {
            layers.push_back(add_linear(declare(*sources[first], type, n_in, n_row)));
            continue;
        }
        ggml_tensor * all = ggml_new_tensor_2d(context_.get(), type, n_in, n_row);
        ggml_set_name(all, sources[first]->name.c_str());
        n_row = 0;
        for (size_t i = first; i < next; n_row += names[i++].second) {
            layers.push_back(add_linear(place_later(view_rows(all, n_row, names[i].second), *sources[i])));
        }
    }
    return layers;
}

linear_layer weights::linear_with_bias(const std::string & name, int64_t n_in, int64_t n_out) {
    linear_layer layer = linear(name, n_in, n_out);
    layer.bias = vector(name + ".bias", n_out);
    return layer;
}

linear_layer weights::linear_f32_with_bias(const std::string & name, int64_t n_in, int64_t n_out) {
    return {matrix_f32(name + ".weight", n_in, n_out), vector(name + ".bias", n_out), nullptr};
}

norm_layer weights::rms_norm(const std::string & name, int64_t n) { return {vector(name + ".weight", n), nullptr}; }

void weights::rms_norms_of_heads(head_layers & heads, const std::string & q_name, const std::string & k_name,
                                 int64_t head_dim) {
    if (!are_side_by_side(heads.q, heads.k)) {
        heads.q_norm = rms_norm(q_name, head_dim);
        heads.k_norm = rms_norm(k_name, head_dim);
        return;
    }
    const int64_t n_q = heads.q.weight->ne[1] / head_dim, n_k = heads.k.weight->ne[1] / head_dim;
    ggml_tensor * all = ggml_new_tensor_2d(context_.get(), GGML_TYPE_F32, head_dim, n_q + n_k);
    place_later(view_rows(all, 0, n_q), require_vector(q_name + ".weight", head_dim), n_q);
    place_later(view_rows(all, n_q, n_k), require_vector(k_name + ".weight", head_dim), n_k);
    heads.q_norm = {view_rows(all, 0, 1), nullptr};
    heads.k_norm = {view_rows(all, n_q, 1), nullptr};
    heads.qk_norm = {all, nullptr};
}

norm_layer weights::layer_norm(const std::string & name, int64_t n) {
    return {vector(name + ".weight", n), vector(name + ".bias", n)};
}

bool can_look_up_rows(ggml_backend_dev_t device, ggml_type type, int64_t n_in, int64_t n_row) {
    const size_t n_most = ggml_backend_buft_get_max_size(ggml_backend_dev_buffer_type(device));
    const auto   look_up = [&](ggml_context * memory) {
        return ggml_get_rows(memory, ggml_new_tensor_2d(memory, type, n_in, n_row),
                             ggml_new_tensor_1d(memory, GGML_TYPE_I32, 1));
    };
    return ggml_row_size(type, n_in) * n_row <= (is_vulkan(device) ? std::min(n_most, n_vulkan_range) : n_most) &&
           has_operation(device, look_up);
}

ggml_tensor * weights::lookup_table(const std::string & name) {
    const gguf_tensor & t = require(name);
    if (maps() || !can_look_up_rows(device_, t.type, t.ne[0], t.ne[1])) {
        return nullptr;
    }
    size_t n_byte = 0, n_free = 0, n_total = 0;
    for (const gguf_tensor & one : file_->tensors()) {
        n_byte += one.n_bytes;
    }
    ggml_backend_dev_memory(device_, &n_free, &n_total);
    const bool fits = n_total == 0 || n_byte <= n_free / 4 * 3; // with memory to compute with
    return fits ? declare(t, t.type, t.ne[0], t.ne[1]) : nullptr;
}

// ---- placing ------------------------------------------------------------------------------------------------------------

// Lets the tensors that keep their type lie where they are in the file, with a buffer for each of its parts.
void weights::map() {
    for (const mapped_file * part : file_->parts()) {
        buffers_.emplace_back(
            ggml_backend_dev_buffer_from_host_ptr(device_, const_cast<uint8_t *>(part->base()), part->size(), part->size()));
        if (!buffers_.back()) {
            throw std::bad_alloc();
        }
    }
    for (const placement & p : placements_) {
        if (!p.converts() && ggml_backend_tensor_alloc(buffers_[p.source->i_part].get(), p.tensor,
                                                       const_cast<uint8_t *>(p.source->data)) != GGML_STATUS_SUCCESS) {
            throw file_->error("tensor '" + p.source->name + "' could not be mapped");
        }
    }
}

ggml_backend_buffer_ptr weights::allocate() const {
    ggml_backend_buffer_type_t memory = ggml_backend_dev_buffer_type(device_);
    const std::string          on_device = " on the device " + to_user_name(device_);
    const size_t               n_most = ggml_backend_buft_get_max_size(memory);
    for (ggml_tensor * t = ggml_get_first_tensor(context_.get()); t != nullptr; t = ggml_get_next_tensor(context_.get(), t)) {
        if (t->data == nullptr && t->view_src == nullptr && ggml_nbytes(t) > n_most) {
            throw file_->error(std::string("tensor '") + t->name + "' takes " + to_mebibytes(ggml_nbytes(t)) + on_device +
                               ", which has buffers of " + to_mebibytes(n_most) + " at most; use device=\"cpu\"");
        }
    }
    ggml_backend_buffer_ptr buffer(ggml_backend_alloc_ctx_tensors_from_buft(context_.get(), memory));
    if (buffer) {
        return buffer;
    }
    if (maps()) {
        throw std::bad_alloc();
    }
    size_t n_free = 0, n_total = 0;
    ggml_backend_dev_memory(device_, &n_free, &n_total);
    throw file_->error("the weights take " +
                       to_mebibytes(ggml_backend_alloc_ctx_tensors_from_buft_size(context_.get(), memory)) + on_device +
                       ", of which " + to_whole_mebibytes(n_free) + " are free; use a smaller quantisation or device=\"cpu\"");
}

void weights::copy(const placement & p) {
    const std::vector<float> values = p.converts() ? to_float(*p.source) : std::vector<float>();
    const void *             data = p.converts() ? static_cast<const void *>(values.data()) : p.source->data;
    const size_t             n_byte = ggml_nbytes(p.tensor) / p.n_times;
    for (int64_t i = 0; i < p.n_times; i++) {
        ggml_backend_tensor_set(p.tensor, data, i * n_byte, n_byte);
    }
}

void weights::place() {
    if (maps()) {
        map();
    }
    std::vector<placement> rest = placements_;
    rest.erase(std::remove_if(rest.begin(), rest.end(), [](const placement & p) { return p.tensor->data != nullptr; }),
               rest.end());
    if (!rest.empty()) {
        buffers_.push_back(allocate());
        for (const placement & p : rest) {
            copy(p);
        }
    }
    for (const ggml_backend_buffer_ptr & buffer : buffers_) {
        ggml_backend_buffer_set_usage(buffer.get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
    }
}

// ---- packing ------------------------------------------------------------------------------------------------------------

int64_t weights::pack(compute_device & device) {
    struct job {
        layer_matrix *         matrix;
        const linear_product * product;
        size_t                 panel_size;
        size_t                 first; // byte in the packed memory

        int64_t n_panel() const { return matrix->tensor->ne[1] / product->packing->n_column; }
    };
    std::vector<job> jobs;
    size_t           n_byte = 0;
    if (device.runs_kernels()) {
        for (layer_matrix & m : layer_matrices_) {
            const ggml_tensor *    t = m.tensor;
            const linear_product * product = choose_product(device.kernels, device.exact, t->type, t->ne[0], t->ne[1]);
            const weight_packing * packing = product != nullptr ? product->packing : nullptr;
            const size_t           panel_size = packing != nullptr ? packing->panel_size(t->type, t->ne[0]) : 0;
            if (panel_size > 0) {
                n_byte += panel_size * jobs.emplace_back(job{&m, product, panel_size, n_byte}).n_panel();
            }
        }
    }
    if (jobs.empty()) {
        return 0;
    }
    packed_memory packed(n_byte);
    for (layer_matrix & m : layer_matrices_) {
        m.packed = {}; // what was packed before, perhaps for another context
    }
    packed_ = std::move(packed);
    uint8_t * memory = packed_.data();
    for (const job & j : jobs) {
        const ggml_tensor * t = j.matrix->tensor;
        const auto *        columns = static_cast<const uint8_t *>(t->data);
        const size_t        source_size = j.product->packing->n_column * t->nb[1];
        device.threads.run(priority::background, (int32_t) j.n_panel(), cancel_flag(nullptr), [&](int, int32_t i) {
            j.product->packing->pack_panel(t->type, t->ne[0], columns + i * source_size, memory + j.first + i * j.panel_size);
        });
        j.matrix->packed = {j.product, memory + j.first};
    }
    file_->release_pages();
    return (int64_t) n_byte;
}

} // namespace omni
