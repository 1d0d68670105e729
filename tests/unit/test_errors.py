# SPDX-License-Identifier: Apache-2.0
import copy
import doctest
import pickle

import pytest

from jina_omni import errors
from jina_omni.errors import InputError, located

CLASSES = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
LEAVES = sorted(CLASSES - {"JinaOmniError", "LocatedError"})
LOCATED = sorted(name for name in LEAVES if issubclass(getattr(errors, name), errors.LocatedError))


def test_all_names_every_error_of_the_module():
    assert set(errors.__all__) >= CLASSES


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
def test_other_errors_are_not_value_errors(name):
    assert not issubclass(getattr(errors, name), ValueError)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "error",
    [getattr(errors, name)("is wrong") for name in LEAVES]
    + [
        errors.InputError("a", location=(("input", 3),)),
        errors.DecodeError("b", location=(("input", 0), ("part", 1))),
        errors.InputTooLongError("c", tokens=9000, limit=8192, location=(("input", 7), ("image", None))),
    ],
    ids=repr,
)
def test_pickling_keeps_message_and_attributes(error, protocol):
    copied = pickle.loads(pickle.dumps(error, protocol))
    assert type(copied) is type(error)
    assert str(copied) == str(error)
    assert vars(copied) == vars(error)


def test_a_location_added_later_survives_pickling():
    error = errors.UnsupportedMediaError("is a film")
    assert error.index is None
    with pytest.raises(InputError), located(input=4, part=2):
        raise error
    assert pickle.loads(pickle.dumps(error)).location == (("input", 4), ("part", 2))
    assert copy.copy(error).index == 4


def test_too_long_carries_its_counts():
    error = errors.InputTooLongError("has too many tokens", tokens=9000, limit=8192)
    assert (error.tokens, error.limit, error.index, str(error)) == (9000, 8192, None, "input has too many tokens")


@pytest.mark.parametrize("name", LOCATED)
def test_steps_add_up_from_the_inside_out(name):
    error = getattr(errors, name)("is wrong")
    steps = (located(input=3), located((("part", 1),), page=0), located(image_url=None))
    with pytest.raises(type(error)) as caught, steps[0], steps[1], steps[2]:
        raise error
    assert caught.value is error
    assert error.location == (("input", 3), ("part", 1), ("page", 0), ("image_url", None))
    assert str(error) == "input 3, part 1, page 0, image_url is wrong"
    assert error.problem == "is wrong"
    assert error.index == 3


def test_other_errors_pass_as_they_are():
    for error in (errors.ModelLoadError("a"), ValueError("b"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, located(input=3):
            raise error
        assert caught.value is error
        assert not hasattr(error, "location")


@pytest.mark.parametrize(
    ("location", "index", "message", "named"),
    [
        ((), None, "input is wrong", "a.pdf is wrong"),
        ((("input", None),), None, "input is wrong", "a.pdf is wrong"),
        ((("input", 0),), 0, "input 0 is wrong", "a.pdf is wrong"),
        ((("input", 3), ("page", 2)), 3, "input 3, page 2 is wrong", "a.pdf, page 2 is wrong"),
        ((("document", "x7"), ("page", 2)), None, "document x7, page 2 is wrong", "a, document x7, page 2 is wrong"),
    ],
)
def test_the_message_follows_from_the_location(location, index, message, named):
    error = InputError("is wrong", location=location)
    assert (error.index, str(error), error.message_for(named.partition(" ")[0].rstrip(","))) == (index, message, named)


def test_a_message_that_other_code_puts_in_the_place_of_the_problem_is_the_message():
    """Chroma does so to every error that passes."""
    error = InputError("is damaged", location=(("input", 3), ("part", 1)))
    error.args = (f"{error} in add.",)
    for one in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert str(one) == "input 3, part 1 is damaged in add."
        assert (one.problem, one.index) == ("is damaged", 3)
        assert one.message_for("a.png") == "a.png, part 1 is damaged"


def test_the_message_of_a_cancelled_call():
    assert str(errors.Cancelled()) == "the call was cancelled"
    assert str(errors.Cancelled(location=(("input", 2),))) == "input 2 was cancelled"


def test_the_examples_run():
    assert doctest.testmod(errors).failed == 0
