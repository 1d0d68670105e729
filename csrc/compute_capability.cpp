// SPDX-License-Identifier: Apache-2.0
#include "compute_capability.h"

#ifdef OMNI_CUDA
#include <cuda_runtime_api.h>
#endif

namespace omni {

#ifdef OMNI_CUDA
int32_t compute_capability(ggml_backend_dev_t device) {
    ggml_backend_dev_props props;
    ggml_backend_dev_get_props(device, &props);
    int index = 0, major = 0, minor = 0;
    if (ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU || props.device_id == nullptr ||
        cudaDeviceGetByPCIBusId(&index, props.device_id) != cudaSuccess ||
        cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index) != cudaSuccess ||
        cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index) != cudaSuccess) {
        return 0;
    }
    return 10 * major + minor;
}
#else
int32_t compute_capability(ggml_backend_dev_t) { return 0; }
#endif

} // namespace omni
