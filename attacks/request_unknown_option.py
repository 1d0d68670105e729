"""An option of a request that makes the server write before its buffer (n_discard) (CVE-2026-21869).

InputError that names the key: no option of a request is followed.
"""

from stage import model, report

import jina_omni

for option in ("n_discard", "n_keep", "id_slot", "cache_prompt"):
    try:
        model().encode({"content": "a text", option: -999_999})
    except jina_omni.InputError as error:
        assert option in str(error)
        report(str(error))
    else:
        raise AssertionError(option)
