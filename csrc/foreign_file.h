// SPDX-License-Identifier: Apache-2.0
// What a file is that is not a GGUF file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace omni {

// head: the first bytes. Returns what they say, and what to do about it.
std::string describe_foreign_file(std::string_view head, uint64_t size);

} // namespace omni
