#include "mutator.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace {

enum { type_f32 = 6, type_string = 8, type_array = 9, n_value_types = 13 };
constexpr size_t value_sizes[n_value_types] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

// A number of a record, or a text behind its length.
struct place {
    size_t at;
    size_t size; // of a text without its length
    bool   is_text;
    bool   is_real;
};

struct reader {
    const std::string & bytes;
    size_t              at;
    bool                good = true;
    std::vector<place>  places = {};

    uint64_t number(size_t size, bool is_real = false) {
        if (!good || size > bytes.size() - at) {
            good = false;
            return 0;
        }
        uint64_t value = 0;
        std::memcpy(&value, bytes.data() + at, size);
        places.push_back({at, size, false, is_real});
        at += size;
        return value;
    }

    void text() {
        const uint64_t size = number(8);
        if (!good || size > bytes.size() - at) {
            good = false;
            return;
        }
        places.push_back({at, (size_t) size, true, false});
        at += (size_t) size;
    }

    void key() {
        text();
        uint64_t type = number(4), count = 1;
        if (type == type_array) {
            type  = number(4);
            count = number(8);
        }
        good = good && type < n_value_types && type != type_array && count <= bytes.size();
        for (uint64_t i = 0; good && i < count; i++) {
            if (type == type_string) {
                text();
            } else {
                number(value_sizes[type], type == type_f32);
            }
        }
    }

    void tensor() {
        text();
        const uint64_t n_dims = number(4);
        good = good && n_dims <= 8;
        for (uint64_t i = 0; good && i < n_dims; i++) {
            number(8);
        }
        number(4);
        number(8);
    }
};

constexpr size_t alignment = 32; // none of the seeds asks for another

size_t padding(size_t size) { return (alignment - size % alignment) % alignment; }

template <typename T> void append(std::string & out, T value) { out.append((const char *) &value, sizeof(value)); }

class changer {
public:
    changer(gguf_parts & parts, std::mt19937 & random) : parts_(parts), random_(random) {}

    void change() {
        switch (below(12)) {
            case 0: case 1: case 2: change_place(any_key(), true); break;
            case 3: case 4:         change_place(any_tensor(), false); break;
            case 5:                 change_list(parts_.keys); break;
            case 6:                 change_list(parts_.tensors); break;
            case 7: case 8:         retype(any_tensor()); break;
            case 9: case 10:        change_data(); break;
            default:                change_size(); break;
        }
    }

private:
    size_t below(size_t n) { return n == 0 ? 0 : random_() % n; }

    std::string * any(std::vector<std::string> & list) { return list.empty() ? nullptr : &list[below(list.size())]; }
    // most of a file's bytes, but few of its keys, are tables: each key alike
    std::string * any_key() { return any(parts_.keys); }
    std::string * any_tensor() { return any(parts_.tensors); }

    uint64_t interesting(uint64_t old, size_t size) {
        const uint64_t all = size >= 8 ? ~(uint64_t) 0 : ((uint64_t) 1 << 8 * size) - 1;
        switch (below(10)) {
            case 0:  return 0;
            case 1:  return all;
            case 2:  return all >> 1;
            case 3:  return (all >> 1) + 1;
            case 4:  return old + 1;
            case 5:  return old - 1;
            case 6:  return old * 2;
            case 7:  return old / 2;
            case 8:  return (uint64_t) 1 << below(8 * size);
            default: return below(300);
        }
    }

    uint64_t interesting_real() {
        const float values[] = {0.0f, -0.0f, 1.0f, -1.0f, 1e-6f, 1e-45f, 1e38f, 3e9f, INFINITY, NAN};
        uint32_t bits;
        std::memcpy(&bits, &values[below(10)], sizeof(bits));
        return bits;
    }

