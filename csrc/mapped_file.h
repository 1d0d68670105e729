// SPDX-License-Identifier: Apache-2.0
// A file, mapped read-only.
#pragma once

#include "error.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace omni {

constexpr const char * download_again = "; download it again"; // the way out of most damages

// Neither copied nor moved: what refers into it shares its ownership.
class mapped_file {
public:
    explicit mapped_file(std::string path_utf8); // throws error
    mapped_file(const mapped_file &) = delete;
    mapped_file & operator=(const mapped_file &) = delete;
    ~mapped_file();

    const std::string & path() const { return path_; }
    const uint8_t *     base() const { return base_; } // page aligned
    size_t              size() const { return size_; }

    // Lets go of the pages that were read, which come back when they are read again: memory that this process need not hold.
    void release_pages() const;

    // An error about this file, to be thrown: "<path>: <what>".
    omni::error error(const std::string & what) const;

private:
    void map();

    std::string     path_;
    const uint8_t * base_ = nullptr;
    size_t          size_ = 0;
};

} // namespace omni
