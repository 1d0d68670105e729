// SPDX-License-Identifier: Apache-2.0
// The generation of an NVIDIA GPU, which ggml writes to its log alone.
#pragma once

#include "ggml-backend.h"

#include <cstdint>

namespace omni {

// 10 * major + minor; 0 where the device is not an NVIDIA GPU, or does not say.
int32_t compute_capability(ggml_backend_dev_t device);

} // namespace omni
