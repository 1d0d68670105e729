// SPDX-License-Identifier: Apache-2.0
// What the machine reaches at most: the multiply-adds of a linear product, and the bytes that it reads from memory. Both are
// measured on threads like those of a device, in short loops over about 0.1 s, of which the fastest counts: the multiply-adds in
// processor time, as if all threads had a processor of their own, the reads in wall-clock time, since threads share the memory.
#pragma once

#include "kernels/kernels.h"

namespace omni {

// A second. Throws std::system_error.
double measure_multiply_adds(const linear_product & product, int n_thread);

// A second. Throws std::bad_alloc, std::system_error.
double measure_memory_reads(int n_thread);

} // namespace omni
