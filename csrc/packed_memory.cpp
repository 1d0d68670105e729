// SPDX-License-Identifier: Apache-2.0
#include "packed_memory.h"

#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace omni {

namespace {

constexpr std::align_val_t huge_page{2 << 20}; // bytes, on x86-64, and on ARM with pages of 4 KiB

} // namespace

packed_memory::packed_memory(size_t n_byte) : data_(static_cast<uint8_t *>(::operator new(n_byte, huge_page))) {
#ifdef __linux__
    madvise(data_.get(), n_byte, MADV_HUGEPAGE); // no more than a wish
#endif
}

void packed_memory::release::operator()(uint8_t * data) const { ::operator delete(data, huge_page); }

} // namespace omni
