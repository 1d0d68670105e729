// SPDX-License-Identifier: Apache-2.0
// A GGUF file in memory. Its header is parsed and checked here, so that no other parser sees a user's file.
#pragma once

#include "error.h"
#include "ggml.h"
#include "mapped_file.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace omni {

class cursor;

struct gguf_tensor {
    std::string            name;
    ggml_type              type = GGML_TYPE_F32;
    std::array<int64_t, 4> ne = {1, 1, 1, 1}; // 1 beyond n_dims
    int                    n_dims = 1;
    const uint8_t *        data = nullptr; // in the memory of its part, at least 8-byte aligned
    size_t                 n_bytes = 0;
    size_t                 i_part = 0; // of the file's parts, 0 where it is not split

    int64_t n_elements() const { return ne[0] * ne[1] * ne[2] * ne[3]; }
    bool    holds_weights() const { return type == GGML_TYPE_F32 || ggml_get_type_traits(type)->to_float != nullptr; }
};

// Neither copied nor moved. Those who keep tensors or views of it share its ownership.
class gguf_file {
public:
    // Opens, parses and checks the file, and the other parts of one that is split, of which this is the first; its tensors lie
    // inside it, aligned and apart. Throws error.
    gguf_file(const std::string & path_utf8, file_access access);

    const std::string & path() const { return file_.path(); }

    // The file, or its parts in their order: what tensors lie in.
    std::vector<const mapped_file *> parts() const;

    // See mapped_file.
    void require_unchanged() const;

    // As mapped_file::release_pages, of all parts.
    void release_pages() const;

    // An error about this file, to be thrown: "<path>: <what>".
    omni::error error(const std::string & what) const { return file_.error(what); }

    // Values of keys, of the first part of a split file; nullopt where it lacks the key. They throw error where its value is of
    // another type, does not fit or is not finite. Views point into the file: they end with this object and are not terminated,
    // but hold no NUL.
    bool has(const char * key) const { return find_key(key) != nullptr; }

    std::optional<int64_t>          integer(const char * key) const; // any integer type, not bool
    std::optional<double>           real(const char * key) const;    // f32 or f64
    std::optional<bool>             boolean(const char * key) const;
    std::optional<std::string_view> string(const char * key) const;
    std::optional<std::string_view> find_string(const char * key) const; // nullopt for values of other types too

    std::optional<std::vector<int32_t>>          integers(const char * key) const;
    std::optional<std::vector<float>>            reals(const char * key) const;
    std::optional<std::vector<bool>>             booleans(const char * key) const;
    std::optional<std::vector<std::string_view>> strings(const char * key) const;

    // The same, but they throw error too where the key is absent or its value outside [min, max].
    int64_t          required_integer(const char * key, int64_t min, int64_t max) const;
    double           required_real(const char * key, double min, double max) const;
    std::string_view required_string(const char * key) const;

    const gguf_tensor *              find(const std::string & name) const; // nullptr where absent
    const std::vector<gguf_tensor> & tensors() const { return tensors_; }  // in the order of the file

private:
    struct entry {
        std::string key;
        uint32_t    type = 0; // of the value, or of an array's elements
        bool        is_array = false;
        size_t      count = 1; // elements, 1 for a single value
        size_t      begin = 0; // byte range of the elements in the file
        size_t      end = 0;
    };

    struct counts {
        uint64_t tensors;
        uint64_t keys;
    };

    // A tensor, not yet placed in the mapping, and its offset in the data of the file.
    struct tensor_record {
        gguf_tensor tensor;
        uint64_t    offset = 0;
    };

    struct one_part {};

    gguf_file(const std::string & path_utf8, file_access access, one_part); // the others are not looked for

    const uint8_t * base() const { return file_.base(); }
    size_t          size() const { return file_.size(); }

    void read_other_parts(file_access access); // gguf_parts.cpp

    // Parsing, in this order.
    counts                read_counts(cursor & c) const;
    void                  read_keys(cursor & c, uint64_t n_keys);
    uint64_t              read_alignment() const;
    std::vector<uint64_t> read_tensors(cursor & c, uint64_t n_tensors, uint64_t alignment); // returns their offsets
    void                  place_tensors(const std::vector<uint64_t> & offsets, uint64_t data_begin);
    void                  sort_names();

    static entry         read_entry(cursor & c);
    static tensor_record read_tensor(cursor & c, uint64_t alignment);

    const entry * find_key(const char * key) const;
    const entry * single(const char * key) const;
    const entry * array(const char * key) const;
    int64_t       integer_at(const entry & e, size_t i) const;
    double        real_at(const entry & e, size_t i) const;
    omni::error   wrong_type(const entry & e, const char * expected) const;

    mapped_file                      file_;
    std::vector<entry>               entries_; // sorted by key
    std::vector<gguf_tensor>         tensors_;
    std::vector<const gguf_tensor *> by_name_;

    std::vector<std::unique_ptr<const gguf_file>> other_parts_;
};

} // namespace omni