    void change_place(std::string * record, bool is_key) {
        if (record == nullptr) {
            return;
        }
        reader r{*record, 0};
        is_key ? r.key() : r.tensor();
        if (r.places.empty()) {
            return;
        }
        const place p = r.places[below(r.places.size())];
        if (!p.is_text) {
            uint64_t value = 0;
            std::memcpy(&value, record->data() + p.at, p.size);
            value = p.is_real ? interesting_real() : interesting(value, p.size);
            std::memcpy(&(*record)[p.at], &value, p.size);
            return;
        }
        std::string text = record->substr(p.at, p.size);
        const char bytes[] = {0, ' ', 'a', '\n', '\x7f', '\x80', '\xc4', '\xe2', '\xf0', '\xff', '<', '|'};
        switch (below(4)) {
            case 0:  text.resize(below(text.size() + 1)); break;
            case 1:  text.insert(below(text.size() + 1), std::string(1 + below(below(20) == 0 ? 5000 : 4), bytes[below(12)])); break;
            case 2:  std::reverse(text.begin(), text.end()); break;
            default:
                if (!text.empty()) {
                    text[below(text.size())] = bytes[below(12)];
                }
        }
        const uint64_t size = text.size();
        record->replace(p.at, p.size, text);
        std::memcpy(&(*record)[p.at - 8], &size, sizeof(size));
    }

    void change_list(std::vector<std::string> & list) {
        if (list.empty()) {
            return;
        }
        const size_t i = below(list.size()), j = below(list.size());
        switch (below(3)) {
            case 0:  list.erase(list.begin() + i); break;
            case 1:  std::swap(list[i], list[j]); break;
            default: list.insert(list.begin() + i, std::string(list[j])); break;
        }
    }

    // The type of a tensor, or its shape turned round; its bytes then mean something else.
    void retype(std::string * record) {
        if (record == nullptr) {
            return;
        }
        reader r{*record, 0};
        r.tensor();
        if (!r.good) {
            return;
        }
        char * type = &(*record)[record->size() - 12];
        if (below(4) > 0) {
            const uint32_t value = (uint32_t) below(42);
            std::memcpy(type, &value, sizeof(value));
        } else {
            std::rotate(type - 8 * (r.places.size() - 5), type - 8, type);
        }
    }

    void change_data() {
        if (parts_.data.size() < 4) {
            return;
        }
        const size_t n = 1 + below(8);
        const size_t at = below(parts_.data.size() - 3), stride = below(2) ? 4 : 1;
        for (size_t i = 0; i < n && at + i * stride + 4 <= parts_.data.size(); i++) {
            const uint32_t bits = below(2) ? (uint32_t) interesting_real() : (uint32_t) random_();
            std::memcpy(&parts_.data[at + i * stride], &bits, sizeof(bits));
        }
    }

    void change_size() {
        switch (below(3)) {
            case 0:  parts_.data.resize(below(parts_.data.size() + 1)); break;
            case 1:  parts_.data.append(1 + below(64), '\0'); break;
            default: parts_.start[below(parts_.start.size())] ^= (char) (1 << below(8)); break;
        }
    }

    gguf_parts &   parts_;
    std::mt19937 & random_;
};

} // namespace

bool take_apart(const std::string & file, gguf_parts & parts) {
    reader r{file, 8};
    const uint64_t n_tensors = r.number(8), n_keys = r.number(8);
    parts.start = file.substr(0, 8);
    const auto records = [&](uint64_t n, std::vector<std::string> & out, void (reader::*read)()) {
        for (uint64_t i = 0; r.good && i < n; i++) {
            const size_t begin = r.at;
            (r.*read)();
            out.push_back(file.substr(begin, r.at - begin));
        }
    };
    records(n_keys, parts.keys, &reader::key);
    records(n_tensors, parts.tensors, &reader::tensor);
    parts.data = file.substr(std::min(file.size(), r.at + padding(r.at)));
    return r.good;
}

std::string put_together(const gguf_parts & parts) {
    std::string file = parts.start;
    append(file, (uint64_t) parts.tensors.size());
    append(file, (uint64_t) parts.keys.size());
    for (const auto * list : {&parts.keys, &parts.tensors}) {
        for (const std::string & record : *list) {
            file += record;
        }
    }
    file.append(padding(file.size()), '\0');
    return file + parts.data;
}

std::string mutated(const std::string & file, std::mt19937 & random) {
    gguf_parts parts;
    if (file.size() < 24 || !take_apart(file, parts)) {
        std::string changed = file;
        for (int i = 0; !changed.empty() && i < 4; i++) {
            changed[random() % std::min<size_t>(changed.size(), 4096)] = (char) random();
        }
        return changed;
    }
    changer c(parts, random);
    for (size_t i = 0, n = 1 + random() % 4; i < n; i++) {
        c.change();
    }
    return put_together(parts);
}
