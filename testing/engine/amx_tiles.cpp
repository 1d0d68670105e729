// Does this compiler configure the tiles of AMX? Ends by an illegal instruction where it does not.
#ifdef __AMX_INT8__
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

struct tile_config {
    unsigned char  palette = 1, start_row = 0, reserved[14] = {};
    unsigned short row_bytes[16] = {};
    unsigned char  n_rows[16] = {};
};

int main() {
    constexpr int request = 0x1023, tile_data = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    if (syscall(SYS_arch_prctl, request, tile_data) != 0) {
        return 0; // a kernel that gives no tiles, which ggml takes for a processor without
    }
    alignas(64) tile_config config;
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.n_rows[i]    = 16;
    }
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_release();
}
#else
int main() {}
#endif
