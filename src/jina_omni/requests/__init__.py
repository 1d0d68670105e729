# SPDX-License-Identifier: Apache-2.0
"""What the dicts of other systems mean as inputs; a file for each system.

Taken as they are: requests of the vendor's llama-server, of Elastic and of the Jina API, content parts and chat
messages as OpenAI and vLLM have them, the dicts of sentence-transformers, and rows of Hugging Face's datasets.
`unwrap_request` reads whole requests, `parse_dict` one input. What changes no embedding is ignored: ``model``,
``user``, the ``detail`` of an image, empty messages, and an option that asks for what is done anyway. Any other option
is an error that names the argument of `Model.encode` for it, and so is an unknown key, a message of the system, whose
text belongs into ``prompt=``, and one of an assistant or a tool. The prompt of that method precedes these inputs as it
precedes all; ``prompt=""`` leaves it out where the request's own text already has one.

A str under ``image``, ``audio``, ``video`` or ``pdf`` is understood by its characters alone, in this order:

1. A ``data:`` URL is its bytes. One of ``http:`` or ``https:`` is fetched by the caller's function, and without one it
   is an error. Every other URL is an error, ``file:`` too.
2. Over 4,096 characters, more than a path may have, it is base64.
3. Base64 of at least 16 characters whose bytes begin as a media type that
   `jina_omni.media.file_types.detect_media_type` knows is those bytes, as in the Jina API.
4. Anything else is a path, as in sentence-transformers. So dicts from untrusted sources may name local files.

Bytes there are those of a file, or base64 of it. Blocks that name their format hold base64 or a URL and never a path.
Base64 is that of RFC 4648, section 4: padded; line breaks and blanks in it are skipped (RFC 2045, 6.8).
"""

from __future__ import annotations

from jina_omni.requests.formats import parse_dict, unwrap_request

__all__ = ["parse_dict", "unwrap_request"]
