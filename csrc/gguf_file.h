// SPDX-License-Identifier: Apache-2.0
// A GGUF file, mapped read-only. Its header is parsed and checked here, so that no other parser sees a user's file.
#pragma once

#include "ggml.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace omni {

// A file that is missing, unreadable or refused. The text names the file, and the key or tensor.
struct load_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Text out of a file as it may be printed: valid UTF-8 without control characters, cut to about n_max bytes.
std::string printable(std::string_view text, size_t n_max = 80);

struct gguf_tensor {
    std::string            name;
    ggml_type              type;
    std::array<int64_t, 4> ne;     // 1 beyond n_dims
    int                    n_dims;
    const uint8_t *        data;   // in the mapping, at least 8-byte aligned
    size_t                 n_bytes;
};

struct file_unmap {
    size_t size = 0;
    void operator()(const uint8_t * base) const noexcept;
};

// To be moved, not copied; tensors and views stay valid.
class gguf_file {
public:
    // Maps, parses and checks the file; its tensors lie inside it, aligned and apart. Throws load_error.
    explicit gguf_file(const std::string & path_utf8);

    const std::string & path() const { return path_; }
    const uint8_t     * base() const { return base_.get(); } // page aligned
    size_t              size() const { return base_.get_deleter().size; }

    // A load_error about this file, to be thrown: "<path>: <what>".
    load_error error(const std::string & what) const;

    // Values of keys, nullopt where the file lacks the key; load_error where its value is of another type, does not fit or is
    // not finite. Views point into the mapping: they end with this object and are not terminated, but hold no NUL.
    bool has(const char * key) const { return find_key(key) != nullptr; }
    bool has_string(const char * key) const; // false for values of other types too

    std::optional<int64_t>          integer(const char * key) const; // any integer type, not bool
    std::optional<double>           real   (const char * key) const; // f32 or f64
    std::optional<bool>             boolean(const char * key) const;
    std::optional<std::string_view> string (const char * key) const;

    std::optional<std::vector<int32_t>>          integers(const char * key) const;
    std::optional<std::vector<float>>            reals   (const char * key) const;
    std::optional<std::vector<bool>>             booleans(const char * key) const;
    std::optional<std::vector<std::string_view>> strings (const char * key) const;

    // The same, but load_error where the key is absent or its value outside [min, max].
    int64_t          required_integer(const char * key, int64_t min, int64_t max) const;
    double           required_real   (const char * key, double min, double max) const;
    std::string_view required_string (const char * key) const;

    const gguf_tensor * find(const std::string & name) const; // nullptr where absent
    const std::vector<gguf_tensor> & tensors() const { return tensors_; } // in the order of the file

private:
    struct entry {
        std::string key;
        uint32_t    type;     // of the value, or of an array's elements
        bool        is_array;
        size_t      count;    // elements, 1 for a single value
        size_t      begin;    // byte range of the elements in the file
        size_t      end;
    };

    void map();
    void parse();
    const entry * find_key(const char * key) const;
    const entry * single(const char * key) const;
    const entry * array(const char * key) const;
    int64_t integer_at(const entry & e, size_t i) const;
    double  real_at(const entry & e, size_t i) const;
    load_error wrong_type(const entry & e, const char * expected) const;

    std::string                                path_;
    std::unique_ptr<const uint8_t, file_unmap> base_;
    std::vector<entry>                         entries_; // sorted by key
    std::vector<gguf_tensor>                   tensors_;
    std::vector<size_t>                        by_name_; // indices of tensors_, sorted by name
};

} // namespace omni
