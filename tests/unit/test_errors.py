# SPDX-License-Identifier: Apache-2.0
import doctest
import pickle

import pytest

from jina_omni import errors

LEAVES = sorted(set(errors.__all__) - {"JinaOmniError"})


def test_all_names_every_error_of_the_module():
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes == set(errors.__all__)


@pytest.mark.parametrize("name", LEAVES)
def test_every_error_is_under_one_root(name):
    assert issubclass(getattr(errors, name), errors.JinaOmniError)


@pytest.mark.parametrize("name", ["UnsupportedMediaError", "DecodeError", "InputTooLongError"])
def test_bad_inputs_are_input_errors_and_value_errors(name):
    assert issubclass(getattr(errors, name), errors.InputError)
    assert issubclass(getattr(errors, name), ValueError)


@pytest.mark.parametrize(
    "name", ["ModelLoadError", "ModalityNotLoadedError", "NativeError", "Cancelled", "ClosedError"]
)
def test_other_errors_are_no_value_errors(name):
    assert not issubclass(getattr(errors, name), ValueError)


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_says_since_when_it_exists(name):
    assert ".. versionadded:: 0.1.0" in getattr(errors, name).__doc__


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "error",
    [getattr(errors, name)("input 3 is wrong") for name in LEAVES]
    + [
        errors.InputError("a", index=3),
        errors.DecodeError("b", index=0),
        errors.InputTooLongError("c", tokens=9000, limit=8192, index=7),
    ],
    ids=repr,
)
def test_pickling_keeps_message_and_attributes(error, protocol):
    copy = pickle.loads(pickle.dumps(error, protocol))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_an_index_set_later_survives_pickling():
    error = errors.UnsupportedMediaError("input 4 is a film")
    assert error.index is None
    error.index = 4
    assert pickle.loads(pickle.dumps(error)).index == 4


def test_too_long_carries_its_counts():
    error = errors.InputTooLongError("too long", tokens=9000, limit=8192)
    assert (error.tokens, error.limit, error.index, str(error)) == (9000, 8192, None, "too long")


def test_the_examples_run():
    assert doctest.testmod(errors).failed == 0
