// SPDX-License-Identifier: Apache-2.0
#include "mapped_file.h"

#include "printable.h"

#include <algorithm>
#include <limits>
#include <new>
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

constexpr size_t       max_read = size_t(1) << 30; // bytes at a time: Linux reads up to 2 GiB, Windows counts in 32 bits
constexpr const char * cut_while_read = "the file was cut short while it was read; load the model again";

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

#endif

} // namespace

mapped_file::mapped_file(std::string path_utf8, file_access access) : path_(std::move(path_utf8)) {
    if (path_.empty()) {
        throw omni::error(OMNI_LOAD_FAILED, "the path of the model file is empty");
    }
    if (path_.find('\0') != std::string::npos) {
        throw error("the path has a zero byte in it");
    }
    open();
    if (access == file_access::read) {
        pages_ = read();
        require_unchanged(); // while it was read
        file_.reset();
    } else {
        pages_ = map();
        guard_.emplace(base(), size_);
    }
}

mapped_file::~mapped_file() = default;

omni::error mapped_file::error(const std::string & what) const {
    return omni::error(OMNI_LOAD_FAILED, printable(path_, 1000) + ": " + what);
}

#ifdef _WIN32

// Without FILE_SHARE_WRITE: while it is held, nobody writes into the file.
struct mapped_file::open_file {
    HANDLE h = INVALID_HANDLE_VALUE;

    open_file() = default;
    open_file(const open_file &) = delete;
    open_file & operator=(const open_file &) = delete;
    ~open_file() {
        if (h != INVALID_HANDLE_VALUE) {
            CloseHandle(h);
        }
    }
};

void page_deleter::operator()(const uint8_t * base) const {
    if (access == file_access::map) {
        UnmapViewOfFile(base);
    } else {
        VirtualFree(const_cast<uint8_t *>(base), 0, MEM_RELEASE);
    }
}

void mapped_file::open() {
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
    file_ = std::make_unique<open_file>();
    file_->h = CreateFileW(wide.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                           FILE_ATTRIBUTE_NORMAL, nullptr);
    if (file_->h == INVALID_HANDLE_VALUE) {
        throw error(describe_last_error(GetLastError()));
    }
    LARGE_INTEGER size;
    if (GetFileType(file_->h) != FILE_TYPE_DISK || !GetFileSizeEx(file_->h, &size)) {
        throw error("is not a regular file");
    }
    if (size.QuadPart == 0) {
        throw error(std::string("the file is empty") + download_again);
    }
    if (uint64_t(size.QuadPart) > uint64_t(std::numeric_limits<ptrdiff_t>::max())) {
        throw error("the file is too large for this process; use a 64-bit one");
    }
    size_ = size_t(size.QuadPart);
}

mapped_file::pages mapped_file::map() const {
    HANDLE       section = CreateFileMappingW(file_->h, nullptr, PAGE_READONLY, 0, 0, nullptr);
    const void * base = section == nullptr ? nullptr : MapViewOfFile(section, FILE_MAP_READ, 0, 0, size_);
    const DWORD  code = GetLastError();
    if (section != nullptr) {
        CloseHandle(section); // the view holds what it needs
    }
    if (base == nullptr) {
        throw error("the file cannot be mapped: Windows error " + std::to_string(code));
    }
    return {static_cast<const uint8_t *>(base), page_deleter{size_, file_access::map}};
}

mapped_file::pages mapped_file::read() const {
    auto * base = static_cast<uint8_t *>(VirtualAlloc(nullptr, size_, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    if (base == nullptr) {
        throw std::bad_alloc();
    }
    pages owned(base, page_deleter{size_, file_access::read});
    for (size_t done = 0; done < size_;) {
        DWORD n = 0;
        if (!ReadFile(file_->h, base + done, DWORD(std::min(size_ - done, max_read)), &n, nullptr)) {
            throw error(describe_last_error(GetLastError()));
        }
        if (n == 0) {
            throw error(cut_while_read);
        }
        done += n;
    }
    return owned;
}

void mapped_file::require_unchanged() const {}

void mapped_file::release_pages() const {
    if (file_ != nullptr) { // mapped
        // it takes pages that are not locked out of the working set
        VirtualUnlock(const_cast<uint8_t *>(base()), size_);
    }
}

#else

namespace {

// The time of modification, in seconds and nanoseconds.
timespec modified(const struct stat & info) {
#ifdef __APPLE__
    return info.st_mtimespec;
#else
    return info.st_mtim;
#endif
}

} // namespace

struct mapped_file::open_file {
    int         fd = -1;
    struct stat info = {};

    open_file() = default;
    open_file(const open_file &) = delete;
    open_file & operator=(const open_file &) = delete;
    ~open_file() {
        if (fd >= 0) {
            close(fd);
        }
    }
};

void page_deleter::operator()(const uint8_t * base) const { munmap(const_cast<uint8_t *>(base), size); }

void mapped_file::open() {
    file_ = std::make_unique<open_file>();
    // O_NONBLOCK: opening a pipe must not wait for its writer
    file_->fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat & info = file_->info;
    if (file_->fd < 0 || fstat(file_->fd, &info) != 0) {
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
    size_ = size_t(info.st_size);
}

mapped_file::pages mapped_file::map() const {
    const void * base = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file_->fd, 0);
    if (base == MAP_FAILED) {
        throw error("the file cannot be mapped: " + std::generic_category().message(errno));
    }
    return {static_cast<const uint8_t *>(base), page_deleter{size_, file_access::map}};
}

mapped_file::pages mapped_file::read() const {
    void * base = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        throw std::bad_alloc();
    }
    auto * out = static_cast<uint8_t *>(base);
    pages  owned(out, page_deleter{size_, file_access::read});
    for (size_t done = 0; done < size_;) {
        const ssize_t n = ::read(file_->fd, out + done, std::min(size_ - done, max_read));
        if (n < 0 && errno != EINTR) {
            throw error(describe_errno(errno));
        }
        if (n == 0) {
            throw error(cut_while_read);
        }
        done += size_t(std::max<ssize_t>(n, 0));
    }
    return owned;
}

void mapped_file::require_unchanged() const {
    if (file_ == nullptr) {
        return; // it is in memory
    }
    struct stat now = {};
    if (fstat(file_->fd, &now) != 0) {
        throw error(describe_errno(errno));
    }
    const timespec then = modified(file_->info), written = modified(now);
    if (now.st_size != file_->info.st_size || written.tv_sec != then.tv_sec || written.tv_nsec != then.tv_nsec) {
        throw error("the file was changed after it was opened; load the model again. To replace a model file, rename another "
                    "one to its name; or load it with mmap=False, which keeps a copy in memory");
    }
    if (guard_ && guard_->has_lost_pages()) {
        throw error("a part of the file could not be read while it was in use; check its disk, and load the model again");
    }
}

void mapped_file::release_pages() const {
    if (file_ != nullptr) { // mapped
        madvise(const_cast<uint8_t *>(base()), size_, MADV_DONTNEED);
    }
}

#endif

} // namespace omni
