// SPDX-License-Identifier: Apache-2.0
// The log of ggml, libllama and ourselves: a bounded ring that Python empties. Nothing is written to stderr.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace omni {

enum class log_level : int32_t { debug = 1, info = 2, warning = 3, error = 4 };

// Sends the log of the native libraries to the ring. Safe to call often.
void capture_native_log();

void log_line(log_level level, std::string text);

// Takes the oldest line. False when there is none.
bool next_log_line(int32_t * level, char * text, size_t n_text);

// The last warnings and errors that this thread logged since the previous call, to explain a native failure.
std::string take_thread_errors();

} // namespace omni
