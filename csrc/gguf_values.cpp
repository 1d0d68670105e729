// SPDX-License-Identifier: Apache-2.0
// The values of a file's keys.
#include "gguf_file.h"
#include "gguf_format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace omni {

omni::error gguf_file::wrong_type(const entry & e, const char * expected) const {
    return error("key " + quoted(e.key) + " is " + (e.is_array ? "an array of " : "of type ") + value_types[e.type].name +
                 ", expected " + expected);
}

const gguf_file::entry * gguf_file::find_key(const char * key) const {
    const std::string_view wanted(key);
    const auto             it = std::lower_bound(entries_.begin(), entries_.end(), wanted,
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
    double          value = 0;
    switch (e.type) {
        case type_f32: value = double(load<float>(p)); break;
        case type_f64: value = load<double>(p); break;
        default:       throw wrong_type(e, "f32 or f64");
    }
    if (!std::isfinite(value)) {
        throw error("key " + quoted(e.key) + " is not a finite number");
    }
    return value;
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
    cursor c(file_, e->begin, e->end);
    return c.text();
}

std::optional<std::string_view> gguf_file::find_string(const char * key) const {
    const entry * e = find_key(key);
    return e != nullptr && !e->is_array && e->type == type_string ? string(key) : std::nullopt;
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
    cursor                        c(file_, e->begin, e->end);
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
    if (*value < min || *value > max) {
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

} // namespace omni
