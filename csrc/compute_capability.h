// SPDX-License-Identifier: Apache-2.0
// Which generation of NVIDIA's GPUs a device is of; ggml knows, but tells only its log.
#pragma once

#include "ggml-backend.h"

#include <cstdint>

namespace omni {

// 10 * major + minor; 0 where the device is no NVIDIA GPU or does not say.
int32_t compute_capability(ggml_backend_dev_t device);

} // namespace omni
