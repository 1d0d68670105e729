// SPDX-License-Identifier: Apache-2.0
// The parts of a split file, as llama-gguf-split writes them: the keys split.no, split.count and split.tensors.count, and names
// that end in -00001-of-00002.gguf (llama_split_path of llama.cpp). All other keys are in the first part.
#include "gguf_file.h"

#include <cstdio>
#include <utility>

namespace omni {

namespace {

std::string name_ending(int64_t number, int64_t count) {
    char text[64];
    std::snprintf(text, sizeof(text), "-%05d-of-%05d.gguf", int(number), int(count));
    return text;
}

} // namespace

void gguf_file::read_other_parts(file_access access) {
    constexpr int64_t max_parts = 99999; // as many as the names count
    const int64_t     count = integer("split.count").value_or(1);
    if (count <= 1) {
        return;
    }
    if (count > max_parts) {
        throw error("key 'split.count' is " + std::to_string(count) + ", expected at most " + std::to_string(max_parts));
    }
    const int64_t number = required_integer("split.no", 0, count - 1);
    if (number != 0) {
        throw error("is part " + std::to_string(number + 1) + " of " + std::to_string(count) +
                    " of a split file; pass the first part, whose name ends in " + name_ending(1, count));
    }
    const std::string ending = name_ending(1, count);
    if (path().size() < ending.size() || path().compare(path().size() - ending.size(), ending.size(), ending) != 0) {
        throw error("is the first of " + std::to_string(count) +
                    " parts of a split file, which are found by names that end in " + ending +
                    " and so on; give them these names, or join them with llama-gguf-split --merge");
    }
    const std::string stem = path().substr(0, path().size() - ending.size());
    for (int64_t i = 1; i < count; ++i) {
        std::unique_ptr<const gguf_file> part;
        try {
            part.reset(new gguf_file(stem + name_ending(i + 1, count), access, one_part{}));
            part->required_integer("split.no", i, i);
            part->required_integer("split.count", count, count);
        } catch (const omni::error & e) {
            throw error("is the first of " + std::to_string(count) + " parts of a split file, of which part " +
                        std::to_string(i + 1) + " is refused: " + e.what());
        }
        for (gguf_tensor tensor : part->tensors_) {
            tensor.i_part = size_t(i);
            tensors_.push_back(std::move(tensor));
        }
        other_parts_.push_back(std::move(part));
    }
    const int64_t n_announced = integer("split.tensors.count").value_or(int64_t(tensors_.size()));
    if (n_announced != int64_t(tensors_.size())) {
        throw error("key 'split.tensors.count' is " + std::to_string(n_announced) + ", but the " + std::to_string(count) +
                    " parts of the split file have " + std::to_string(tensors_.size()) + " tensors: a part is of another file" +
                    download_again);
    }
}

std::vector<const mapped_file *> gguf_file::parts() const {
    std::vector<const mapped_file *> all = {&file_};
    for (const auto & part : other_parts_) {
        all.push_back(&part->file_);
    }
    return all;
}

void gguf_file::require_unchanged() const {
    for (const mapped_file * part : parts()) {
        part->require_unchanged();
    }
}

void gguf_file::release_pages() const {
    for (const mapped_file * part : parts()) {
        part->release_pages();
    }
}

} // namespace omni
