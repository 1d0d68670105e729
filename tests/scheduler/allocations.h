// Memory that is not there.
#pragma once

#include <atomic>
#include <cstddef>

extern std::atomic<size_t> largest_allocation; // bytes; operator new fails for more
