// SPDX-License-Identifier: Apache-2.0
#include "compute_capability.h"

#ifdef OMNI_CUDA
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <string>
#endif

namespace omni {

#ifdef OMNI_CUDA
int32_t compute_capability(ggml_backend_dev_t device) {
    // ggml numbers its devices as CUDA does. Its properties would have the bus of one, but ask for its memory too, for which CUDA
    // starts it.
    const std::string name = ggml_backend_dev_name(device);
    if (name.rfind("CUDA", 0) != 0) {
        return 0;
    }
    const int index = std::atoi(name.c_str() + 4);
    int       major = 0, minor = 0;
    if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index) != cudaSuccess ||
        cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index) != cudaSuccess) {
        return 0;
    }
    return 10 * major + minor;
}
#else
int32_t compute_capability(ggml_backend_dev_t) { return 0; }
#endif

} // namespace omni
