// Changes a GGUF file where it means something: bytes changed at random would die at its magic or first length.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

// A GGUF file in pieces. The counts of the header are those of the lists, whatever a change did to them, unless it changed
// the counts.
struct gguf_parts {
    std::string              start; // magic and version
    std::vector<std::string> keys, tensors; // records
    std::string              data;          // from the first tensor on
};

// False where `file` is too damaged to take apart.
bool take_apart(const std::string & file, gguf_parts & parts);
std::string put_together(const gguf_parts & parts);

// One to four changes.
std::string mutated(const std::string & file, std::mt19937 & random);
