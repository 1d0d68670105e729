// SPDX-License-Identifier: Apache-2.0
// What ggml does not say of NVIDIA GPUs.
#pragma once

#include "ggml-backend.h"

#include <cstdint>
#include <string>

namespace omni {

// 10 * major + minor; 0 where the device is not an NVIDIA GPU, or does not say.
int32_t compute_capability(ggml_backend_dev_t device);

// Starts an NVIDIA GPU, and says why it can't be; empty where it can, and for other devices. One whose memory another process
// has taken, or that is another process's alone, can't be, and ggml ends the process where it can't start a GPU.
std::string find_start_problem(ggml_backend_dev_t device);

} // namespace omni
