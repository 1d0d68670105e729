# SPDX-License-Identifier: Apache-2.0
"""Files of models from the Hugging Face hub, or from what an earlier call left in its cache.

Nothing else in this library downloads anything.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from glob import escape
from pathlib import Path
from types import ModuleType

from jina_omni.errors import ModelLoadError
from jina_omni.info import MODEL_LICENSE
from jina_omni.published import default_quantization, list_models
from jina_omni.repository import Modality, ModelPaths, check_modality, choose_files, files_in

__all__ = ["download"]

_log = logging.getLogger("jina_omni")


def download(
    name: str,
    *,
    modality: Modality = "omni",
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
) -> ModelPaths:
    """Return the local files of a model of the hub, after downloading those that are not in the cache.

    The work is huggingface_hub's, with its cache, progress bars and login. Where the hub can't be reached, what lies in
    the cache is taken, with a warning to the logger ``jina_omni``.

    Parameters
    ----------
    name : str
        A repository, and the quantisation of its text file after a colon:
        ``jinaai/jina-embeddings-v5-omni-small-clustering-GGUF:Q4_K_M``; or a short name of `list_models`,
        ``small-clustering:Q4_K_M``. Without a quantisation, Q4_K_M of small and Q5_K_M of nano. Files of other
        repositories are found by their names as in a folder, see `Model.from_dir`.
    modality : {"omni", "vision", "audio", "text"}
        Both projectors, one of them, or none.
    revision : str, optional
        A branch, a tag or a commit; ``main`` by default.
    cache_dir : str or PathLike, optional
        Instead of huggingface_hub's.
    local_files_only : bool
        Ask no network, take what is in the cache. The environment variable ``HF_HUB_OFFLINE=1`` does the same.

    Returns
    -------
    ModelPaths

    Raises
    ------
    ModelLoadError
        There is no such repository, revision, quantisation or file, and the message lists what there is; the hub can't
        be reached and the cache lacks a file; or huggingface_hub is not installed.

    .. versionadded:: 0.1.0
    """
    check_modality(modality)
    hub = _client()
    repository, quantization = _parse(hub, name)
    cached = _cached_folder(hub, repository, revision, cache_dir)
    if local_files_only:
        return _from_cache(cached, quantization, modality, repository, "local_files_only is set")
    limit = hub.constants.HF_HUB_ETAG_TIMEOUT  # by itself the call would wait for ever
    try:
        listing = hub.HfApi().model_info(repository, revision=revision, timeout=limit)
    except Exception as error:  # each major version of the client has the errors of another HTTP library
        if refusal := _refusal(hub, error, repository, revision):
            raise ModelLoadError(refusal) from error
        reason = f"the hub can't be reached ({_first_line(error)})"
        try:
            paths = _from_cache(cached, quantization, modality, repository, reason)
        except ModelLoadError as missing:
            raise missing from error
        _log.warning("%s: %s; what lies in the cache is used", repository, reason)
        return paths
    names = [file.rfilename for file in listing.siblings or ()]
    chosen = choose_files(names, quantization, modality, f"{repository} on the hub")
    wanted = [chosen.text, *chosen.mmproj]
    if cached is None or cached.name != listing.sha or not all((cached / file).is_file() for file in wanted):
        _log.info("downloading %s of %s; license: %s", ", ".join(wanted), repository, MODEL_LICENSE)
        try:
            # It keeps to one commit, and notes in the cache which one it was, for calls without a network.
            folder = hub.snapshot_download(
                repository, revision=revision, cache_dir=cache_dir, allow_patterns=[escape(file) for file in wanted]
            )
        except Exception as error:  # as above, and the disk may be full
            message = f"{repository}: the download failed ({_first_line(error)}); call again, whole files are kept"
            raise ModelLoadError(_refusal(hub, error, repository, revision) or message) from error
        cached = Path(folder)
    return chosen.under(cached)


def _client() -> ModuleType:
    try:
        import huggingface_hub
        import huggingface_hub.utils  # with errors and constants
    except ImportError as error:
        raise ModelLoadError(
            "models of the hub need huggingface-hub: pip install 'jina-omni[hub]'; local files need only Model or "
            "Model.from_dir"
        ) from error
    return huggingface_hub


def _parse(hub: ModuleType, name: str) -> tuple[str, str | None]:
    """Return the repository that a name means, and the quantisation that it tells or that its size has by default."""
    repository, _, quantization = name.partition(":")
    published = {model.name: model.repository for model in list_models()}
    repository = published.get(repository, repository)
    try:
        hub.utils.validate_repo_id(repository)
    except hub.errors.HFValidationError as error:
        raise ModelLoadError(f"{name!r} is no name of a model of the hub. {_names(published)}") from error
    if "/" not in repository:
        raise ModelLoadError(f"{name!r} is no model's short name. {_names(published)}")
    return repository, quantization or default_quantization(repository)


def _names(published: Iterable[str]) -> str:
    return f"Published are {', '.join(published)}; others are 'owner/repository', each with ':quantization' or without"


def _cached_folder(
    hub: ModuleType, repository: str, revision: str | None, cache_dir: str | os.PathLike[str] | None
) -> Path | None:
    """Return the folder of the cache that has some files of a revision, None where there are none."""
    try:
        folder = hub.snapshot_download(
            repository, revision=revision, cache_dir=cache_dir, local_files_only=True, allow_patterns=[]
        )
    except hub.errors.LocalEntryNotFoundError:
        return None
    return Path(folder)


def _from_cache(
    cached: Path | None, quantization: str | None, modality: Modality, repository: str, reason: str
) -> ModelPaths:
    if cached is None:
        raise ModelLoadError(f"{repository}: {reason}, and the cache has no files of this revision")
    where = f"{repository} in the cache ({cached}; {reason})"
    return choose_files(files_in(cached), quantization, modality, where).under(cached)


def _refusal(hub: ModuleType, error: Exception, repository: str, revision: str | None) -> str | None:
    """Return what to say where the hub has answered that it won't give the files, None where it did not answer."""
    log_in = "log in by the command 'hf auth login' or set HF_TOKEN"
    if isinstance(error, hub.errors.GatedRepoError):
        return f"{repository} is gated: accept its terms on its page of the hub, and {log_in}"
    if isinstance(error, hub.errors.RepositoryNotFoundError):
        published = ", ".join(model.repository for model in list_models())
        return f"the hub has no repository {repository}, or it is private: then {log_in}. Published are {published}"
    if isinstance(error, hub.errors.RevisionNotFoundError):
        return f"{repository} has no revision {revision!r}; take a branch, a tag or a commit of it"
    response = getattr(error, "response", None)
    if response is not None and response.status_code in (401, 403):
        return f"the hub refuses {repository} ({_first_line(error)}): {log_in}"
    return None


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().split("\n", 1)[0]
