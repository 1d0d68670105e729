# SPDX-License-Identifier: Apache-2.0
import doctest

from jina_omni.cli.collection import places
from jina_omni.cli.collection.database import Place
from jina_omni.cli.collection.places import describe_place, find_url


def test_times_of_hours_and_of_parts_of_a_second(tmp_path):
    assert describe_place(Place(start=3570, end=3600)) == ", 59:30 to 1:00:00"
    assert describe_place(Place(start=7200, end=7229.96)) == ", 2:00:00 to 2:00:29"
    path = tmp_path / "a b"
    assert find_url(path, Place(start=7200, end=7229.96)) == f"{tmp_path.as_uri()}/a%20b#t=7200,7229.96"
    assert find_url(path, Place(page=3)) == f"{path.as_uri()}#page=3"
    assert find_url(path, Place()) == path.as_uri()


def test_the_examples_run():
    assert doctest.testmod(places).failed == 0
