// An accelerator for tests: the CPU by ggml, as a device of another type with memory that is not the host's. So the library copies
// weights and inputs to it, and computes with the operations of ggml.
#pragma once

#include "ggml-backend-impl.h"
#include "ggml-cpu.h"

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

struct test_accelerator {
    test_accelerator();
    test_accelerator(const test_accelerator &) = delete;
    test_accelerator & operator=(const test_accelerator &) = delete;

    ggml_backend_dev_t get() { return &device_; }

    // Of these that many more succeed, where it is not negative.
    int64_t n_allocation = -1;
    int64_t n_graph = -1;

    size_t n_byte_max = SIZE_MAX; // of a buffer
    size_t n_memory = SIZE_MAX;   // that it says to have, which its buffers take of
    size_t n_byte_live = 0;       // of the buffers that there are

    std::function<void()> before_graph; // called where it is set
    void                  be_vulkan();  // by its name

    std::function<bool(const ggml_tensor *)> lacks; // whether it lacks an operation, where it is set

    int64_t n_submit = 0; // graphs
    int64_t n_replay = 0; // of these, those that were submitted before, with tensors where they lay then

    // Whether nothing is written to its memory, and graphs are counted instead of computed.
    bool    is_hollow = false;
    int64_t n_kernel = 0; // operations that are no views, in graphs that were counted
    int64_t n_byte = 0;   // of all memory that was allocated

    // Counts a graph as CUDA does, which replays what it has recorded of one if nothing has moved.
    void record(ggml_cgraph * graph);

private:
    std::map<uint64_t, std::vector<const void *>> recorded_; // by the id of a graph: its tensors and where their data lie

    ggml_backend_device      device_;
    ggml_backend_buffer_type memory_;
    ggml_backend_reg         registry_;
};
