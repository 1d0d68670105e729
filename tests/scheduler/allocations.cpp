#include "allocations.h"

#include <cstdint>
#include <new>

std::atomic<size_t> largest_allocation{SIZE_MAX};

// operator new(size_t) on a 64-bit system
extern "C" void * __real__Znwm(size_t size);
extern "C" void * __wrap__Znwm(size_t size) {
    if (size > largest_allocation) {
        throw std::bad_alloc();
    }
    return __real__Znwm(size);
}
