// SPDX-License-Identifier: Apache-2.0
#include "gguf_file.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

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

#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "the tensors of these files are little-endian, and used in place"
#endif

namespace omni {

namespace {

constexpr uint64_t max_keys       = 65536;
constexpr uint64_t max_tensors    = 65536;
constexpr uint64_t max_key_length = 65535;
constexpr uint64_t max_array      = 16u << 20;             // elements
constexpr uint64_t max_elements   = uint64_t(1) << 40;     // of one tensor
constexpr uint64_t min_key_bytes    = 8 + 1 + 4 + 1;         // length, name, type, value
constexpr uint64_t min_tensor_bytes = 8 + 1 + 4 + 8 + 4 + 8; // length, name, n_dims, one dimension, type, offset

const char * const again = "; download it again";

enum value_type : uint32_t {
    type_u8, type_i8, type_u16, type_i16, type_u32, type_i32, type_f32, type_bool, type_string, type_array, type_u64,
    type_i64, type_f64, n_types
};

struct value_type_info {
    const char * name;
    size_t       size; // bytes, 0 for what has no fixed size
};

const value_type_info value_types[n_types] = {
    {"u8", 1}, {"i8", 1}, {"u16", 2}, {"i16", 2}, {"u32", 4}, {"i32", 4}, {"f32", 4}, {"bool", 1}, {"string", 0}, {"array", 0},
    {"u64", 8}, {"i64", 8}, {"f64", 8},
};

template <typename T> T load(const uint8_t * p) {
    T value;
    std::memcpy(&value, p, sizeof(value));
    return value;
}

std::string quoted(std::string_view text) {
    return "'" + printable(text) + "'";
}

load_error error_in(const std::string & path, const std::string & what) {
    return load_error(printable(path, 1000) + ": " + what);
}

// Reads one stretch of the file, never beyond it.
class cursor {
public:
    cursor(const std::string & path, const uint8_t * base, size_t begin, size_t end)
        : path_(path), base_(base), pos_(begin), end_(end) {}

    std::string item = "the header"; // what is being read, for messages

    size_t pos()  const { return pos_; }
    size_t left() const { return end_ - pos_; }

    load_error error(const std::string & what) const { return error_in(path_, item + " " + what); }

    const uint8_t * take(uint64_t n) {
        if (n > left()) {
            throw error("takes " + std::to_string(n) + " bytes where " + std::to_string(left()) +
                        " are left: the file is cut short or damaged" + again);
        }
        const uint8_t * p = base_ + pos_;
        pos_ += size_t(n);
        return p;
    }

    template <typename T> T number() { return load<T>(take(sizeof(T))); }

    std::string_view text() {
        const uint64_t n = number<uint64_t>();
        const char *   p = reinterpret_cast<const char *>(take(n));
        if (n > 0 && std::memchr(p, 0, size_t(n)) != nullptr) {
            throw error(std::string("has text with a zero byte in it: the file is damaged") + again);
        }
        return std::string_view(p, size_t(n));
    }

