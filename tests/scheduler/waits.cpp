#include "waits.h"

#include <chrono>
#include <thread>

#include <pthread.h>

std::function<void(ggml_cgraph *)> before_piece;

static thread_local watched_waits * watched = nullptr;

void watched_waits::watch() { watched = this; }

extern "C" {

int __real_pthread_mutex_lock(pthread_mutex_t * mutex);
int __real_pthread_cond_clockwait(pthread_cond_t * condition, pthread_mutex_t * mutex, clockid_t clock, const timespec * end);
int __wrap_pthread_cond_clockwait(pthread_cond_t * condition, pthread_mutex_t * mutex, clockid_t clock, const timespec * end) {
    if (watched != nullptr) {
        watched->n_sleep++;
    }
    const int status = __real_pthread_cond_clockwait(condition, mutex, clock, end);
    while (watched != nullptr && watched->is_late) {
        pthread_mutex_unlock(mutex);
        std::this_thread::sleep_for(std::chrono::microseconds(100));
        __real_pthread_mutex_lock(mutex);
    }
    return status;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t * mutex) {
    if (watched != nullptr) {
        watched->n_lock++;
    }
    return __real_pthread_mutex_lock(mutex);
}

ggml_status __real_ggml_backend_graph_compute(ggml_backend_t backend, ggml_cgraph * graph);
ggml_status __wrap_ggml_backend_graph_compute(ggml_backend_t backend, ggml_cgraph * graph) {
    if (before_piece) {
        before_piece(graph);
    }
    return __real_ggml_backend_graph_compute(backend, graph);
}
}
