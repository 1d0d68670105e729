// SPDX-License-Identifier: Apache-2.0
// A file in memory, read-only.
#pragma once

#include "error.h"
#include "page_guard.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace omni {

constexpr const char * download_again = "; download it again"; // the way out of most damages

// How a file comes into memory: mapped, so that the system reads its pages when they are needed and shares them between
// processes, or read as a whole, so that nothing that happens to the file afterwards matters.
enum class file_access { map, read };

// Gives back what a file takes in memory.
struct page_deleter {
    size_t      size = 0;
    file_access access = file_access::map;

    void operator()(const uint8_t * base) const;
};

// Neither copied nor moved: what refers into it shares its ownership.
class mapped_file {
public:
    mapped_file(std::string path_utf8, file_access access); // throws error
    mapped_file(const mapped_file &) = delete;
    mapped_file & operator=(const mapped_file &) = delete;
    ~mapped_file();

    const std::string & path() const { return path_; }
    const uint8_t *     base() const { return pages_.get(); } // page aligned
    size_t              size() const { return size_; }

    // Releases the pages that were read; they are read again when they are needed.
    void release_pages() const;

    // An error about this file, to be thrown: "<path>: <what>".
    omni::error error(const std::string & what) const;

    // Throws error where another program wrote into the mapped file, or cut it, since it was opened, as far as its size and its
    // time of modification show.
    void require_unchanged() const;

private:
    struct open_file; // of the system, with what it was when it was opened

    using pages = std::unique_ptr<const uint8_t, page_deleter>;

    void  open();
    pages map() const;
    pages read() const;

    std::string                path_;
    size_t                     size_ = 0;
    std::unique_ptr<open_file> file_; // held while the file is mapped
    pages                      pages_;
    std::optional<page_guard>  guard_; // of what is mapped
};

} // namespace omni
