// SPDX-License-Identifier: Apache-2.0
// The types of values in a GGUF file, and a reader of its bytes that never goes beyond them.
#pragma once

#include "mapped_file.h"
#include "printable.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace omni {

enum value_type : uint32_t {
    type_u8,
    type_i8,
    type_u16,
    type_i16,
    type_u32,
    type_i32,
    type_f32,
    type_bool,
    type_string,
    type_array,
    type_u64,
    type_i64,
    type_f64,
    n_types
};

struct value_type_info {
    const char * name;
    size_t       size; // bytes, 0 for what has no fixed size
};

constexpr value_type_info value_types[n_types] = {
    {"u8", 1},   {"i8", 1},     {"u16", 2},   {"i16", 2}, {"u32", 4}, {"i32", 4}, {"f32", 4},
    {"bool", 1}, {"string", 0}, {"array", 0}, {"u64", 8}, {"i64", 8}, {"f64", 8},
};

template <typename T> T load(const uint8_t * p) {
    T value;
    std::memcpy(&value, p, sizeof(value));
    return value;
}

// Reads the bytes [begin, end) of a file one after the other.
class cursor {
public:
    cursor(const mapped_file & file, size_t begin, size_t end) : file_(file), pos_(begin), end_(end) {}

    std::string item = "the header"; // what is being read, for messages

    size_t pos() const { return pos_; }
    size_t left() const { return end_ - pos_; }

    omni::error error(const std::string & what) const { return file_.error(item + " " + what); }

    const uint8_t * take(uint64_t n) {
        if (n > left()) {
            throw error("takes " + std::to_string(n) + " bytes where " + std::to_string(left()) +
                        " are left: the file is cut short or damaged" + download_again);
        }
        const uint8_t * p = file_.base() + pos_;
        pos_ += size_t(n);
        return p;
    }

    template <typename T> T number() { return load<T>(take(sizeof(T))); }

    std::string_view text() {
        const uint64_t n = number<uint64_t>();
        const char *   p = reinterpret_cast<const char *>(take(n));
        if (n > 0 && std::memchr(p, 0, size_t(n)) != nullptr) {
            throw error(std::string("has text with a zero byte in it: the file is damaged") + download_again);
        }
        return std::string_view(p, size_t(n));
    }

    // The name of a key or tensor.
    std::string name(uint64_t n_max) {
        const std::string_view view = text();
        if (view.empty() || view.size() > n_max) {
            throw error("has a name of " + std::to_string(view.size()) + " bytes, expected 1 to " + std::to_string(n_max));
        }
        return std::string(view);
    }

private:
    const mapped_file & file_;
    size_t              pos_;
    size_t              end_;
};

} // namespace omni
