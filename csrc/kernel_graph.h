// SPDX-License-Identifier: Apache-2.0
// A graph on the CPU whose operations are our kernels where there is one. To ggml such an operation runs on the calling thread;
// its kernel shares the work out to the threads of the device.
#pragma once

#include "graph.h"

#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace omni {

class kernel_graph final : public graph {
public:
    using graph::graph;

    ggml_tensor * linear(const linear_layer & layer, ggml_tensor * x, ggml_tensor * residual) override;
    ggml_tensor * rms_norm(ggml_tensor * x, const norm_layer & norm, float epsilon) override;
    ggml_tensor * layer_norm(ggml_tensor * x, const norm_layer & norm, float epsilon) override;
    ggml_tensor * gelu_tanh(ggml_tensor * x) override;
    ggml_tensor * gelu_erf(ggml_tensor * x) override;
    ggml_tensor * swiglu(ggml_tensor * gate, ggml_tensor * up) override;
    rotation      make_rotation(std::vector<int32_t> coordinates, int n_axis, int head_dim, float base) override;
    ggml_tensor * rotate(ggml_tensor * x, const rotation & by, const norm_layer & norm, float epsilon) override;
    ggml_tensor * attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v,
                            const std::shared_ptr<const attention_layout> & layout) override;
    void          run(ggml_tensor * result, float * out) override;

private:
    using operation    = std::function<void(ggml_tensor * dst)>;
    using row_function = std::function<void(int64_t row, float * out)>;

    const kernel_set & kernels() const { return device().kernels; }

    // A tensor that `compute` writes when the graph runs, from the arguments among other things.
    ggml_tensor * add_operation(ggml_type type, int64_t ne0, int64_t ne1, std::vector<ggml_tensor *> args, operation compute);
    // A tensor whose rows `compute` writes from those of the arguments.
    ggml_tensor * add_rows(int64_t ne0, int64_t ne1, std::vector<ggml_tensor *> args, row_function compute);
    // The rows of x in a format of linear layers.
    ggml_tensor * quantized_rows(ggml_tensor * x, row_format format);

    // Calls work(block, scratch of the thread) for each block, unless cancelled.
    template <typename F> void run_blocks(int64_t n_block, F && work);
    // Calls work(row, where it begins, scratch of the thread) for each row of dst.
    template <typename F> void run_rows(ggml_tensor * dst, F && work);

    std::deque<operation> operations_;
    std::map<const ggml_tensor *, row_function> row_functions_; // what writes the rows of a tensor
    std::map<std::pair<ggml_tensor *, row_format>, ggml_tensor *> quantized_; // several linear layers may take the same
    std::vector<float> scratch_;                // scratch_size_ for each thread
    size_t             scratch_size_  = 0;
    float *            scratch_begin_ = nullptr;
};

} // namespace omni
