/* The machine's peak: how many multiply-adds of float32, and of integers of 8 and 16 bits, its cores do from registers alone.
 *
 * peak THREADS prints one line of JSON; a multiply-add counts as two operations. Compiled for the machine by roofline.py.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
#if defined(__aarch64__)
#define IN_REGISTER "w"
#elif defined(__AVX512F__)
#define IN_REGISTER "v"
#else
#define IN_REGISTER "x"
#endif
/* the compiler can't know what a value is after this, so it neither leaves out nor merges what follows */
#define OPAQUE(x) __asm__ volatile("" : "+" IN_REGISTER(x))

/* enough for every unit's latency, and few enough for 16 registers */
#define CHAINS 12
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define ROUNDS 400000
#define REPEATS 9

typedef float floats __attribute__((vector_size(BYTES)));

#if defined(__AVX512VNNI__)
#define INT8 "avx512_vnni"
typedef __m512i ints;
#define DOT(sum, a, b) _mm512_dpbusd_epi32(sum, a, b)
#elif defined(__AVXVNNI__)
#define INT8 "avx_vnni"
typedef __m256i ints;
#define DOT(sum, a, b) _mm256_dpbusd_avx_epi32(sum, a, b)
#elif defined(__AVX2__)
#define INT8 "avx2 maddubs"
typedef __m256i ints;
#define DOT(sum, a, b) \
    _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)))
#elif defined(__ARM_FEATURE_MATMUL_INT8)
#define INT8 "i8mm"
typedef int32x4_t ints;
#define DOT(sum, a, b) vmmlaq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b))
#define OPERATIONS 64
#elif defined(__ARM_FEATURE_DOTPROD)
#define INT8 "dotprod"
typedef int32x4_t ints;
#define DOT(sum, a, b) vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b))
#endif
#ifndef OPERATIONS
#define OPERATIONS (2 * sizeof(ints))
#endif

#if defined(__AVX512VNNI__)
#define DOT16(sum, a, b) _mm512_dpwssd_epi32(sum, a, b)
#elif defined(__AVXVNNI__)
#define DOT16(sum, a, b) _mm256_dpwssd_avx_epi32(sum, a, b)
#elif defined(__AVX2__)
#define DOT16(sum, a, b) _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
#endif

static double float32(void) {
    floats a = {0};
    OPAQUE(a);
#define DECLARE(k) \
    floats sum##k = {0}; \
    OPAQUE(sum##k);
#define ADD(k) \
    OPAQUE(a); \
    sum##k = a * a + sum##k;
#define USE(k) OPAQUE(sum##k);
    EACH(DECLARE)
    for (int i = 0; i < ROUNDS; i++) {
        EACH(ADD)
    }
    EACH(USE)
    return 2.0 * (BYTES / sizeof(float)) * CHAINS * ROUNDS;
}
#undef DECLARE
#undef ADD

#ifdef INT8
#define DECLARE(k) \
    ints sum##k = a; \
    OPAQUE(sum##k);

static double int8(void) {
    ints a;
    __builtin_memset(&a, 1, sizeof(a));
#define ADD(k) \
    OPAQUE(a); \
    sum##k = DOT(sum##k, a, a);
    EACH(DECLARE)
    for (int i = 0; i < ROUNDS; i++) {
        EACH(ADD)
    }
    EACH(USE)
    return (double) OPERATIONS * CHAINS * ROUNDS;
}
#undef ADD
#endif

#ifdef DOT16
static double int16(void) {
    ints a;
    __builtin_memset(&a, 1, sizeof(a));
#define ADD(k) \
    OPAQUE(a); \
    sum##k = DOT16(sum##k, a, a);
    EACH(DECLARE)
    for (int i = 0; i < ROUNDS; i++) {
        EACH(ADD)
    }
    EACH(USE)
    return (double) sizeof(ints) * CHAINS * ROUNDS;
}
#endif

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

typedef struct {
    double (*work)(void);
    double rate;
} job;

/* the fastest of several: whatever else runs on the machine only makes it slower */
static void *measure(void *argument) {
    job *mine = argument;
    for (int i = 0; i < REPEATS; i++) {
        double start = now(), operations = mine->work(), rate = operations / (now() - start) / 1e9;
        mine->rate = rate > mine->rate ? rate : mine->rate;
    }
    return NULL;
}

static double peak(double (*work)(void), int n_threads) {
    pthread_t threads[n_threads];
    job jobs[n_threads];
    double sum = 0;
    for (int i = 0; i < n_threads; i++) {
        jobs[i] = (job) {work, 0};
        if (pthread_create(&threads[i], NULL, measure, &jobs[i])) {
            exit(1);
        }
    }
    for (int i = 0; i < n_threads; i++) {
        pthread_join(threads[i], NULL);
        sum += jobs[i].rate;
    }
    return sum;
}

int main(int argc, char **argv) {
    int n_threads = argc > 1 ? atoi(argv[1]) : 1;
    printf("{\"float32\": %.1f", peak(float32, n_threads));
#ifdef INT8
    printf(", \"int8\": %.1f, \"int8_by\": \"%s\"", peak(int8, n_threads), INT8);
#endif
#ifdef DOT16
    printf(", \"int16\": %.1f", peak(int16, n_threads));
#endif
    printf("}\n");
    return 0;
}
