// SPDX-License-Identifier: Apache-2.0
// A device that computes, with its threads and its compute memory.
#pragma once

#include "cancel_flag.h"
#include "ggml-cpp.h"
#include "kept_graphs.h"
#include "kernels/kernels.h"
#include "piece_rate.h"
#include "thread_pool.h"
#include "turns.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace omni {

struct compute_device;

// The name by which users choose a device: ggml's "CUDA0" is "cuda:0"; a name without number stays whole.
std::string to_user_name(std::string name);
std::string to_user_name(ggml_backend_dev_t device);

bool is_vulkan(ggml_backend_dev_t device); // whatever its driver

// For messages: what is taken, and what there is.
std::string to_mebibytes(size_t n_byte);       // rounded up
std::string to_whole_mebibytes(size_t n_byte); // rounded down

// What the linear layers of a device have computed so far.
class linear_work {
public:
    explicit linear_work(const kernel_set & kernels)
        : products_(kernels.products), multiply_adds_(products_.end() - products_.begin()) {}

    void    add(const linear_operands & layer);
    int64_t multiply_adds(int product) const { return multiply_adds_[product]; } // with that product of the kernels
    int64_t weight_bytes() const { return weight_bytes_; }                       // counted once for a layer of a pass

private:
    linear_products                   products_;
    std::vector<std::atomic<int64_t>> multiply_adds_;
    std::atomic<int64_t>              weight_bytes_{0};
};

// What the passes of one priority are computed with, one at a time.
class compute_lane {
public:
    compute_lane(compute_device & device, priority order, ggml_backend_t backend);

    compute_device & device() const { return device_; }
    priority         order() const { return order_; }
    ggml_backend_t   backend() const { return backend_; }

    kept_graphs & kept() { return kept_; } // on a device without our kernels

    // Memory for the tensors of a graph until the next is allocated. What is kept makes room for it where there is too little.
    // Throws std::bad_alloc on a CPU, elsewhere pass_too_large.
    void allocate(ggml_cgraph * graph);

    // The same that is the graph's own. Null: there is too little.
    ggml_gallocr_ptr allocate_own(ggml_cgraph * graph) const;

    // The memory of the last pass, if none is computed. Returns whether there was any. To be called in a step.
    bool release_idle_memory();

    void set_in_pass(bool value) { in_pass_ = value; } // before and after all steps of a pass

private:
    // False where there is too little: the graph takes n_byte then, and the device has n_free.
    bool allocate_by(ggml_gallocr_t allocator, ggml_cgraph * graph, size_t & n_byte, size_t & n_free) const;

    compute_device &  device_;
    priority          order_;
    ggml_backend_t    backend_;
    ggml_gallocr_ptr  allocator_;
    std::atomic<bool> in_pass_{false};
    kept_graphs       kept_;
};

// With our kernels, a pass of each lane is computed at the same time, and the threads turn to the interactive one. Otherwise one
// step of a pass is computed at a time.
struct compute_device {
    // Throws error, std::system_error.
    compute_device(ggml_backend_dev_t device, int n_threads, const kernel_set & kernels, bool exact, bool portable);

    bool           runs_kernels() const { return is_cpu && !portable; }
    std::string    name() const { return to_user_name(device); }
    compute_lane & lane(priority of) { return lanes_[(size_t) of]; }
    bool           release_idle_memory(); // of its lanes

    // Throws pass_too_large where so many rows, and n_more that are no part of the inputs, are too many for an accelerator.
    void require_rows(int64_t n_row, int64_t n_more, const char * unit) const;

    ggml_backend_dev_t device;
    const kernel_set & kernels;
    bool               exact;    // quantised weights meet float32 rows, never integers, and so do keys and values
    bool               portable; // ggml's own operations even on the CPU
    bool               is_cpu;   // asked once, since the drivers of other devices take long to answer
    bool               is_vulkan;
    omni::turns        turns;
    thread_pool        threads;     // of the kernels
    omni::linear_work  linear_work; // by the kernels
    std::mutex         step_mutex;  // without our kernels: held by each step
    piece_rate         rate;        // without our kernels: guarded by step_mutex

private:
    void add_backend(int n_threads);

    std::vector<ggml_backend_ptr> backends_;
    std::deque<compute_lane>      lanes_; // which do not move
};

// One pass of a lane, while it lives.
class compute_pass {
public:
    compute_pass(compute_lane & lane, cancel_flag cancel);
    ~compute_pass();
    compute_pass(const compute_pass &) = delete;
    compute_pass & operator=(const compute_pass &) = delete;

    // Runs what uses the backend for a short time; an interactive pass goes between two steps of the background.
    template <typename F> void step(F && body) {
        const std::unique_lock<std::mutex> lock = begin_step();
        body();
    }

private:
    std::unique_lock<std::mutex> begin_step();

    compute_lane & lane_;
    cancel_flag    cancel_;
};

} // namespace omni
