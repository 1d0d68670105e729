// Checks every instruction set that this processor runs, prints its name, and fails where a value is wrong.
#include "check.h"

static int n_failure = 0;

void fail(const std::string & what) {
    if (n_failure++ < 20) {
        std::printf("  %s\n", what.c_str());
    }
}

int main() {
    for (const omni::kernel_set * kernels : omni::runnable_kernels()) {
        std::printf("%s\n", kernels->name);
        std::fflush(stdout);
        check_linear(*kernels);
        check_attention(*kernels);
        check_rows(*kernels);
    }
    if (n_failure > 0) {
        std::printf("%d wrong\n", n_failure);
    }
    return n_failure > 0;
}
