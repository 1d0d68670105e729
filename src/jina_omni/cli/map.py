# SPDX-License-Identifier: Apache-2.0
"""``jina-omni map``."""

from __future__ import annotations

import argparse

from jina_omni.cli.collection.database import open_database
from jina_omni.cli.collection.map_page import count_files, make_map, render_map
from jina_omni.cli.collection.query import read_present
from jina_omni.cli.options import add_scope_options, parse_whole_number
from jina_omni.cli.pages import add_page_options, check_page, write_page
from jina_omni.cli.problems import CommandError, escape_line
from jina_omni.cli.scoping import read_scope, report_gone

HELP = "Sort the files of a database into clusters, and show them on a map."
EXAMPLES = """\
examples:
  jina-omni map --db ~/documents.db --open
  jina-omni map --db ~/documents.db --kind image --under ~/documents/photos --clusters 8 --html photos.html

Without a page, it prints the size of each cluster and its most central file. The embeddings are those of the database,
so no model is needed.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_scope_options(parser)
    parser.add_argument(
        "--clusters",
        metavar="N",
        type=parse_whole_number,
        help="number of clusters (default: by the number of files, at most 12)",
    )
    add_page_options(parser, "shows the map, and the files of each cluster")


def run(args: argparse.Namespace) -> int:
    """Print the clusters, and write their page."""
    if args.clusters is not None and args.clusters < 1:
        raise CommandError(f"--clusters is {args.clusters}, expected 1 or more")
    check_page(args)
    database = open_database(args.db)
    contents, gone = read_present(database, read_scope(args, database))
    report_gone(gone)
    if not contents:
        raise CommandError(f"{args.db} has no such files")
    clusters = make_map(contents, args.clusters)
    for number, points in enumerate(clusters, 1):
        n_files, name = count_files(points), escape_line(points[0].content.paths[0])
        print(f"{number:>3}  {n_files:>6,} {'file' if n_files == 1 else 'files'} like {name}")
    write_page(args, lambda: render_map(f"Map of {args.db.name}", clusters, database.settings.conventions.pictures))
    return 0
