// SPDX-License-Identifier: Apache-2.0
// What an ARM processor has beyond its baseline. Compilers have no function for it, so the system is asked. On an unknown
// system the answer is no.
#pragma once

#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <cstddef>
#include <sys/sysctl.h>
#endif

namespace omni {

#if defined(__linux__)

// The bits as the kernel's interface has them; older headers lack the second.
inline bool arm_has_dotprod() { return getauxval(AT_HWCAP) >> 20 & 1; }
inline bool arm_has_i8mm() { return getauxval(AT_HWCAP2) >> 13 & 1; }

#elif defined(__APPLE__)

inline bool arm_has(const char * feature) {
    int    value = 0; // where the system doesn't know the name, either
    size_t size = sizeof(value);
    return sysctlbyname(feature, &value, &size, nullptr, 0) == 0 && value != 0;
}
inline bool arm_has_dotprod() { return arm_has("hw.optional.arm.FEAT_DotProd"); }
inline bool arm_has_i8mm() { return arm_has("hw.optional.arm.FEAT_I8MM"); }

#else

inline bool arm_has_dotprod() { return false; }
inline bool arm_has_i8mm() { return false; }

#endif

} // namespace omni
