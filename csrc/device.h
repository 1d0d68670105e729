// SPDX-License-Identifier: Apache-2.0
// A device that computes, with its threads and its compute memory.
#pragma once

#include "ggml-cpp.h"
#include "kernels/kernels.h"
#include "thread_pool.h"

#include <mutex>

namespace omni {

// One computation at a time: hold the mutex for as long as it takes.
struct compute_device {
    // Throws error, std::system_error.
    compute_device(ggml_backend_dev_t device, int n_threads, const kernel_set & kernels, bool exact, bool portable);

    bool         is_cpu() const { return ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU; }
    bool         runs_kernels() const { return is_cpu() && !portable; }
    const char * name() const { return ggml_backend_dev_name(device); }
    void         renew_allocator();

    ggml_backend_dev_t device;
    ggml_backend_ptr   backend;
    ggml_gallocr_ptr   allocator;
    const kernel_set & kernels;
    bool               exact;    // quantised weights meet float32 rows, never rows of 8 or 14 bits
    bool               portable; // ggml's own operations even on the CPU
    thread_pool        threads;  // of the kernels
    std::mutex         mutex;
};

} // namespace omni
