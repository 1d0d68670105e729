// SPDX-License-Identifier: Apache-2.0
#include "mapped_file.h"

#include "printable.h"

#include <algorithm>
#include <limits>
#include <utility>

#ifdef _WIN32
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#else
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#endif

namespace omni {

namespace {

#ifdef _WIN32
std::string describe_last_error(DWORD code) {
    switch (code) {
        case ERROR_FILE_NOT_FOUND:
        case ERROR_PATH_NOT_FOUND:
        case ERROR_INVALID_NAME:      return "there is no such file";
        case ERROR_ACCESS_DENIED:     return "no permission to read the file";
        case ERROR_SHARING_VIOLATION: return "the file is in use by another program that does not share it";
        default:                      return "the file cannot be read: Windows error " + std::to_string(code);
    }
}

struct handle {
    HANDLE h;
    explicit handle(HANDLE opened) : h(opened) {}
    handle(const handle &) = delete;
    handle & operator=(const handle &) = delete;
    ~handle() {
        if (h != nullptr && h != INVALID_HANDLE_VALUE) {
            CloseHandle(h);
        }
    }
};
#else
std::string describe_errno(int code) {
    switch (code) {
        case ENOENT:
        case ENOTDIR: return "there is no such file";
        case EACCES:
        case EPERM:   return "no permission to read the file";
        default:      return "the file cannot be read: " + std::generic_category().message(code);
    }
}

struct descriptor {
    int fd;
    explicit descriptor(int opened) : fd(opened) {}
    descriptor(const descriptor &) = delete;
    descriptor & operator=(const descriptor &) = delete;
    ~descriptor() {
        if (fd >= 0) {
            close(fd);
        }
    }
};
#endif

} // namespace

mapped_file::mapped_file(std::string path_utf8) : path_(std::move(path_utf8)) {
    if (path_.empty()) {
        throw omni::error(OMNI_LOAD_FAILED, "the path of the model file is empty");
    }
    if (path_.find('\0') != std::string::npos) {
        throw error("the path has a zero byte in it");
    }
    map();
}

omni::error mapped_file::error(const std::string & what) const {
    return omni::error(OMNI_LOAD_FAILED, printable(path_, 1000) + ": " + what);
}

#ifdef _WIN32

mapped_file::~mapped_file() { UnmapViewOfFile(base_); }

void mapped_file::map() {
    const int n_utf8 = int(std::min<size_t>(path_.size(), 32767));
    const int n_wide = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path_.data(), n_utf8, nullptr, 0);
    if (n_wide <= 0 || size_t(n_utf8) != path_.size()) {
        throw error("the path is not valid UTF-8, or too long");
    }
    std::wstring wide(size_t(n_wide), L'\0');
    MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path_.data(), n_utf8, &wide[0], n_wide);

    const DWORD attributes = GetFileAttributesW(wide.c_str());
    if (attributes == INVALID_FILE_ATTRIBUTES) {
        throw error(describe_last_error(GetLastError()));
    }
    if (attributes & FILE_ATTRIBUTE_DIRECTORY) {
        throw error("is a directory, expected a GGUF file");
    }
    const handle file(CreateFileW(wide.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                                  FILE_ATTRIBUTE_NORMAL, nullptr));
    if (file.h == INVALID_HANDLE_VALUE) {
        throw error(describe_last_error(GetLastError()));
    }
    LARGE_INTEGER size;
    if (GetFileType(file.h) != FILE_TYPE_DISK || !GetFileSizeEx(file.h, &size)) {
        throw error("is not a regular file");
    }
    if (size.QuadPart == 0) {
        throw error(std::string("the file is empty") + download_again);
    }
    if (uint64_t(size.QuadPart) > uint64_t(std::numeric_limits<ptrdiff_t>::max())) {
        throw error("the file is too large for this process; use a 64-bit one");
    }
    const handle section(CreateFileMappingW(file.h, nullptr, PAGE_READONLY, 0, 0, nullptr));
    void *       base = section.h == nullptr ? nullptr : MapViewOfFile(section.h, FILE_MAP_READ, 0, 0, size_t(size.QuadPart));
    if (base == nullptr) {
        throw error("the file cannot be mapped: Windows error " + std::to_string(GetLastError()));
    }
    base_ = static_cast<const uint8_t *>(base);
    size_ = size_t(size.QuadPart);
}

void mapped_file::release_pages() const { VirtualUnlock(const_cast<uint8_t *>(base_), size_); }

#else

mapped_file::~mapped_file() { munmap(const_cast<uint8_t *>(base_), size_); }

void mapped_file::map() {
    // O_NONBLOCK: opening a pipe must not wait for its writer
    const descriptor file(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.fd < 0) {
        throw error(describe_errno(errno));
    }
    struct stat info = {};
    if (fstat(file.fd, &info) != 0) {
        throw error(describe_errno(errno));
    }
    if (S_ISDIR(info.st_mode)) {
        throw error("is a directory, expected a GGUF file");
    }
    if (!S_ISREG(info.st_mode)) {
        throw error("is not a regular file");
    }
    if (info.st_size <= 0) {
        throw error(std::string("the file is empty") + download_again);
    }
    if (uint64_t(info.st_size) > uint64_t(std::numeric_limits<ptrdiff_t>::max())) {
        throw error("the file is too large for this process; use a 64-bit one");
    }
    const size_t size = size_t(info.st_size);
    void *       base = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (base == MAP_FAILED) {
        throw error("the file cannot be mapped: " + std::generic_category().message(errno));
    }
    base_ = static_cast<const uint8_t *>(base);
    size_ = size;
}

void mapped_file::release_pages() const { madvise(const_cast<uint8_t *>(base_), size_, MADV_DONTNEED); }

#endif

} // namespace omni
