// SPDX-License-Identifier: Apache-2.0
// A flag that stops a computation; another thread may set it at any time.
#pragma once

#include <cstdint>

namespace omni {

class cancel_flag {
public:
    explicit cancel_flag(const volatile int32_t * flag) : flag_(flag) {} // null: never set

    bool is_set() const {
#ifdef _MSC_VER
        return flag_ != nullptr && *flag_ != 0; // a volatile read is atomic there
#else
        return flag_ != nullptr && __atomic_load_n(flag_, __ATOMIC_RELAXED) != 0;
#endif
    }

private:
    const volatile int32_t * flag_;
};

// What a cancel_flag looks at, where it is ours.
inline void set_cancelled(volatile int32_t & flag) {
#ifdef _MSC_VER
    flag = 1; // a volatile write is atomic there
#else
    __atomic_store_n(&flag, 1, __ATOMIC_RELAXED);
#endif
}

} // namespace omni
