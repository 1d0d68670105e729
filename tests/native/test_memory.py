"""Memory does not grow with the number of media in a call."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
from PIL import Image

from tests.native import small_pictures

ROOT = Path(__file__).parents[2]
SIDE = 128  # pixels: 64 patches, whose rows are 400 KB


def test_a_folder_of_a_thousand_images_takes_no_more_towards_its_end(tmp_path: Path) -> None:
    """One call gets the whole folder, whose patches are 400 MB; those read ahead and in a run may be 200 MB."""
    files = small_pictures.write(tmp_path, "small", least=SIDE**2)
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(1_000):
        if i < 300:
            tiles = rng.integers(0, 256, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
            Image.fromarray(tiles).resize((SIDE, SIDE)).save(folder / f"{i:04}.jpg")
        else:  # another file of the same content is another input
            (folder / f"{i:04}.jpg").write_bytes((folder / f"{i % 300:04}.jpg").read_bytes())
    code = """
        import json, sys, threading
        from pathlib import Path
        import psutil
        import jina_omni
        paths = sorted(Path(sys.argv[3]).iterdir())
        me, done, taken = psutil.Process(), threading.Event(), []
        def watch():
            while not done.wait(0.02):
                taken.append(me.memory_info().rss)
        with jina_omni.Model(sys.argv[1], sys.argv[2], n_threads=2) as model:
            watcher = threading.Thread(target=watch)
            watcher.start()
            rows = model.encode(paths)
            done.set()
            watcher.join()
        half = len(taken) // 2
        print(json.dumps([max(taken[:half]), max(taken[half:]), bool((rows[300:600] == rows[:300]).all())]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), files.text, files.vision, folder],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, second, same = json.loads(done.stdout)
    print(f"\nat most {first >> 20} MiB in the first half, {second >> 20} MiB in the second")
    assert same
    assert second - first < 60 << 20  # it would be 200 MB if they were kept
    assert max(first, second) < 450 << 20
