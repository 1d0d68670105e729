// Checks every instruction set that this processor runs, prints its name, and fails where a value is wrong. So it does with the
// sets whose tiles are emulated.
#include "check.h"

#include "emulated_variants.h" // written by the build

namespace omni {
#define OMNI_DECLARE(name, runs)                                                                                               \
    namespace name {                                                                                                           \
    extern const kernel_set kernels;                                                                                           \
    }
OMNI_EMULATED(OMNI_DECLARE)
} // namespace omni

static int n_failure = 0;

void fail(const std::string & what) {
    if (n_failure++ < 20) {
        std::printf("  %s\n", what.c_str());
    }
}

static const omni::kernel_set * find_kernels(const std::string & name) {
    for (const omni::kernel_set * kernels : omni::runnable_kernels()) {
        if (kernels->name == name) {
            return kernels;
        }
    }
    return nullptr;
}

static void check_emulated(const omni::kernel_set & kernels) {
    std::printf("%s, its tiles in plain C++\n", kernels.name);
    std::fflush(stdout);
    check_linear(kernels);
    check_rows(kernels);
}

int main() {
    const omni::kernel_set * const vnni = find_kernels("avx512vnni");
    for (const omni::kernel_set * kernels : omni::runnable_kernels()) {
        std::printf("%s\n", kernels->name);
        std::fflush(stdout);
        check_linear(*kernels);
        check_attention(*kernels);
        check_rows(*kernels);
        if (kernels->name == std::string("amx")) {
            check_same_q8(*kernels, *vnni);
        }
    }
#define OMNI_CHECK(name, runs)                                                                                                 \
    if (runs) {                                                                                                                \
        check_emulated(omni::name::kernels);                                                                                   \
        if (std::string(#name) == "amx_emulated") {                                                                            \
            check_same_q8(omni::name::kernels, *vnni);                                                                         \
        }                                                                                                                      \
    }
    OMNI_EMULATED(OMNI_CHECK)
    if (n_failure > 0) {
        std::printf("%d wrong\n", n_failure);
    }
    return n_failure > 0;
}
