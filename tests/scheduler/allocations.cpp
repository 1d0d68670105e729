#include "allocations.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>

std::atomic<size_t> largest_allocation{SIZE_MAX};

void * operator new(size_t size) {
    void * memory = size <= largest_allocation ? std::malloc(std::max<size_t>(size, 1)) : nullptr;
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

void operator delete(void * memory) noexcept { std::free(memory); }
void operator delete(void * memory, size_t) noexcept { std::free(memory); }
