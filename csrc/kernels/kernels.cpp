// SPDX-License-Identifier: Apache-2.0
#include "kernels.h"

#include "isa/arm_processor.h"
#include "isa/x86_processor.h"
#include "kernel_variants.h" // written by the build

namespace omni {

// OMNI_VARIANTS(V) is V(name, whether this processor runs it) for every variant in the build, the best first.
#define OMNI_DECLARE(name, runs)                                                                                               \
    namespace name {                                                                                                           \
    extern const kernel_set kernels;                                                                                           \
    }
OMNI_VARIANTS(OMNI_DECLARE)

const std::vector<const kernel_set *> & runnable_kernels() {
    static const std::vector<const kernel_set *> all = [] {
        std::vector<const kernel_set *> found;
#define OMNI_FIND(name, runs)                                                                                                  \
    if (runs) {                                                                                                                \
        found.push_back(&name::kernels);                                                                                       \
    }
        OMNI_VARIANTS(OMNI_FIND)
        return found;
    }();
    return all;
}

} // namespace omni
