// A device for tests, by ggml: the CPU or another, with lanes and turns of its own.
#pragma once

#include "device.h"
#include "ggml-cpu.h"

inline const omni::kernel_set no_kernels{}; // no test computes with them

struct test_device : omni::compute_device {
    explicit test_device(int n_threads = 1, bool portable = false,
                         ggml_backend_dev_t device = ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0))
        : compute_device(device, n_threads, no_kernels, false, portable) {}
};
