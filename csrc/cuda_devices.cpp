// SPDX-License-Identifier: Apache-2.0
#include "cuda_devices.h"

#ifdef OMNI_CUDA
#include <cuda_runtime_api.h>

#include <cstdlib>
#endif

namespace omni {

#ifdef OMNI_CUDA
// CUDA's number of a device, negative for others: ggml numbers its devices as CUDA does. Its properties would have the bus of one,
// but ask for its memory too, for which CUDA starts it.
static int find_cuda_index(ggml_backend_dev_t device) {
    const std::string name = ggml_backend_dev_name(device);
    return name.rfind("CUDA", 0) == 0 ? std::atoi(name.c_str() + 4) : -1;
}

int32_t compute_capability(ggml_backend_dev_t device) {
    const int index = find_cuda_index(device);
    int       major = 0, minor = 0;
    if (index < 0 || cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index) != cudaSuccess ||
        cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index) != cudaSuccess) {
        return 0;
    }
    return 10 * major + minor;
}

std::string find_start_problem(ggml_backend_dev_t device) {
    const int         index = find_cuda_index(device);
    const cudaError_t status = index < 0 ? cudaSuccess : cudaSetDevice(index); // which starts it since CUDA 12
    if (status == cudaSuccess) {
        return "";
    }
    cudaGetLastError(); // or ggml would take it for an error of its own next call
    return cudaGetErrorString(status);
}
#else
int32_t compute_capability(ggml_backend_dev_t) { return 0; }

std::string find_start_problem(ggml_backend_dev_t) { return ""; }
#endif

} // namespace omni
