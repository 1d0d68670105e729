// SPDX-License-Identifier: Apache-2.0
#include "gguf_file.h"

#include "foreign_file.h"
#include "gguf_format.h"

#include <algorithm>
#include <limits>

#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "the tensors of these files are little-endian, and used in place"
#endif

namespace omni {

namespace {

constexpr uint64_t max_keys = 65536;
constexpr uint64_t max_tensors = 65536;
constexpr uint64_t max_key_length = 65535;
constexpr uint64_t max_array = 16u << 20;                    // elements
constexpr uint64_t max_elements = uint64_t(1) << 40;         // of one tensor
constexpr uint64_t min_key_bytes = 8 + 1 + 4 + 1;            // length, name, type, value
constexpr uint64_t min_tensor_bytes = 8 + 1 + 4 + 8 + 4 + 8; // length, name, n_dims, one dimension, type, offset

uint64_t round_up(uint64_t n, uint64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

} // namespace

gguf_file::gguf_file(const std::string & path_utf8, file_access access) : gguf_file(path_utf8, access, one_part{}) {
    read_other_parts(access);
    sort_names();
}

gguf_file::gguf_file(const std::string & path_utf8, file_access access, one_part) : file_(path_utf8, access) {
    const std::string_view head(reinterpret_cast<const char *>(base()), std::min<size_t>(size(), 256));
    if (head.substr(0, 4) != "GGUF") {
        throw error("not a GGUF file: " + describe_foreign_file(head, size()));
    }
    cursor       c(file_, 4, size());
    const counts n = read_counts(c);
    read_keys(c, n.keys);
    const uint64_t              alignment = read_alignment();
    const std::vector<uint64_t> offsets = read_tensors(c, n.tensors, alignment);
    place_tensors(offsets, round_up(c.pos(), alignment));
}

gguf_file::counts gguf_file::read_counts(cursor & c) const {
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
    const uint64_t n_keys = c.number<uint64_t>();
    if (n_tensors > max_tensors || n_keys > max_keys || n_tensors * min_tensor_bytes + n_keys * min_key_bytes > c.left()) {
        throw error("the header announces " + std::to_string(n_tensors) + " tensors and " + std::to_string(n_keys) +
                    " keys, more than it may or can hold: the file is cut short or damaged" + download_again);
    }
    return {n_tensors, n_keys};
}

// ---- keys ---------------------------------------------------------------------------------------------------------------

void gguf_file::read_keys(cursor & c, uint64_t n_keys) {
    entries_.reserve(size_t(n_keys));
    for (uint64_t i = 0; i < n_keys; ++i) {
        c.item = "key number " + std::to_string(i);
        entries_.push_back(read_entry(c));
    }
    std::sort(entries_.begin(), entries_.end(), [](const entry & a, const entry & b) { return a.key < b.key; });
    const auto twice = std::adjacent_find(entries_.begin(), entries_.end(),
                                          [](const entry & a, const entry & b) { return a.key == b.key; });
    if (twice != entries_.end()) {
        throw error("key " + quoted(twice->key) + " occurs twice");
    }
}

gguf_file::entry gguf_file::read_entry(cursor & c) {
    entry e;
    e.key = c.name(max_key_length);
    c.item = "key " + quoted(e.key);

    e.type = c.number<uint32_t>();
    e.is_array = e.type == type_array;
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
        const uint8_t * p = c.take(n_bytes);
        if (e.type == type_bool && std::any_of(p, p + n_bytes, [](uint8_t b) { return b > 1; })) {
            throw c.error(std::string("has a bool that is neither 0 nor 1: the file is damaged") + download_again);
        }
    }
    e.end = c.pos();
    return e;
}

uint64_t gguf_file::read_alignment() const {
    const entry * e = find_key("general.alignment");
    if (e == nullptr) {
        return 32;
    }
    if (e->is_array || e->type != type_u32) {
        throw wrong_type(*e, "u32");
    }
    const uint64_t alignment = uint64_t(integer_at(*e, 0));
    if (alignment < 8 || alignment > 65536 || (alignment & (alignment - 1)) != 0) {
        throw error("key 'general.alignment' is " + std::to_string(alignment) + ", expected a power of two from 8 to 65536");
    }
    return alignment;
}

// ---- tensors ------------------------------------------------------------------------------------------------------------

std::vector<uint64_t> gguf_file::read_tensors(cursor & c, uint64_t n_tensors, uint64_t alignment) {
    std::vector<uint64_t> offsets;
    offsets.reserve(size_t(n_tensors));
    tensors_.reserve(size_t(n_tensors));
    for (uint64_t i = 0; i < n_tensors; ++i) {
        c.item = "tensor number " + std::to_string(i);
        tensor_record record = read_tensor(c, alignment);
        offsets.push_back(record.offset);
        tensors_.push_back(std::move(record.tensor));
    }
    return offsets;
}

gguf_file::tensor_record gguf_file::read_tensor(cursor & c, uint64_t alignment) {
    gguf_tensor t;
    t.name = c.name(GGML_MAX_NAME - 1);
    c.item = "tensor " + quoted(t.name);

    const uint32_t n_dims = c.number<uint32_t>();
    if (n_dims < 1 || n_dims > 4) {
        throw c.error("has " + std::to_string(n_dims) + " dimensions, expected 1 to 4");
    }
    t.n_dims = int(n_dims);
    uint64_t n_elements = 1;
    for (uint32_t j = 0; j < n_dims; ++j) {
        const uint64_t ne = c.number<uint64_t>();
        if (ne < 1 || ne > max_elements / n_elements) {
            throw c.error("has " + std::to_string(ne) + " as dimension " + std::to_string(j) + ", expected 1 or more, and " +
                          std::to_string(max_elements) + " elements at most");
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
    const uint64_t block_bytes = ggml_type_size(t.type);
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
        throw c.error("lies at offset " + std::to_string(offset) + ": the file is damaged" + download_again);
    }
    if (n_bytes > std::numeric_limits<size_t>::max()) {
        throw c.error("has " + std::to_string(n_bytes) + " bytes, too many for this process; use a 64-bit one");
    }
    t.n_bytes = size_t(n_bytes);
    return {std::move(t), offset};
}

// Finds each tensor's data, which must lie inside the file and over no other's.
void gguf_file::place_tensors(const std::vector<uint64_t> & offsets, uint64_t data_begin) {
    uint64_t n_expected = 0;
    for (size_t i = 0; i < tensors_.size(); ++i) {
        n_expected = std::max<uint64_t>(n_expected, data_begin + offsets[i] + tensors_[i].n_bytes);
    }
    if (n_expected > size()) {
        throw error("the file is cut short: expected " + std::to_string(n_expected) + " bytes, found " +
                    std::to_string(size()) + download_again);
    }
    std::vector<const gguf_tensor *> by_place;
    by_place.reserve(tensors_.size());
    for (size_t i = 0; i < tensors_.size(); ++i) {
        tensors_[i].data = base() + size_t(data_begin + offsets[i]);
        by_place.push_back(&tensors_[i]);
    }
    std::sort(by_place.begin(), by_place.end(), [](const gguf_tensor * a, const gguf_tensor * b) { return a->data < b->data; });
    const auto over = std::adjacent_find(by_place.begin(), by_place.end(), [](const gguf_tensor * a, const gguf_tensor * b) {
        return size_t(b->data - a->data) < a->n_bytes;
    });
    if (over != by_place.end()) {
        throw error("tensors " + quoted(over[0]->name) + " and " + quoted(over[1]->name) + " overlap: the file is damaged" +
                    download_again);
    }
}

void gguf_file::sort_names() {
    by_name_.reserve(tensors_.size());
    for (const gguf_tensor & t : tensors_) {
        by_name_.push_back(&t);
    }
    std::sort(by_name_.begin(), by_name_.end(), [](const gguf_tensor * a, const gguf_tensor * b) { return a->name < b->name; });
    const auto twice = std::adjacent_find(by_name_.begin(), by_name_.end(),
                                          [](const gguf_tensor * a, const gguf_tensor * b) { return a->name == b->name; });
    if (twice != by_name_.end()) {
        throw error("tensor " + quoted((*twice)->name) + " occurs twice");
    }
}

const gguf_tensor * gguf_file::find(const std::string & name) const {
    const auto it = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                     [](const gguf_tensor * t, const std::string & n) { return t->name < n; });
    return it != by_name_.end() && (*it)->name == name ? *it : nullptr;
}

} // namespace omni
