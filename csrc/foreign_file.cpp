// SPDX-License-Identifier: Apache-2.0
#include "foreign_file.h"

#include "mapped_file.h"
#include "printable.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace omni {

namespace {

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

} // namespace

std::string describe_foreign_file(std::string_view head, uint64_t size) {
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
    uint64_t length = 0; // of the header of a safetensors file
    std::memcpy(&length, head.data(), std::min(head.size(), sizeof(length)));
    if (head.size() > 8 && head[8] == '{' && length <= 100000000) {
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
        return std::string("it starts with zeros, as an unfinished download does") + download_again;
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

} // namespace omni
