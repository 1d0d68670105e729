#include "accelerator.h"

#include "ggml-impl.h" // ggml_op_is_empty

#include <algorithm>
#include <utility>

namespace {

test_accelerator & owner(ggml_backend_dev_t device) { return *static_cast<test_accelerator *>(device->context); }

bool passes(int64_t & n_left) { return n_left < 0 || n_left-- > 0; }

const char * name(ggml_backend_dev_t) { return "test0"; }

const char * memory_name(ggml_backend_buffer_type_t) { return "test"; }

void drop_values(ggml_backend_buffer_t, ggml_tensor *, const void *, size_t, size_t) {}

void (*free_on_cpu)(ggml_backend_buffer_t);

void release(ggml_backend_buffer_t buffer) {
    owner(buffer->buft->device).n_byte_live -= buffer->size;
    free_on_cpu(buffer);
}

void get_memory(ggml_backend_dev_t device, size_t * n_free, size_t * n_total) {
    const test_accelerator & of = owner(device);
    *n_total = of.n_memory;
    *n_free = of.n_memory - std::min(of.n_memory, of.n_byte_live);
}

ggml_backend_buffer_t allocate(ggml_backend_buffer_type_t memory, size_t n_byte) {
    test_accelerator & of = owner(memory->device);
    if (!passes(of.n_allocation)) {
        return nullptr;
    }
    ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), n_byte);
    if (buffer != nullptr) {
        buffer->buft = memory;
        of.n_byte += (int64_t) n_byte;
        of.n_byte_live += buffer->size;
        free_on_cpu = buffer->iface.free_buffer;
        buffer->iface.free_buffer = release;
        if (of.is_hollow) {
            buffer->iface.set_tensor = drop_values;
        }
    }
    return buffer;
}

size_t alignment(ggml_backend_buffer_type_t) { return 64; }

size_t max_size(ggml_backend_buffer_type_t memory) { return owner(memory->device).n_byte_max; }

bool is_host(ggml_backend_buffer_type_t) { return false; }

ggml_status compute(ggml_backend_t backend, ggml_cgraph * graph) {
    test_accelerator & of = owner(backend->device);
    if (of.before_graph) {
        of.before_graph();
    }
    if (!passes(of.n_graph)) {
        return GGML_STATUS_FAILED;
    }
    of.record(graph);
    if (of.is_hollow) {
        for (int i = 0; i < ggml_graph_n_nodes(graph); i++) {
            of.n_kernel += ggml_op_is_empty(ggml_graph_node(graph, i)->op) ? 0 : 1;
        }
        return GGML_STATUS_SUCCESS;
    }
    ggml_backend_t cpu = ggml_backend_cpu_init();
    ggml_backend_cpu_set_n_threads(cpu, 1); // on a busy machine several wait for each other at each operation
    const ggml_status status = ggml_backend_graph_compute(cpu, graph);
    ggml_backend_free(cpu);
    return status;
}

const char * backend_name(ggml_backend_t) { return "test"; }

void free_backend(ggml_backend_t backend) { delete backend; }

ggml_backend_t start(ggml_backend_dev_t device, const char *) {
    static ggml_guid guid = {0x74, 0x65, 0x73, 0x74};
    ggml_backend_i   interface = {};
    interface.get_name = backend_name;
    interface.free = free_backend;
    interface.graph_compute = compute;
    return new ggml_backend{&guid, interface, device, nullptr};
}

bool supports(ggml_backend_dev_t device, const ggml_tensor * operation) {
    return !owner(device).lacks || !owner(device).lacks(operation);
}

} // namespace

void test_accelerator::be_vulkan() {
    registry_.iface.get_name = [](ggml_backend_reg_t) { return "Vulkan"; };
    device_.reg = &registry_;
}

void test_accelerator::record(ggml_cgraph * graph) {
    n_submit++;
    std::vector<const void *> places;
    for (int i = 0; i < ggml_graph_n_nodes(graph); i++) {
        const ggml_tensor * node = ggml_graph_node(graph, i);
        places.insert(places.end(), {node, node->data});
        for (const ggml_tensor * source : node->src) {
            places.push_back(source != nullptr ? source->data : nullptr);
        }
    }
    const auto known = recorded_.find(graph->uid);
    n_replay += graph->uid != 0 && known != recorded_.end() && known->second == places ? 1 : 0;
    recorded_[graph->uid] = std::move(places);
}

test_accelerator::test_accelerator() : device_(*ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0)), memory_(), registry_() {
    device_.context = this;
    device_.iface.get_name = name;
    device_.iface.get_type = [](ggml_backend_dev_t) { return GGML_BACKEND_DEVICE_TYPE_GPU; };
    device_.iface.get_memory = get_memory;
    device_.iface.get_buffer_type = [](ggml_backend_dev_t device) { return &owner(device).memory_; };
    device_.iface.init_backend = start;
    device_.iface.supports_op = supports;
    memory_.iface.get_name = memory_name;
    memory_.iface.alloc_buffer = allocate;
    memory_.iface.get_alignment = alignment;
    memory_.iface.get_max_size = max_size;
    memory_.iface.is_host = is_host;
    memory_.device = &device_;
}
