// SPDX-License-Identifier: Apache-2.0
#include "native_log.h"

#include "llama.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <mutex>

namespace omni {

namespace {

constexpr size_t n_line_max = 1000;
constexpr size_t n_text_max = 4000;  // bytes of one line
constexpr size_t n_errors_max = 600; // bytes kept to explain a failure

struct line {
    log_level   level;
    std::string text;
};

struct line_ring {
    std::mutex       mutex;
    std::deque<line> lines;
};

// Made at the first line, since its memory may not be there when the library is loaded.
line_ring & shared_ring() {
    static line_ring ring;
    return ring;
}

thread_local log_level   partial_level = log_level::info;
thread_local std::string partial; // ggml logs some lines in pieces
thread_local std::string thread_errors;

void receive(ggml_log_level level, const char * text, void *) {
    switch (level) {
        case GGML_LOG_LEVEL_CONT: break;
        // libllama reports every key of a file at its info level
        case GGML_LOG_LEVEL_WARN:  partial_level = log_level::warning; break;
        case GGML_LOG_LEVEL_ERROR: partial_level = log_level::error; break;
        default:                   partial_level = log_level::debug; break;
    }
    partial += text;
    if (!partial.empty() && (partial.back() == '\n' || partial.size() > n_text_max)) {
        partial.pop_back();
        log_line(partial_level, std::move(partial));
        partial.clear();
    }
}

} // namespace

void capture_native_log() {
    static std::once_flag once;
    std::call_once(once, [] {
        llama_log_set(receive, nullptr); // sets ggml's too
    });
}

void log_line(log_level level, std::string text) {
    if (text.empty()) {
        return;
    }
    text.resize(std::min(text.size(), n_text_max));
    if (level >= log_level::warning && thread_errors.size() < n_errors_max) {
        thread_errors += (thread_errors.empty() ? "" : "; ") + text;
    }
    line_ring &                       ring = shared_ring();
    const std::lock_guard<std::mutex> lock(ring.mutex);
    if (ring.lines.size() == n_line_max) {
        ring.lines.pop_front();
    }
    ring.lines.push_back({level, std::move(text)});
}

bool next_log_line(int32_t * level, char * text, size_t n_text) {
    line_ring &                       ring = shared_ring();
    const std::lock_guard<std::mutex> lock(ring.mutex);
    if (ring.lines.empty() || n_text == 0) {
        return false;
    }
    const line & l = ring.lines.front();
    const size_t n = std::min(n_text - 1, l.text.size());
    std::memcpy(text, l.text.data(), n);
    text[n] = '\0';
    *level = (int32_t) l.level;
    ring.lines.pop_front();
    return true;
}

std::string take_thread_errors() {
    std::string errors;
    std::swap(errors, thread_errors);
    return errors;
}

} // namespace omni
