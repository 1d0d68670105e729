// SPDX-License-Identifier: Apache-2.0
#include "device.h"

#include "error.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "native_log.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <new>
#include <string>
#include <utility>

namespace omni {

namespace {

// What is left to the backend, which ends the process where its own allocations fail: ggml-cuda's conversions of rows and
// weights and its partial results of attention, which are smaller than the rows that a graph has in memory, and the workspace
// of cuBLAS, 32 MiB on Hopper by default. And a large pass leaves memory to the small ones of the other lane.
constexpr size_t n_byte_backend = (size_t) 64 << 20;
constexpr size_t backend_fraction = 4;

// CUDA has a block of a grid's second dimension for each row of some operations, of which a grid has 65,535.
constexpr int64_t n_row_max = 65535;

size_t usable_memory(size_t n_free) {
    const size_t n_reserved = n_free / backend_fraction + n_byte_backend;
    return n_free - std::min(n_free, n_reserved);
}

ggml_gallocr_ptr make_allocator(ggml_backend_t backend) {
    return ggml_gallocr_ptr(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend)));
}

} // namespace

std::string to_user_name(std::string name) {
    const size_t n_letter = name.find_last_not_of("0123456789") + 1;
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return (char) std::tolower(c); });
    return n_letter < name.size() ? name.insert(n_letter, ":") : name;
}

std::string to_user_name(ggml_backend_dev_t device) { return to_user_name(std::string(ggml_backend_dev_name(device))); }

bool is_vulkan(ggml_backend_dev_t device) {
    return std::strcmp(ggml_backend_reg_name(ggml_backend_dev_backend_reg(device)), "Vulkan") == 0;
}

std::string to_mebibytes(size_t n_byte) { return std::to_string((n_byte + (1 << 20) - 1) >> 20) + " MiB"; }

std::string to_whole_mebibytes(size_t n_byte) { return std::to_string(n_byte >> 20) + " MiB"; }

compute_lane::compute_lane(compute_device & device, priority order, ggml_backend_t backend)
    : device_(device), order_(order), backend_(backend), allocator_(make_allocator(backend)) {}

void compute_lane::allocate(ggml_cgraph * graph) {
    size_t n_byte = 0, n_free = 0;
    while (!allocate_by(allocator_.get(), graph, n_byte, n_free)) {
        // the old one would count on memory that it failed to allocate
        allocator_ = make_allocator(backend_);
        if (kept_.n_graph() > 0) {
            kept_.clear();
            continue;
        }
        if (!device_.is_cpu && device_.release_idle_memory()) {
            continue;
        }
        if (device_.is_cpu) {
            throw std::bad_alloc();
        }
        throw pass_too_large("takes " + to_mebibytes(n_byte) + " to compute on the device " + device_.name() + ", of which " +
                             to_whole_mebibytes(n_free) + " are free and " + to_whole_mebibytes(usable_memory(n_free)) +
                             " may be used; use a smaller input, or device=\"cpu\"");
    }
}

bool compute_lane::release_idle_memory() {
    if (in_pass_ || ggml_gallocr_get_buffer_size(allocator_.get(), 0) == 0) {
        return false;
    }
    allocator_ = make_allocator(backend_);
    return true;
}

ggml_gallocr_ptr compute_lane::allocate_own(ggml_cgraph * graph) const {
    ggml_gallocr_ptr own = make_allocator(backend_);
    size_t           n_byte = 0, n_free = 0;
    return allocate_by(own.get(), graph, n_byte, n_free) ? std::move(own) : nullptr;
}

bool compute_lane::allocate_by(ggml_gallocr_t allocator, ggml_cgraph * graph, size_t & n_byte, size_t & n_free) const {
    if (!device_.is_cpu) {
        ggml_gallocr_reserve_n_size(allocator, graph, nullptr, nullptr, &n_byte);
        if (ggml_gallocr_get_buffer_size(allocator, 0) == 0) { // what it had did not suffice, and has been released
            size_t n_total = 0;
            ggml_backend_dev_memory(device_.device, &n_free, &n_total);
            const bool fits = n_total == 0 || n_byte <= usable_memory(n_free);
            if (!fits || !ggml_gallocr_reserve(allocator, graph)) {
                return false;
            }
        }
    }
    return ggml_gallocr_alloc_graph(allocator, graph);
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
      is_cpu(ggml_backend_dev_type(device_) == GGML_BACKEND_DEVICE_TYPE_CPU), is_vulkan(omni::is_vulkan(device_)),
      threads(runs_kernels() ? n_threads : 1, turns), linear_work(kernels_) {
    for (int i = 0; i < n_priority; i++) {
        if (i == 0 || runs_kernels()) { // two that compute at the same time; otherwise they share one
            add_backend(portable ? n_threads : 1);
        }
        lanes_.emplace_back(*this, (priority) i, backends_.back().get());
    }
}

bool compute_device::release_idle_memory() {
    return std::count_if(lanes_.begin(), lanes_.end(), [](compute_lane & one) { return one.release_idle_memory(); }) > 0;
}

void compute_device::require_rows(int64_t n_row, int64_t n_more, const char * unit) const {
    const int64_t n_most = n_row_max - n_more;
    if (!is_cpu && n_row > n_most) {
        throw pass_too_large("has " + std::to_string(n_row) + " " + unit + ", more than the " + std::to_string(n_most) +
                             " that the device " + name() + " computes at once; split it, or use device=\"cpu\"");
    }
}

void compute_device::add_backend(int n_threads) {
    take_thread_errors();
    backends_.emplace_back(ggml_backend_dev_init(device, nullptr));
    if (!backends_.back()) {
        throw error(OMNI_FAILED, "device " + name() + " could not be started: " + take_thread_errors());
    }
    if (is_cpu) {
        ggml_backend_cpu_set_n_threads(backends_.back().get(), n_threads);
    }
}

compute_pass::compute_pass(compute_lane & lane, cancel_flag cancel) : lane_(lane), cancel_(cancel) {
    lane.device().turns.begin(lane.order(), cancel);
    lane.set_in_pass(true);
}

compute_pass::~compute_pass() {
    lane_.set_in_pass(false);
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
