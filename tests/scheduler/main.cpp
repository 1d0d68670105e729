// Runs the test of a name, or lists the names:
//
//   scheduler_test [NAME]
#include "check.h"

#include <cstring>

static const test_case * first = nullptr;

test_case::test_case(const char * name_, void (*run_)()) : name(name_), run(run_), next(first) { first = this; }

int main(int argc, char ** argv) {
    for (const test_case * one = first; one != nullptr; one = one->next) {
        if (argc == 1) {
            std::printf("%s\n", one->name);
        } else if (std::strcmp(one->name, argv[1]) == 0) {
            one->run();
            return 0;
        }
    }
    return argc == 1 ? 0 : 2;
}
