// What the tests of the scheduler share.
#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

inline void demand(bool condition, const std::string & text) {
    if (!condition) {
        std::printf("wrong: %s\n", text.c_str());
        std::fflush(stdout);
        std::_Exit(1); // other threads may wait for what will not come
    }
}

// Waits for what must become true. The caller of the program has an end to its patience.
inline void wait_until(const std::function<bool()> & is_true) {
    while (!is_true()) {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
}

// A function that main calls by its name.
struct test_case {
    test_case(const char * name, void (*run)());

    const char * name;
    void (*run)();
    const test_case * next;
};

#define TEST(name)                                                                                                             \
    static void            name();                                                                                             \
    static const test_case name##_case(#name, name);                                                                           \
    static void            name()
