// SPDX-License-Identifier: Apache-2.0
// Text out of files, as messages may show it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace omni {

// Valid UTF-8 without control characters, cut to about n_max bytes.
std::string printable(std::string_view text, size_t n_max = 80);

// The same between quotes.
std::string quoted(std::string_view text);

} // namespace omni
