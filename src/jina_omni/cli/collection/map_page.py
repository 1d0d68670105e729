# SPDX-License-Identifier: Apache-2.0
"""A page in one file that shows the files of a database as a map, in clusters."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jina_omni.cli.collection.clusters import choose_number, cluster, find_positions, subtract_kinds
from jina_omni.cli.collection.database import Content, Place
from jina_omni.cli.collection.places import describe_copies, find_url
from jina_omni.cli.collection.previews import render_preview
from jina_omni.cli.collection.scope import FILE_KINDS
from jina_omni.cli.collection.templates import fill_page, fill_template
from jina_omni.cli.wording import describe_count
from jina_omni.cosines import scale_to_unit_length
from jina_omni.media.picture_options import PictureOptions

__all__ = ["Point", "count_files", "make_map", "render_map"]

_WIDTH, _HEIGHT, _MARGIN = 1000, 620, 24  # of the map, in units of its own
_N_PREVIEWS = 4  # of a cluster

_SYMBOLS = {
    "text": '<circle r="7"/>',
    "image": '<rect x="-6.5" y="-6.5" width="13" height="13"/>',
    "audio": '<path d="M0-8 8 6.5H-8z"/>',
    "video": '<path d="M0-9 9 0 0 9-9 0z"/>',
    "pdf": '<path d="M-3-8H3V-3H8V3H3V8H-3V3H-8V-3H-3z"/>',
}

_LEGEND = '<li><svg viewBox="-10 -10 20 20" aria-hidden="true"><use href="#{kind}"/></svg>{kind}</li>'
_POINT = (
    '<a href="#{target}" tabindex="-1" transform="translate({x} {y})"><use href="#{kind}"/><title>{name}</title></a>'
)
_PREVIEW = '<div class="preview">{preview}</div>'
_LINE = '<li id="{target}"><a href="{url}">{name}</a>{copies} <span class="about">{kind} in {folder}</span></li>'


class Point(NamedTuple):
    """Files of the same content, and their place on the map, within 0 to 1."""

    content: Content
    x: float
    y: float


def make_map(contents: Sequence[Content], n_clusters: int | None = None) -> list[list[Point]]:
    """Return the clusters of contents: the largest first, in each of them the most central first.

    There must be a content. One with pages or excerpts is at the mean of their embeddings.
    """
    means = scale_to_unit_length(np.stack([content.embeddings.vectors.mean(axis=0) for content in contents]))
    vectors = subtract_kinds(means, [content.embeddings.kind for content in contents])
    labels = cluster(vectors, min(n_clusters or choose_number(len(contents)), len(contents)))
    positions = find_positions(vectors, labels)
    clusters = []
    for label in range(labels.max() + 1):
        members = np.flatnonzero(labels == label)
        closeness = vectors[members] @ vectors[members].sum(axis=0)
        central = members[np.argsort(-closeness, kind="stable")]
        clusters.append([Point(contents[i], *map(float, positions[i])) for i in central])
    return sorted(clusters, key=count_files, reverse=True)


def render_map(title: str, clusters: Sequence[Sequence[Point]], pictures: PictureOptions) -> str:
    """Return the page, in HTML: a point for each content, and for each cluster its files and a few previews."""
    present = {point.content.embeddings.kind for points in clusters for point in points}
    n_files = sum(map(count_files, clusters))
    hues = [360 * number // len(clusters) for number in range(len(clusters))]
    return fill_page(
        "map",
        title=title,
        count=f"{describe_count(n_files, 'file')} in {describe_count(len(clusters), 'cluster')}",
        width=_WIDTH,
        height=_HEIGHT,
        symbols="".join(f'<g id="{kind}">{shape}</g>' for kind, shape in _SYMBOLS.items()),
        legend="".join(_LEGEND.format(kind=kind) for kind in FILE_KINDS if kind in present),
        points="".join(map(_render_points, range(len(clusters)), hues, clusters)),
        names="".join(map(_render_name, range(len(clusters)), hues, clusters)),
        clusters="".join(
            _render_cluster(number, hue, points, pictures)
            for number, (hue, points) in enumerate(zip(hues, clusters, strict=True))
        ),
    )


def _render_points(number: int, hue: int, points: Sequence[Point]) -> str:
    """Return the points of a cluster; a click on one leads to its line in the list."""
    links = []
    for i, point in enumerate(points):
        x, y = _find_position(point)
        links.append(
            _POINT.format(
                target=_name_line(number, i),
                kind=point.content.embeddings.kind,
                x=x,
                y=y,
                name=html.escape(Path(point.content.paths[0]).name),
            )
        )
    return f'<g style="--hue:{hue}">{"".join(links)}</g>\n'


def _render_name(number: int, hue: int, points: Sequence[Point]) -> str:
    """Return the number of a cluster, behind its points and in the middle of them."""
    x, y = np.median([_find_position(point) for point in points], axis=0)
    return f'<text style="--hue:{hue}" x="{x:.0f}" y="{y:.0f}">{number + 1}</text>'


def _render_cluster(number: int, hue: int, points: Sequence[Point], pictures: PictureOptions) -> str:
    previews, lines = [], []
    for i, point in enumerate(points):
        path, *copies = point.content.paths
        if i < _N_PREVIEWS:
            previews.append(
                _PREVIEW.format(preview=render_preview(Path(path), point.content.embeddings.places[0], pictures))
            )
        lines.append(
            _LINE.format(
                target=_name_line(number, i),
                url=html.escape(find_url(Path(path), Place())),
                name=html.escape(Path(path).name),
                copies=describe_copies(copies),
                kind=point.content.embeddings.kind,
                folder=html.escape(str(Path(path).parent)),
            )
        )
    return fill_template(
        "map_cluster.html",
        number=number + 1,
        hue=hue,
        name=html.escape(Path(points[0].content.paths[0]).name),
        count=describe_count(count_files(points), "file"),
        previews="".join(previews),
        lines="".join(lines),
    )


def _find_position(point: Point) -> tuple[float, float]:
    """Return where a point is drawn."""
    return (
        round(_MARGIN + point.x * (_WIDTH - 2 * _MARGIN), 1),
        round(_MARGIN + (1 - point.y) * (_HEIGHT - 2 * _MARGIN), 1),
    )


def _name_line(number: int, i: int) -> str:
    """Return the id of a file's line in the list of its cluster."""
    return f"f{number}-{i}"


def count_files(points: Sequence[Point]) -> int:
    """Return the number of files of a cluster."""
    return sum(len(point.content.paths) for point in points)
