# What the tests watch (waits.h) and make fail (allocations.h): the linker puts their functions around the calls of the library.
target_link_options(scheduler_test PRIVATE
  LINKER:--wrap=pthread_cond_clockwait LINKER:--wrap=pthread_mutex_lock LINKER:--wrap=ggml_backend_graph_compute LINKER:--wrap=_Znwm)
