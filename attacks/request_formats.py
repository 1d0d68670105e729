"""Requests whose images another server ignores or answers with status 500 (vendor's fork).

The vector of what they ask for, or InputError that names the key.
"""

import base64

from stage import expect_error, expect_vector

import jina_omni
from testing.media_files import media_file

picture = base64.b64encode(media_file("png")).decode()
image = jina_omni.Image(media_file("png"))
url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
expect_vector({"content": [{"type": "text", "text": "a"}, url]}, like=["a", image])
expect_vector({"messages": [{"role": "user", "content": [url]}]}, like=image)
expect_vector({"prompt_string": "a<__media__>", "multimodal_data": [picture]}, like=["a", image])
expect_error({"content": "a", "images": [picture]}, jina_omni.InputError, "unknown key 'images'")
expect_error({"prompt": "a", "image_data": [picture]}, jina_omni.InputError, "unknown key 'image_data', 'prompt'")
expect_error({"prompt_string": "a", "multimodal_data": [picture]}, jina_omni.InputError, "has 0 markers")
expect_error({"prompt_string": "<__media__>" * 3, "multimodal_data": [picture]}, jina_omni.InputError, "has 3 markers")
