"""Workers that are forked from a process with a model (a copy of the memory each, or a hang).

NativeError in the child that says spawn; spawned workers have the same vectors.
"""

import multiprocessing
import os
import warnings

from stage import model, report

import jina_omni


def in_child(queue: multiprocessing.SimpleQueue) -> None:
    try:
        model().encode("a text")
    except jina_omni.NativeError as error:
        queue.put(str(error))
        return
    queue.put("no error")


if hasattr(os, "fork"):
    warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about threads and fork
    model().encode("a text")
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=in_child, args=(queue,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    said = queue.get()
    assert "spawn" in said
    report(said)
report("no fork left the child hanging")
