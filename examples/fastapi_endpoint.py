# SPDX-License-Identifier: Apache-2.0
"""Serve embeddings over HTTP with FastAPI.

    pip install '.[all,examples]'           # in a checkout of jina_omni
    python examples/fastapi_endpoint.py     # the toy model
    python examples/fastapi_endpoint.py --model small-retrieval
    curl -H 'Content-Type: application/json' -d '{"inputs": [{"type": "text", "value": "a cat"}]}' localhost:8000/embed

Media come in base64. In this form a value is never a path, so a request can't read the server's files.
"""

from __future__ import annotations

import argparse
from typing import Literal

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

import jina_omni
from jina_omni.errors import LocatedError


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


def create_app(model: jina_omni.Model) -> FastAPI:
    """Return an application with one model, which all requests share."""
    app = FastAPI(title="jina_omni")

    @app.post("/embed")
    def embed(request: EmbedRequest) -> EmbedResponse:  # not async: FastAPI runs it on a thread and keeps serving
        inputs = [item.model_dump() for item in request.inputs]
        try:
            embeddings = model.encode(inputs, prompt_name=request.prompt_name)
        except LocatedError as error:
            raise HTTPException(422, {"index": error.index, "message": str(error)}) from error
        return EmbedResponse(embeddings=embeddings.tolist())

    return app


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a file, a folder or a name of a model; without it, the toy model")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    args = parser.parse_args()
    with jina_omni.Model(args.model) if args.model else jina_omni.demo_model() as model:
        uvicorn.run(create_app(model), host="127.0.0.1", port=args.port)


if __name__ == "__main__":
    main()
