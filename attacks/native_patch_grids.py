"""Fewer patches than their grids say, given to the native layer (heap over-read in mtmd_bitmap_init).

ValueError.
"""

import numpy as np
from stage import model_files, report

from jina_omni.native import Context, Projector, find_device

cpu = find_device("cpu")
context, projector = Context(cpu, 1), Projector(model_files().vision, cpu)
patches = np.zeros((15, 1536), np.float32)
grids = ([[1, 4, 4]], [[1, 1 << 15, 1 << 15]], [[0, 4, 4]], [[-1, -4, 4]], [[1, 3, 5]], [[1 << 20, 1 << 20, 1 << 20]])
for grid in grids:
    try:
        context.encode_patches(projector, patches, np.array(grid, np.int32))
    except ValueError as error:
        report(str(error))
    else:
        raise AssertionError(grid)
