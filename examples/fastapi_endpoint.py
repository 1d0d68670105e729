# SPDX-License-Identifier: Apache-2.0
"""Serve embeddings, an indexing job and a search over HTTP with FastAPI, all with one model.

    pip install '.[all,examples]'           # in a checkout of jina_omni
    python examples/fastapi_endpoint.py     # the toy model
    python examples/fastapi_endpoint.py --model small-retrieval
    alias post="curl --no-buffer -H 'Content-Type: application/json' -d"
    post '{"inputs": [{"type": "text", "value": "a cat"}]}' localhost:8000/embed
    post '[{"id": "1", "input": {"type": "text", "value": "a cat"}}]' localhost:8000/index
    post '{"query": {"type": "text", "value": "a pet"}}' localhost:8000/search

Queries are answered while documents are indexed. A client that leaves, a timeout and Ctrl-C stop what is computed.
Media come in base64. In this form a value is never a path, so a request can't read the server's files.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from typing import Literal

import numpy as np
import numpy.typing as npt
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

import jina_omni
from jina_omni.errors import LocatedError

TIMEOUT = 30.0
"""Seconds after which a request is given up, except an indexing job."""


class Input(BaseModel):
    """A text, or a file in base64."""

    type: Literal["text", "image", "audio", "video", "pdf"]
    value: str


class EmbedRequest(BaseModel):
    """What to embed, as queries or as documents."""

    inputs: list[Input] = Field(min_length=1, max_length=64)
    prompt_name: Literal["query", "document"] = "document"


class EmbedResponse(BaseModel):
    """An embedding of unit length for each input."""

    embeddings: list[list[float]]


class Document(BaseModel):
    """What to index, and by which name a search finds it."""

    id: str
    input: Input


class SearchRequest(BaseModel):
    """What to look for, and how many documents to find."""

    query: Input
    k: int = Field(10, ge=1, le=100)


class Hit(BaseModel):
    """A document that was found, with its cosine to the query."""

    id: str
    cosine: float


def create_app(model: jina_omni.Model) -> FastAPI:
    """Return an application with one model, which all requests share."""
    app = FastAPI(title="jina_omni")
    index: dict[str, npt.NDArray[np.float32]] = {}  # in place of a vector database

    @app.post("/embed")
    async def embed(request: EmbedRequest) -> EmbedResponse:
        inputs = [item.model_dump() for item in request.inputs]
        call = model.encode_async(inputs, prompt_name=request.prompt_name)
        return EmbedResponse(embeddings=(await asyncio.wait_for(call, TIMEOUT)).tolist())

    @app.post("/search")
    async def search(request: SearchRequest) -> list[Hit]:
        query = await asyncio.wait_for(model.encode_query_async(request.query.model_dump()), TIMEOUT)
        if not index:
            return []
        names, cosines = list(index), model.similarity(query, np.stack(list(index.values())))[0]
        return [Hit(id=names[i], cosine=cosines[i]) for i in np.argsort(-cosines)[: request.k]]

    @app.post("/index")
    async def add_to_index(documents: list[Document]) -> StreamingResponse:
        async def run() -> AsyncIterator[str]:  # FastAPI cancels it when the client leaves
            embeddings = model.encode_iter_async(
                [document.input.model_dump() for document in documents],
                prompt_name="document",
                priority="background",
                on_error="return",
            )
            for document in documents:
                found = await anext(embeddings)
                error = str(found) if isinstance(found, LocatedError) else None
                if error is None:
                    index[document.id] = found
                yield json.dumps({"id": document.id, "error": error}) + "\n"

        return StreamingResponse(run(), media_type="application/x-ndjson")

    @app.exception_handler(LocatedError)
    async def refuse(_: Request, error: LocatedError) -> JSONResponse:
        return JSONResponse({"detail": {"index": error.index, "message": str(error)}}, 422)

    @app.exception_handler(asyncio.TimeoutError)
    async def give_up(_: Request, _error: asyncio.TimeoutError) -> JSONResponse:
        return JSONResponse({"detail": f"took over {TIMEOUT:.0f} seconds"}, 503)

    return app


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a file, a folder or a name of a model; without it, the toy model")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    args = parser.parse_args()
    with jina_omni.Model(args.model) if args.model else jina_omni.demo_model() as model:
        # After Ctrl-C, what still runs has this many seconds before it is cancelled.
        uvicorn.run(create_app(model), host="127.0.0.1", port=args.port, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
