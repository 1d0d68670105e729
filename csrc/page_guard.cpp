// SPDX-License-Identifier: Apache-2.0
#include "page_guard.h"

#ifndef _WIN32
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace omni {

#ifdef _WIN32

page_guard::page_guard(const uint8_t *, size_t) {}
page_guard::~page_guard() = default;
bool page_guard::has_lost_pages() const { return mapping_ != nullptr; }

#else

struct guarded_mapping {
    std::atomic<uintptr_t> begin{0};
    std::atomic<uintptr_t> end{0}; // 0 where no guard uses the entry
    std::atomic<bool>      lost{false};
    guarded_mapping *      next = nullptr;
};

namespace {

std::atomic<guarded_mapping *> mappings{nullptr};
std::mutex                     mappings_mutex; // of guards that come and go; the handler takes no lock
uintptr_t                      page_size = 0;
struct sigaction               previous = {}; // what the process did about SIGBUS before

// Puts zeros in the place of the lost pages. From the first on all are replaced: a file is cut at its end.
bool replace_pages(void * address) {
    const auto at = reinterpret_cast<uintptr_t>(address);
    for (guarded_mapping * m = mappings.load(std::memory_order_acquire); m != nullptr; m = m->next) {
        const uintptr_t begin = m->begin.load(), end = m->end.load();
        if (at < begin || at >= end) {
            continue;
        }
        m->lost.store(true);
        const uintptr_t in_page = at % page_size;
        return mmap(static_cast<uint8_t *>(address) - in_page, end - at + in_page, PROT_READ,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
    }
    return false;
}

// mmap is not on POSIX's list of what a signal handler may call. On Linux and macOS it is a bare system call.
void on_bus_error(int signal, siginfo_t * info, void * context) {
    const int saved = errno;
    // a code of 0 or less is of a signal that somebody sent, which has no address
    const bool replaced = info->si_code > 0 && replace_pages(info->si_addr);
    errno = saved;
    if (replaced) {
        return;
    }
    if ((previous.sa_flags & SA_SIGINFO) != 0) {
        previous.sa_sigaction(signal, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(signal);
    } else if (previous.sa_handler == SIG_DFL || info->si_code > 0) { // a fault can't be ignored
        sigaction(signal, &previous, nullptr);
        raise(signal); // arrives when this handler has returned
    }
}

void install_handler() {
    page_size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action = {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous);
}

// Returns an entry that no guard uses.
guarded_mapping * find_entry() {
    for (guarded_mapping * m = mappings.load(); m != nullptr; m = m->next) {
        if (m->end.load() == 0) {
            return m;
        }
    }
    auto * made = new guarded_mapping;
    made->next = mappings.load();
    mappings.store(made, std::memory_order_release);
    return made;
}

} // namespace

page_guard::page_guard(const uint8_t * base, size_t size) {
    static std::once_flag once;
    std::call_once(once, install_handler);
    const std::lock_guard lock(mappings_mutex);
    mapping_ = find_entry();
    mapping_->lost.store(false);
    mapping_->begin.store(reinterpret_cast<uintptr_t>(base));
    mapping_->end.store(reinterpret_cast<uintptr_t>(base) + size);
}

page_guard::~page_guard() {
    const std::lock_guard lock(mappings_mutex);
    mapping_->end.store(0);
}

bool page_guard::has_lost_pages() const { return mapping_->lost.load(); }

#endif

} // namespace omni
