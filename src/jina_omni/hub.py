# SPDX-License-Identifier: Apache-2.0
"""Model files from the Hugging Face Hub, or from its cache.

Nothing else in this library downloads anything.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from glob import escape
from pathlib import Path
from types import ModuleType

from jina_omni.arguments import hint_at_unknown_arguments
from jina_omni.describe import suggest
from jina_omni.errors import ModelLoadError
from jina_omni.info import MODEL_LICENSE
from jina_omni.optional_packages import import_optional
from jina_omni.published import list_models, recommend_quantization
from jina_omni.repository import Modality, ModelPaths, check_modality, choose_files, list_files, list_parts

__all__ = ["download"]

_log = logging.getLogger("jina_omni")


@hint_at_unknown_arguments({})
def download(
    name: str,
    *,
    modality: Modality = "omni",
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
) -> ModelPaths:
    """Return the local files of a model on the Hub, after downloading those that are not in the cache.

    huggingface_hub does the work, with its cache, progress bars and login. Where the Hub can't be reached, the files in
    the cache are used, with a warning to the logger ``jina_omni``.

    Parameters
    ----------
    name : str
        A repository, and the quantisation of its text model file after a colon:
        ``jinaai/jina-embeddings-v5-omni-small-clustering-GGUF:Q4_K_M``; or a short name of `list_models`,
        ``small-clustering:Q4_K_M``. Without a quantisation, Q4_K_M of small and Q5_K_M of nano. Files of other
        repositories are found by their names, as in a folder.
    modality : {"omni", "vision", "audio", "text"}
        Both projectors, one of them, or none.
    revision : str, optional
        A branch, a tag or a commit; ``main`` by default.
    cache_dir : str or PathLike, optional
        By default that of huggingface_hub.
    local_files_only : bool
        Use no network, only the cache. The environment variable ``HF_HUB_OFFLINE=1`` does the same.

    Returns
    -------
    ModelPaths

    Raises
    ------
    ModelLoadError
        There is no such repository, revision, quantisation or file, and the message lists what there is; the Hub can't
        be reached and the cache lacks a file; or huggingface_hub is not installed.
    """
    check_modality(modality)
    hub = _import_client()
    repository, quantization = _parse_name(hub, name)
    cached = _find_cached_folder(hub, repository, revision, cache_dir)
    if local_files_only:
        return _choose_cached(cached, quantization, modality, repository, "local_files_only is set")
    limit = hub.constants.HF_HUB_ETAG_TIMEOUT  # without it the call could block indefinitely
    try:
        listing = hub.HfApi().model_info(repository, revision=revision, timeout=limit)
    except Exception as error:  # noqa: BLE001 - each major version of the client raises those of another HTTP library
        if refusal := _describe_refusal(hub, error, repository, revision):
            raise ModelLoadError(refusal) from None
        reason = f"the Hub can't be reached ({_first_line(error)})"
        try:
            paths = _choose_cached(cached, quantization, modality, repository, reason)
        except ModelLoadError as missing:
            raise missing from None
        _log.warning("%s: %s; the files in its cache are used", repository, reason)
        return paths
    names = [file.rfilename for file in listing.siblings or ()]
    chosen = choose_files(names, quantization, modality, f"{repository} on the Hub")
    wanted = [part for file in (chosen.text, *chosen.mmproj) for part in list_parts(file)]
    if cached is None or cached.name != listing.sha or not all((cached / file).is_file() for file in wanted):
        _log.info("downloading %s of %s; license: %s", ", ".join(wanted), repository, MODEL_LICENSE)
        try:
            # It keeps to one commit and records it in the cache, for calls without a network.
            folder = hub.snapshot_download(
                repository, revision=revision, cache_dir=cache_dir, allow_patterns=[escape(file) for file in wanted]
            )
        except Exception as error:  # as above, and the disk may be full
            message = f"{repository}: the download failed ({_first_line(error)}); try again, whole files are kept"
            raise ModelLoadError(_describe_refusal(hub, error, repository, revision) or message) from error
        cached = Path(folder)
    return chosen.under(cached)


def _import_client() -> ModuleType:
    try:
        hub = import_optional("huggingface_hub", "hub")
        import_optional("huggingface_hub.utils", "hub")  # with errors and constants
    except ImportError as error:
        raise ModelLoadError(f"models on the Hub need {error}; files and folders of yours don't") from None
    return hub


def _parse_name(hub: ModuleType, name: str) -> tuple[str, str | None]:
    """Return the repository that a name means, and its quantisation or the one recommended for its size."""
    repository, _, quantization = name.partition(":")
    published = {model.name: model.repository for model in list_models()}
    repository = published.get(repository, repository)
    try:
        hub.utils.validate_repo_id(repository)
    except hub.errors.HFValidationError:
        raise ModelLoadError(
            f"{name!r} is not a model name on the Hub. {_list_names(published)}{suggest(repository, published)}"
        ) from None
    if "/" not in repository:
        raise ModelLoadError(
            f"{name!r} is not a model's short name. {_list_names(published)}{suggest(repository, published)}"
        )
    return repository, quantization or recommend_quantization(repository)


def _list_names(published: Iterable[str]) -> str:
    return f"Published are {', '.join(published)}; others are 'owner/repository', each with ':quantization' or without"


def _find_cached_folder(
    hub: ModuleType, repository: str, revision: str | None, cache_dir: str | os.PathLike[str] | None
) -> Path | None:
    """Return the folder of the cache with files of a revision, None where there is none."""
    try:
        folder = hub.snapshot_download(
            repository, revision=revision, cache_dir=cache_dir, local_files_only=True, allow_patterns=[]
        )
    except hub.errors.LocalEntryNotFoundError:
        return None
    return Path(folder)


def _choose_cached(
    cached: Path | None, quantization: str | None, modality: Modality, repository: str, reason: str
) -> ModelPaths:
    if cached is None:
        raise ModelLoadError(f"{repository}: {reason}, and the cache has no files of this revision")
    source = f"{repository} in the cache ({cached}; {reason})"
    return choose_files(list_files(cached), quantization, modality, source).under(cached)


def _describe_refusal(hub: ModuleType, error: Exception, repository: str, revision: str | None) -> str | None:
    """Return the reason where the Hub refuses the files, None where it did not answer."""
    log_in = "log in by the command 'hf auth login' or set HF_TOKEN"
    if isinstance(error, hub.errors.GatedRepoError):
        return f"{repository} is gated: accept its terms on its page on the Hub, and {log_in}"
    if isinstance(error, hub.errors.RepositoryNotFoundError):
        published = [model.repository for model in list_models()]
        return (
            f"the Hub has no repository {repository}, or it is private: then {log_in}. Published are "
            f"{', '.join(published)}{suggest(repository, published)}"
        )
    if isinstance(error, hub.errors.RevisionNotFoundError):
        return f"{repository} has no revision {revision!r}; take a branch, a tag or a commit of it"
    response = getattr(error, "response", None)
    if response is not None and response.status_code in (401, 403):
        return f"the Hub refuses {repository} ({_first_line(error)}): {log_in}"
    return None


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().split("\n", 1)[0]
