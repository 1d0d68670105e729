// Preloaded into a process, it lets one allocation fail: of C++, or of the aligned memory that backend buffers and graphs are made
// of. Not those under a page: without a few bytes ggml aborts, as its malloc does. The process arms it, and it counts from then on.
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

// Of all threads: how many allocations are left before the one that fails; negative where none is to.
int64_t n_left = -1;
int64_t n_seen = 0;

bool fails() {
    __atomic_add_fetch(&n_seen, 1, __ATOMIC_RELAXED);
    return __atomic_load_n(&n_left, __ATOMIC_RELAXED) >= 0 && __atomic_fetch_sub(&n_left, 1, __ATOMIC_RELAXED) == 0;
}

void * aligned(size_t alignment, size_t n) {
    // of whole alignments, as aligned_alloc asks for
    return aligned_alloc(alignment, (n + alignment - 1) / alignment * alignment);
}

void * allocated(void * p) {
    if (p == nullptr) {
        throw std::bad_alloc();
    }
    return p;
}

} // namespace

// The allocation after the next n fails; none for n below 0. Returns how many there were since the last call.
extern "C" int64_t fail_after(int64_t n) {
    const int64_t seen = __atomic_exchange_n(&n_seen, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&n_left, n, __ATOMIC_RELAXED);
    return seen;
}

extern "C" int posix_memalign(void ** p, size_t alignment, size_t n) {
    *p = n >= 4096 && fails() ? nullptr : aligned(alignment, n);
    return *p == nullptr ? ENOMEM : 0;
}

void * operator new(size_t n) { return allocated(fails() ? nullptr : malloc(n > 0 ? n : 1)); }
void * operator new(size_t n, std::align_val_t a) { return allocated(fails() ? nullptr : aligned((size_t) a, n)); }
void * operator new(size_t n, const std::nothrow_t &) noexcept { return fails() ? nullptr : malloc(n > 0 ? n : 1); }
void operator delete(void * p) noexcept { free(p); }
void operator delete(void * p, size_t) noexcept { free(p); }
void operator delete(void * p, std::align_val_t) noexcept { free(p); }
void operator delete(void * p, size_t, std::align_val_t) noexcept { free(p); }
