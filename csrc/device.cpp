// SPDX-License-Identifier: Apache-2.0
#include "device.h"

#include "error.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "native_log.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

namespace omni {

compute_lane::compute_lane(compute_device & device, priority order, ggml_backend_t backend)
    : device_(device), order_(order), backend_(backend),
      allocator_(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend))) {}

void compute_lane::allocate(ggml_cgraph * graph) {
    while (!ggml_gallocr_alloc_graph(allocator_.get(), graph)) {
        // the old one would count on memory that it failed to allocate
        allocator_.reset(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend_)));
        if (kept_.n_graph() == 0) {
            throw std::bad_alloc();
        }
        kept_.clear();
    }
}

ggml_gallocr_ptr compute_lane::allocate_own(ggml_cgraph * graph) const {
    ggml_gallocr_ptr own(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend_)));
    return ggml_gallocr_alloc_graph(own.get(), graph) ? std::move(own) : nullptr;
}

void linear_work::add(const linear_operands & layer) {
    const auto    product = std::find(products_.begin(), products_.end(), layer.product);
    const int64_t n_weights = layer.gate != nullptr ? 2 : 1;
    multiply_adds_[product - products_.begin()] += n_weights * layer.n_row * layer.n_in * layer.n_out;
    weight_bytes_ += n_weights * (int64_t) ggml_row_size(layer.type, layer.n_in) * layer.n_out;
}

compute_device::compute_device(ggml_backend_dev_t device_, int n_threads, const kernel_set & kernels_, bool exact_,
                               bool portable_)
    : device(device_), kernels(kernels_), exact(exact_), portable(portable_),
      is_cpu(ggml_backend_dev_type(device_) == GGML_BACKEND_DEVICE_TYPE_CPU), threads(runs_kernels() ? n_threads : 1, turns),
      linear_work(kernels_) {
    for (int i = 0; i < n_priority; i++) {
        if (i == 0 || runs_kernels()) { // two that compute at the same time; otherwise they share one
            add_backend(portable ? n_threads : 1);
        }
        lanes_.emplace_back(*this, (priority) i, backends_.back().get());
    }
}

void compute_device::add_backend(int n_threads) {
    take_thread_errors();
    backends_.emplace_back(ggml_backend_dev_init(device, nullptr));
    if (!backends_.back()) {
        throw error(OMNI_FAILED, std::string("device ") + name() + " could not be started: " + take_thread_errors());
    }
    if (is_cpu) {
        ggml_backend_cpu_set_n_threads(backends_.back().get(), n_threads);
    }
}

compute_pass::compute_pass(compute_lane & lane, cancel_flag cancel) : lane_(lane), cancel_(cancel) {
    lane.device().turns.begin(lane.order(), cancel);
}

compute_pass::~compute_pass() {
    lane_.device().turns.end(lane_.order());
    if (lane_.order() == priority::interactive) {
        lane_.device().threads.resume_background();
    }
}

std::unique_lock<std::mutex> compute_pass::begin_step() {
    compute_device &             device = lane_.device();
    std::unique_lock<std::mutex> lock(device.step_mutex, std::defer_lock);
    for (;;) {
        if (lane_.order() == priority::background) {
            device.turns.wait_as_background(cancel_);
        }
        if (device.runs_kernels()) {
            return lock;
        }
        lock.lock();
        if (lane_.order() == priority::interactive || !device.turns.background_waits() || cancel_.is_set()) {
            return lock;
        }
        lock.unlock(); // an interactive pass has begun while this thread waited for the mutex
    }
}

} // namespace omni
