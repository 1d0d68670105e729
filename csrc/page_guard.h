// SPDX-License-Identifier: Apache-2.0
// Reading a page of a mapping that its file no longer has, because the file was cut short or its disk failed, is a SIGBUS,
// which ends the process. While a guard lives, such a read of its mapping gives zeros instead, and the guard says so afterwards.
#pragma once

#include <cstddef>
#include <cstdint>

namespace omni {

// A mapping that guards watch; the list of them is never freed, since a signal handler walks it.
struct guarded_mapping;

// Does nothing on Windows, which refuses to cut a mapped file.
class page_guard {
public:
    page_guard(const uint8_t * base, size_t size); // of a mapping, page aligned, which outlives the guard
    page_guard(const page_guard &) = delete;
    page_guard & operator=(const page_guard &) = delete;
    ~page_guard();

    bool has_lost_pages() const;

private:
    guarded_mapping * mapping_ = nullptr;
};

} // namespace omni
