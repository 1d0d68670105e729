// SPDX-License-Identifier: Apache-2.0
// What the towers share: a device to compute on, and a graph made of linear layers, norms and attention.
#pragma once

#include "attention_plan.h"
#include "ggml-cpp.h"
#include "kernels/kernels.h"
#include "tensor_memory.h"
#include "thread_pool.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

namespace omni {

struct cancelled_error : std::runtime_error {
    cancelled_error() : std::runtime_error("cancelled") {}
};

// The device failed, or computed something that is not finite.
struct compute_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Whether a caller's flag is set, which another thread may do at any time.
inline bool is_set(const volatile int32_t * flag) {
#ifdef _MSC_VER
    return flag != nullptr && *flag != 0; // a volatile read is atomic there
#else
    return flag != nullptr && __atomic_load_n(flag, __ATOMIC_RELAXED) != 0;
#endif
}

// A device with its threads and its compute memory. One computation at a time: hold the mutex for its whole life.
struct compute_device {
    // throws compute_error, std::system_error
    compute_device(ggml_backend_dev_t device, int n_threads, const kernel_set & kernels, bool exact, bool portable);

    bool is_cpu() const { return ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU; }
    bool runs_kernels() const { return is_cpu() && !portable; }
    void renew_allocator();

    ggml_backend_dev_t device;
    ggml_backend_ptr   backend;
    ggml_gallocr_ptr   allocator;
    const kernel_set & kernels;
    bool               exact;    // quantised weights meet float32 rows, never rows of 8 bits
    bool               portable; // ggml's own operations even on the CPU
    thread_pool        threads;  // of the kernels
    std::mutex         mutex;
};

// One computation: describe it, then run it once. All tensors are float32 with the features along the first dimension.
class graph {
public:
    // n_layer layers of up to n_layer_node operations that attend over n_span spans: bounds the memory of their descriptions.
    graph(compute_device & device, size_t n_layer, size_t n_layer_node, size_t n_span, const volatile int32_t * cancel);

    ggml_context * context() const { return context_.get(); }

    // A tensor that `fill` writes before the run.
    ggml_tensor * input(ggml_type type, int64_t ne0, int64_t ne1, std::function<void(void *)> fill);
    // A tensor that the graph itself writes, piece by piece, with write().
    ggml_tensor * buffer(int64_t ne0, int64_t ne1);
    // Copies x into the rows of a buffer from `first` on, before anything that is described later.
    void write(ggml_tensor * buffer, int64_t first, ggml_tensor * x);
    ggml_tensor * rows(ggml_tensor * x, int64_t first, int64_t count) const;

    // weight * x + bias + residual, the latter two where they are given
    ggml_tensor * linear(ggml_tensor * weight, ggml_tensor * x, ggml_tensor * bias = nullptr, ggml_tensor * residual = nullptr);
    ggml_tensor * rms_norm(ggml_tensor * x, ggml_tensor * weight, float epsilon);
    ggml_tensor * layer_norm(ggml_tensor * x, ggml_tensor * weight, ggml_tensor * bias, float epsilon);
    ggml_tensor * gelu_tanh(ggml_tensor * x);
    ggml_tensor * gelu_erf(ggml_tensor * x);
    ggml_tensor * swiglu(ggml_tensor * gate, ggml_tensor * up);

    // How the tokens of a run are turned: see rotary_table.
    struct rotation {
        ggml_tensor * table; // on other devices the coordinates instead
        int           n_axis;
        float         base;
    };
    rotation rotation_of(std::vector<int32_t> coordinates, int n_axis, int head_dim, float base);
    // x: head_dim x n_head x n_token. Each head is normalised first where there is a weight for it.
    ggml_tensor * rotate(ggml_tensor * x, const rotation & by, ggml_tensor * norm_weight = nullptr, float epsilon = 0.0f);

    // q: head_dim x n_head x n_query, k and v: head_dim x n_kv_head x n_key, with contiguous heads. Returns
    // (head_dim * n_head) x n_query. The scale is 1 / sqrt(head_dim).
    ggml_tensor * attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v, std::shared_ptr<attention_plan> plan);

    // Computes `result` and copies it out. Throws cancelled_error, compute_error, std::bad_alloc.
    void run(ggml_tensor * result, float * out);

private:
    using row_function = std::function<void(int64_t row, float * out)>;

    // What a kernel needs beside its tensors, for one run.
    struct kernel_task {
        std::shared_ptr<attention_plan> plan;    // of attention
        row_function                    compute; // of rows
        const ggml_tensor *             bias     = nullptr; // of a linear layer
        const ggml_tensor *             residual = nullptr;
        const linear_product *          product  = nullptr; // of a linear layer, or that rows are quantized for
        int64_t                         n_value  = 0; // of a row that is quantised
        graph *                         owner    = nullptr;
    };
    struct pending_input {
        ggml_tensor *               tensor;
        std::function<void(void *)> fill;
    };

    // A tensor whose rows `compute` writes from those of the arguments.
    ggml_tensor * computed_rows(int64_t ne0, int64_t ne1, std::vector<ggml_tensor *> args, row_function compute);
    ggml_tensor * quantized_rows(ggml_tensor * x, const linear_product & product);
    ggml_tensor * portable_attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v, const attention_plan & plan);
    ggml_tensor * causal_mask(int64_t n_q, int64_t n_kv);
    // The operation is one of these to ggml, which runs them on the calling thread; the kernels share it out.
    ggml_tensor * kernel_op(ggml_type type, int64_t ne0, int64_t ne1, std::vector<ggml_tensor *> args, ggml_custom_op_t op,
                            kernel_task task);
    static void rows_op(ggml_tensor * dst, int, int, void * task);
    static void linear_op(ggml_tensor * dst, int, int, void * task);
    static void attention_op(ggml_tensor * dst, int, int, void * task);
    // work(block, scratch of the thread), unless cancelled
    template <typename F> void run_blocks(int64_t n_block, F && work);

    compute_device &           device_;
    tensor_memory              context_;
    ggml_cgraph *              graph_;
    std::vector<pending_input> inputs_;
    std::deque<kernel_task>    tasks_;
    std::map<ggml_tensor *, row_function>  computed_; // how the rows of a tensor are
    std::map<std::pair<ggml_tensor *, row_format>, ggml_tensor *> quantized_rows_; // of rows that several weights meet
    std::vector<float> scratch_;                      // scratch_size_ for each thread of the kernels
    size_t             scratch_size_  = 0;
    float *            scratch_begin_ = nullptr;
    std::map<std::pair<int64_t, int64_t>, ggml_tensor *> masks_; // one for all layers
    const volatile int32_t *   cancel_;
};

} // namespace omni
