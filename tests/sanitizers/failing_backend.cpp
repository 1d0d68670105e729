// A backend that fails in mid-graph, for AddressSanitizer: each call stops once behind each node of its graphs, for two reasons. It
// must end in an error that says so, and the next call on the same context have the same bits as before.
//
//   failing_backend TEXT MMPROJ
#include "boundary.h"

#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "ggml.h"

#include <string_view>

namespace {

int64_t     n_left   = -1; // nodes of graphs until the failure; negative where there is to be none
ggml_status reason   = GGML_STATUS_FAILED;
int64_t     n_failed = 0;

bool is_over(void *) { return n_left-- == 0; }

} // namespace

// The linker puts them around the calls of the library (--wrap).
extern "C" ggml_status __real_ggml_backend_graph_compute(ggml_backend_t backend, ggml_cgraph * graph);
extern "C" ggml_status __wrap_ggml_backend_graph_compute(ggml_backend_t backend, ggml_cgraph * graph) {
    if (n_left < 0) {
        return __real_ggml_backend_graph_compute(backend, graph);
    }
    ggml_backend_cpu_set_abort_callback(backend, is_over, nullptr); // asked behind each node
    const ggml_status status = __real_ggml_backend_graph_compute(backend, graph);
    ggml_backend_cpu_set_abort_callback(backend, nullptr, nullptr);
    if (status == GGML_STATUS_SUCCESS) {
        return status;
    }
    n_failed++;
    return reason;
}

int main(int argc, char ** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: failing_backend TEXT MMPROJ\n");
        return 2;
    }
    const model m(argv[1], argv[2]);
    for (int32_t n_threads = 1; n_threads < 3; n_threads++) {
        omni_context *     context = new_context(n_threads);
        omni_error         error   = {};
        std::vector<float> expected, found;
        demand(run(m, context, OMNI_INTERACTIVE, nullptr, expected, error) == OMNI_OK, "it computes", error);
        for (const ggml_status status : {GGML_STATUS_FAILED, GGML_STATUS_ALLOC_FAILED}) {
            reason = status;
            for (int64_t n = 0;; n++) {
                n_left = n;
                error  = {};
                const omni_status end = run(m, context, OMNI_INTERACTIVE, nullptr, found, error);
                const bool        was_reached = n_left < 0;
                n_left = -1;
                if (!was_reached) {
                    demand(end == OMNI_OK && found == expected && n > 10, "all nodes were reached");
                    break;
                }
                demand(end == (status == GGML_STATUS_FAILED ? OMNI_FAILED : OMNI_OUT_OF_MEMORY), "the failure is reported", error);
                demand(std::string_view(error.text).size() > 0, "an error says why");
                demand(run(m, context, OMNI_INTERACTIVE, nullptr, found, error) == OMNI_OK && found == expected, "the next call is well", error);
            }
        }
        omni_context_free(context);
    }
    std::printf("%lld failures in mid-graph, each an error, and the next call the same bits\n", (long long) n_failed);
}
