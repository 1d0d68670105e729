// SPDX-License-Identifier: Apache-2.0
#include "device.h"

#include "error.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "native_log.h"

#include <string>

namespace omni {

compute_device::compute_device(ggml_backend_dev_t device_, int n_threads, const kernel_set & kernels_, bool exact_,
                               bool portable_)
    : device(device_), kernels(kernels_), exact(exact_), portable(portable_), threads(runs_kernels() ? n_threads : 1) {
    take_thread_errors();
    backend.reset(ggml_backend_dev_init(device, nullptr));
    if (!backend) {
        throw error(OMNI_FAILED, std::string("device ") + name() + " could not be started: " + take_thread_errors());
    }
    if (is_cpu()) {
        ggml_backend_cpu_set_n_threads(backend.get(), portable ? n_threads : 1);
    }
    renew_allocator();
}

void compute_device::renew_allocator() {
    allocator.reset(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend.get())));
}

} // namespace omni