    // name of a key or tensor
    std::string name(uint64_t n_max) {
        const std::string_view view = text();
        if (view.empty() || view.size() > n_max) {
            throw error("has a name of " + std::to_string(view.size()) + " bytes, expected 1 to " + std::to_string(n_max));
        }
        return std::string(view);
    }

private:
    const std::string & path_;
    const uint8_t     * base_;
    size_t              pos_;
    size_t              end_;
};

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

// What a file without the GGUF magic is, and the way out.
std::string describe_other(std::string_view head, uint64_t size) {
    std::string lower(head);
    for (char & c : lower) {
        c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    }
    lower.erase(0, lower.find_first_not_of(" \t\r\n\xef\xbb\xbf"));

    if (starts_with(head, "FUGG")) {
        return "its bytes are in big-endian order; take the little-endian file";
    }
    if (starts_with(head, "version https://git-lfs")) {
        return "it is a git-lfs pointer; run 'git lfs pull' to get the file itself";
    }
    if (starts_with(lower, "<!doctype") || starts_with(lower, "<html") || starts_with(lower, "<?xml")) {
        return "it is a web page; download the file itself, from its 'resolve' address";
    }
    if (head.size() > 8 && head[8] == '{' && load<uint64_t>(reinterpret_cast<const uint8_t *>(head.data())) <= 100000000) {
        return "it is a safetensors file; take the GGUF file, or convert it";
    }
    if (starts_with(head, "PK\x03\x04")) {
        return "it is a zip archive, or a PyTorch checkpoint; take the GGUF file";
    }
    if (head.size() > 1 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5) {
        return "it is a Python pickle, or a PyTorch checkpoint; take the GGUF file";
    }
    if (starts_with(head, "lmgg") || starts_with(head, "fmgg") || starts_with(head, "tjgg")) {
        return "it is of a GGML format older than GGUF; convert the model again";
    }
    if (std::all_of(head.begin(), head.end(), [](char c) { return c == 0; })) {
        return std::string("it starts with zeros, as an unfinished download does") + again;
    }
    if (std::all_of(head.begin(), head.end(), [](char c) { return (c >= 32 && c < 127) || (c >= 9 && c <= 13); })) {
        return "it is text, starting with " + quoted(head.substr(0, 60));
    }
    std::string hex;
    for (char c : head.substr(0, 4)) {
        char digits[4];
        std::snprintf(digits, sizeof(digits), " %02x", unsigned(uint8_t(c)));
        hex += digits;
    }
    return "it has " + std::to_string(size) + " bytes and starts with" + hex + ", expected 'GGUF'";
}

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

// ---- messages -----------------------------------------------------------------------------------------------------------

std::string printable(std::string_view text, size_t n_max) {
    std::string out;
    for (size_t i = 0; i < text.size();) {
        const uint8_t c    = uint8_t(text[i]);
        const size_t  n    = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
        bool          good = n > 0 && n <= text.size() - i;
        uint32_t      code = n <= 1 ? c : c & (0x7fu >> n);
        for (size_t j = 1; good && j < n; ++j) {
            const uint8_t next = uint8_t(text[i + j]);
            good = (next & 0xc0) == 0x80;
            code = code << 6 | (next & 0x3f);
        }
        if (good) {
            const bool overlong  = (n == 3 && code < 0x800) || (n == 4 && code < 0x10000);
            const bool surrogate = code >= 0xd800 && code < 0xe000;
            const bool control   = code < 0x20 || (code >= 0x7f && code < 0xa0);
            const bool layout    = (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
                                   (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
            good = !overlong && !surrogate && !control && !layout && code <= 0x10ffff;
        }
        const size_t n_in = good ? n : 1;
        if (out.size() + n_in > n_max) {
            return out + "...";
        }
        if (good) {
            out.append(text.substr(i, n));
        } else {
            out += '?';
        }
        i += n_in;
    }
    return out;
}

load_error gguf_file::error(const std::string & what) const {
    return error_in(path_, what);
}

load_error gguf_file::wrong_type(const entry & e, const char * expected) const {
    return error("key " + quoted(e.key) + " is " + (e.is_array ? "an array of " : "of type ") + value_types[e.type].name +
                 ", expected " + expected);
}

// ---- mapping ------------------------------------------------------------------------------------------------------------

#ifdef _WIN32

void file_unmap::operator()(const uint8_t * base) const noexcept {
    UnmapViewOfFile(base);
}

void gguf_file::map() {
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
        throw error(std::string("the file is empty") + again);
    }
    if (uint64_t(size.QuadPart) > uint64_t(std::numeric_limits<ptrdiff_t>::max())) {
        throw error("the file is too large for this process; use a 64-bit one");
    }
    const handle section(CreateFileMappingW(file.h, nullptr, PAGE_READONLY, 0, 0, nullptr));
    void * base = section.h == nullptr ? nullptr : MapViewOfFile(section.h, FILE_MAP_READ, 0, 0, size_t(size.QuadPart));
    if (base == nullptr) {
        throw error("the file cannot be mapped: Windows error " + std::to_string(GetLastError()));
    }
    base_ = std::unique_ptr<const uint8_t, file_unmap>(static_cast<const uint8_t *>(base), file_unmap{size_t(size.QuadPart)});
}

#else

void file_unmap::operator()(const uint8_t * base) const noexcept {
    munmap(const_cast<uint8_t *>(base), size);
}

void gguf_file::map() {
    // O_NONBLOCK: opening a pipe must not wait for its writer
    const descriptor file(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.fd < 0) {
        throw error(describe_errno(errno));
    }
    struct stat info;
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
        throw error(std::string("the file is empty") + again);
    }
    if (uint64_t(info.st_size) > uint64_t(std::numeric_limits<ptrdiff_t>::max())) {
        throw error("the file is too large for this process; use a 64-bit one");
    }
    const size_t size = size_t(info.st_size);
    void * base = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (base == MAP_FAILED) {
        throw error("the file cannot be mapped: " + std::generic_category().message(errno));
    }
    base_ = std::unique_ptr<const uint8_t, file_unmap>(static_cast<const uint8_t *>(base), file_unmap{size});
}

#endif

// ---- parsing ------------------------------------------------------------------------------------------------------------

gguf_file::gguf_file(const std::string & path_utf8) : path_(path_utf8) {
    if (path_.empty()) {
        throw load_error("the path of the model file is empty");
    }
    if (path_.find('\0') != std::string::npos) {
        throw error("the path has a zero byte in it");
    }
    map();
    parse();
}

void gguf_file::parse() {
    const size_t           n_file = size();
    const std::string_view head(reinterpret_cast<const char *>(base()), std::min<size_t>(n_file, 256));
    if (!starts_with(head, "GGUF")) {
        throw error("not a GGUF file: " + describe_other(head, n_file));
    }
    cursor c(path_, base(), 4, n_file);

    const uint32_t version = c.number<uint32_t>();
    if (version != 0 && (version & 0xffff) == 0) {
        throw error("its bytes are in big-endian order; take the little-endian file");
    }
    if (version < 2) {
        throw error("GGUF version " + std::to_string(version) + " is not read any more; convert the model again");
    }
    if (version > 3) {
        throw error("GGUF version " + std::to_string(version) + " is unknown, expected 2 or 3; a newer release may read it");
    }

    const uint64_t n_tensors = c.number<uint64_t>();
    const uint64_t n_keys    = c.number<uint64_t>();
    if (n_tensors > max_tensors || n_keys > max_keys ||
        n_tensors * min_tensor_bytes + n_keys * min_key_bytes > c.left()) {
        throw error("the header announces " + std::to_string(n_tensors) + " tensors and " + std::to_string(n_keys) +
                    " keys, more than it may or can hold: the file is cut short or damaged" + again);
    }

    // keys
    entries_.reserve(size_t(n_keys));
    for (uint64_t i = 0; i < n_keys; ++i) {
        entry e;
        c.item = "key number " + std::to_string(i);
        e.key  = c.name(max_key_length);
        c.item = "key " + quoted(e.key);

        e.type     = c.number<uint32_t>();
        e.is_array = e.type == type_array;
        e.count    = 1;
        if (e.is_array) {
            e.type = c.number<uint32_t>();
            const uint64_t count = c.number<uint64_t>();
            if (e.type == type_array) {
                throw c.error("is an array of arrays, which is not supported");
            }
            if (count > max_array) {
                throw c.error("has " + std::to_string(count) + " elements, expected at most " + std::to_string(max_array));
            }
            e.count = size_t(count);
        }
        if (e.type >= n_types) {
            throw c.error("has a value of the unknown type " + std::to_string(e.type) + ": the file is damaged or too new");
        }
        e.begin = c.pos();
        if (e.type == type_string) {
            for (size_t j = 0; j < e.count; ++j) {
                c.text();
            }
        } else {
            const size_t    n_bytes = e.count * value_types[e.type].size;
            const uint8_t * p       = c.take(n_bytes);
            if (e.type == type_bool && std::any_of(p, p + n_bytes, [](uint8_t b) { return b > 1; })) {
                throw c.error(std::string("has a bool that is neither 0 nor 1: the file is damaged") + again);
            }
        }
        e.end = c.pos();
        entries_.push_back(std::move(e));
    }
    std::sort(entries_.begin(), entries_.end(), [](const entry & a, const entry & b) { return a.key < b.key; });
    const auto twice = std::adjacent_find(entries_.begin(), entries_.end(),
                                          [](const entry & a, const entry & b) { return a.key == b.key; });
    if (twice != entries_.end()) {
        throw error("key " + quoted(twice->key) + " occurs twice");
    }

    uint64_t alignment = 32;
    if (const entry * e = find_key("general.alignment")) {
        if (e->is_array || e->type != type_u32) {
            throw wrong_type(*e, "u32");
        }
        alignment = uint64_t(integer_at(*e, 0));
        if (alignment < 8 || alignment > 65536 || (alignment & (alignment - 1)) != 0) {
            throw error("key 'general.alignment' is " + std::to_string(alignment) +
                        ", expected a power of two from 8 to 65536");
        }
    }

    // tensors; data points to the file's start until the offsets are checked
    std::vector<uint64_t> offsets;
    offsets.reserve(size_t(n_tensors));
    tensors_.reserve(size_t(n_tensors));
    for (uint64_t i = 0; i < n_tensors; ++i) {
        gguf_tensor t;
        c.item = "tensor number " + std::to_string(i);
        t.name = c.name(GGML_MAX_NAME - 1);
        c.item = "tensor " + quoted(t.name);

        const uint32_t n_dims = c.number<uint32_t>();
        if (n_dims < 1 || n_dims > 4) {
            throw c.error("has " + std::to_string(n_dims) + " dimensions, expected 1 to 4");
        }
        t.n_dims = int(n_dims);
        t.ne     = {1, 1, 1, 1};
        uint64_t n_elements = 1;
        for (uint32_t j = 0; j < n_dims; ++j) {
            const uint64_t ne = c.number<uint64_t>();
            if (ne < 1 || ne > max_elements / n_elements) {
                throw c.error("has " + std::to_string(ne) + " as dimension " + std::to_string(j) +
                              ", expected 1 or more, and " + std::to_string(max_elements) + " elements at most");
            }
            n_elements *= ne;
            t.ne[j] = int64_t(ne);
        }

        const uint32_t type = c.number<uint32_t>();
        if (type >= uint32_t(GGML_TYPE_COUNT) || ggml_blck_size(ggml_type(type)) <= 0 || ggml_type_size(ggml_type(type)) == 0) {
            throw c.error("is of type " + std::to_string(type) + ", which is unknown or was removed; convert the model again");
        }
        t.type = ggml_type(type);
        const int64_t  block_elements = ggml_blck_size(t.type);
        const uint64_t block_bytes    = ggml_type_size(t.type);
        if (t.ne[0] % block_elements != 0) {
            throw c.error("has rows of " + std::to_string(t.ne[0]) + " elements, expected a multiple of " +
                          std::to_string(block_elements) + " for type " + ggml_type_name(t.type));
        }
        const uint64_t n_bytes = n_elements / uint64_t(block_elements) * block_bytes; // 2^40 blocks at most

        const uint64_t offset = c.number<uint64_t>();
        if (offset % alignment != 0) {
            throw c.error("lies at offset " + std::to_string(offset) + ", expected a multiple of " + std::to_string(alignment));
        }
        if (offset > uint64_t(std::numeric_limits<int64_t>::max()) / 2) {
            throw c.error("lies at offset " + std::to_string(offset) + ": the file is damaged" + again);
        }
        if (n_bytes > std::numeric_limits<size_t>::max()) {
            throw c.error("has " + std::to_string(n_bytes) + " bytes, too many for this process; use a 64-bit one");
        }
        t.n_bytes = size_t(n_bytes);
        t.data    = base();
        offsets.push_back(offset);
        tensors_.push_back(std::move(t));
    }

    // offsets: inside the file, none over another
    const uint64_t data_begin = (uint64_t(c.pos()) + alignment - 1) / alignment * alignment;
    uint64_t n_expected = 0;
    for (size_t i = 0; i < tensors_.size(); ++i) {
        n_expected = std::max<uint64_t>(n_expected, data_begin + offsets[i] + tensors_[i].n_bytes);
    }
    if (n_expected > n_file) {
        throw error("the file is cut short: expected " + std::to_string(n_expected) + " bytes, found " +
                    std::to_string(n_file) + again);
    }
    by_name_.resize(tensors_.size());
    for (size_t i = 0; i < tensors_.size(); ++i) {
        tensors_[i].data = base() + size_t(data_begin + offsets[i]);
        by_name_[i] = i;
    }
    std::sort(by_name_.begin(), by_name_.end(), [&](size_t a, size_t b) { return tensors_[a].data < tensors_[b].data; });
    for (size_t i = 1; i < by_name_.size(); ++i) {
        const gguf_tensor & a = tensors_[by_name_[i - 1]];
        const gguf_tensor & b = tensors_[by_name_[i]];
        if (size_t(b.data - a.data) < a.n_bytes) {
            throw error("tensors " + quoted(a.name) + " and " + quoted(b.name) + " overlap: the file is damaged" + again);
        }
    }
    std::sort(by_name_.begin(), by_name_.end(), [&](size_t a, size_t b) { return tensors_[a].name < tensors_[b].name; });
    for (size_t i = 1; i < by_name_.size(); ++i) {
        if (tensors_[by_name_[i - 1]].name == tensors_[by_name_[i]].name) {
            throw error("tensor " + quoted(tensors_[by_name_[i]].name) + " occurs twice");
        }
    }
}

// ---- values -------------------------------------------------------------------------------------------------------------

const gguf_file::entry * gguf_file::find_key(const char * key) const {
    const std::string_view wanted(key);
    const auto it = std::lower_bound(entries_.begin(), entries_.end(), wanted,
                                     [](const entry & e, std::string_view k) { return e.key < k; });
    return it != entries_.end() && it->key == wanted ? &*it : nullptr;
}

const gguf_file::entry * gguf_file::single(const char * key) const {
    const entry * e = find_key(key);
    if (e != nullptr && e->is_array) {
        throw wrong_type(*e, "a single value");
    }
    return e;
}

const gguf_file::entry * gguf_file::array(const char * key) const {
    const entry * e = find_key(key);
    if (e != nullptr && !e->is_array) {
        throw wrong_type(*e, "an array");
    }
    return e;
}

int64_t gguf_file::integer_at(const entry & e, size_t i) const {
    const uint8_t * p = base() + e.begin + i * value_types[e.type].size;
    switch (e.type) {
        case type_u8:  return *p;
        case type_i8:  return load<int8_t>(p);
        case type_u16: return load<uint16_t>(p);
        case type_i16: return load<int16_t>(p);
        case type_u32: return load<uint32_t>(p);
        case type_i32: return load<int32_t>(p);
        case type_i64: return load<int64_t>(p);
        case type_u64: {
            const uint64_t value = load<uint64_t>(p);
            if (value > uint64_t(std::numeric_limits<int64_t>::max())) {
                throw error("key " + quoted(e.key) + " is " + std::to_string(value) + ", too large");
            }
            return int64_t(value);
        }
        default: throw wrong_type(e, "an integer");
    }
}

double gguf_file::real_at(const entry & e, size_t i) const {
    const uint8_t * p = base() + e.begin + i * value_types[e.type].size;
    double value = 0;
    switch (e.type) {
        case type_f32: value = double(load<float>(p)); break;
        case type_f64: value = load<double>(p);        break;
        default: throw wrong_type(e, "f32 or f64");
    }
    if (!std::isfinite(value)) {
        throw error("key " + quoted(e.key) + " is not a finite number");
    }
    return value;
}

bool gguf_file::has_string(const char * key) const {
    const entry * e = find_key(key);
    return e != nullptr && !e->is_array && e->type == type_string;
}

std::optional<int64_t> gguf_file::integer(const char * key) const {
    const entry * e = single(key);
    return e == nullptr ? std::nullopt : std::optional<int64_t>(integer_at(*e, 0));
}

std::optional<double> gguf_file::real(const char * key) const {
    const entry * e = single(key);
    return e == nullptr ? std::nullopt : std::optional<double>(real_at(*e, 0));
}

std::optional<bool> gguf_file::boolean(const char * key) const {
    const entry * e = single(key);
    if (e == nullptr) {
        return std::nullopt;
    }
    if (e->type != type_bool) {
        throw wrong_type(*e, "a bool");
    }
    return base()[e->begin] != 0;
}

std::optional<std::string_view> gguf_file::string(const char * key) const {
    const entry * e = single(key);
    if (e == nullptr) {
        return std::nullopt;
    }
    if (e->type != type_string) {
        throw wrong_type(*e, "a string");
    }
    cursor c(path_, base(), e->begin, e->end);
    return c.text();
}

std::optional<std::vector<int32_t>> gguf_file::integers(const char * key) const {
    const entry * e = array(key);
    if (e == nullptr) {
        return std::nullopt;
    }
    if (e->type == type_f32 || e->type == type_f64 || e->type == type_bool || e->type == type_string) {
        throw wrong_type(*e, "an array of integers");
    }
    std::vector<int32_t> values(e->count);
    for (size_t i = 0; i < e->count; ++i) {
        const int64_t value = integer_at(*e, i);
        if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
            throw error("key " + quoted(key) + " has the element " + std::to_string(value) + ", beyond 32 bits");
        }
        values[i] = int32_t(value);
    }
    return values;
}

std::optional<std::vector<float>> gguf_file::reals(const char * key) const {
    const entry * e = array(key);
    if (e == nullptr) {
        return std::nullopt;
    }
    if (e->type != type_f32 && e->type != type_f64) {
        throw wrong_type(*e, "an array of f32 or f64");
    }
    std::vector<float> values(e->count);
    for (size_t i = 0; i < e->count; ++i) {
        const double value = real_at(*e, i);
        if (std::fabs(value) > double(std::numeric_limits<float>::max())) {
            throw error("key " + quoted(key) + " has an element beyond the range of f32");
        }
        values[i] = float(value);
    }
    return values;
}

std::optional<std::vector<bool>> gguf_file::booleans(const char * key) const {
    const entry * e = array(key);
    if (e == nullptr) {
        return std::nullopt;
    }
    if (e->type != type_bool) {
        throw wrong_type(*e, "an array of bools");
    }
    return std::vector<bool>(base() + e->begin, base() + e->end);
}

std::optional<std::vector<std::string_view>> gguf_file::strings(const char * key) const {
    const entry * e = array(key);
    if (e == nullptr) {
        return std::nullopt;
    }
    if (e->type != type_string) {
        throw wrong_type(*e, "an array of strings");
    }
    std::vector<std::string_view> values(e->count);
    cursor c(path_, base(), e->begin, e->end);
    for (std::string_view & value : values) {
        value = c.text();
    }
    return values;
}

int64_t gguf_file::required_integer(const char * key, int64_t min, int64_t max) const {
    const std::optional<int64_t> value = integer(key);
    if (!value) {
        throw error("key " + quoted(key) + " is missing");
    }
    if (*value < min || *value > max) {
        throw error("key " + quoted(key) + " is " + std::to_string(*value) + ", expected " + std::to_string(min) + " to " +
                    std::to_string(max));
    }
    return *value;
}

double gguf_file::required_real(const char * key, double min, double max) const {
    const std::optional<double> value = real(key);
    if (!value) {
        throw error("key " + quoted(key) + " is missing");
    }
    if (!(*value >= min && *value <= max)) {
        char text[128];
        std::snprintf(text, sizeof(text), " is %.9g, expected %.9g to %.9g", *value, min, max);
        throw error("key " + quoted(key) + text);
    }
    return *value;
}

std::string_view gguf_file::required_string(const char * key) const {
    const std::optional<std::string_view> value = string(key);
    if (!value) {
        throw error("key " + quoted(key) + " is missing");
    }
    return *value;
}

const gguf_tensor * gguf_file::find(const std::string & name) const {
    const auto it = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                     [&](size_t i, const std::string & n) { return tensors_[i].name < n; });
    return it != by_name_.end() && tensors_[*it].name == name ? &tensors_[*it] : nullptr;
}

} // namespace omni
