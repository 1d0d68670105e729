"""What a new user gets wrong at first leads to the right form, in the words of what is being used."""

from __future__ import annotations

import argparse
import ast
import asyncio
import functools
import inspect
import io
import logging
import pickle
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image as PILImage

import jina_omni
import jina_omni.requests
from jina_omni.calls import ENCODE_HINTS
from jina_omni.cli import create_parser, main
from jina_omni.cli.options import parse_path
from jina_omni.cli.wording import OptionFormatter, name_options
from jina_omni.errors import InputError, located, naming_file
from jina_omni.file_names import find_file_name
from jina_omni.model import OPENING_HINTS
from jina_omni.options import EncodeOptions, ModelOptions, PromptedOptions
from tests.unit.test_public_api import members

PACKAGE = Path(jina_omni.__file__).parent


@pytest.fixture(scope="module")
def m() -> Iterator[jina_omni.Model]:
    with jina_omni.demo_model(n_threads=1) as model:
        yield model


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a picture, a text and a damaged picture."""
    monkeypatch.chdir(tmp_path)
    PILImage.new("RGB", (32, 32), "red").save("cat.png")
    Path("notes.txt").write_text("a red circle")
    Path("bad.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    return tmp_path


def run_cli(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    try:
        status = main(argv)
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    return status, out, err


# --- a text that is the name of a file ---


def test_a_text_that_names_a_file_is_warned_about_once(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    with jina_omni.demo_model(n_threads=1) as model:
        vectors = model.encode(["a red circle", "cat.png", str(here / "cat.png")])
        model.encode("cat.png")
        model.encode_query(["cat.png", ["a red circle", "cat.png"]])
        np.testing.assert_array_equal(vectors[1], model.encode(jina_omni.Text("cat.png")))
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("jina_omni", logging.WARNING)
    assert record.getMessage() == (
        "input 1: the text 'cat.png' is embedded, not the file of this name, since a str is always text. For the file "
        "pass pathlib.Path('cat.png'); a jina_omni.Text is never warned about"
    )


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "value",
    [
        "a red circle",
        "dog.png",
        ".",
        "",
        "cat.png\n",
        "\0.png",
        "x" * 10_000 + ".png",
        jina_omni.Text("cat.png"),
        Path("cat.png"),
        {"text": "cat.png"},
        [jina_omni.Text("cat.png"), Path("cat.png")],
        3,
    ],
    ids=repr,
)
def test_other_inputs_name_no_file(value: object) -> None:
    assert find_file_name(value) is None


@pytest.mark.parametrize("name", ["\\\\machine\\share\\a.png", "//machine/share/a.png", "\\/machine/a.png"])
def test_no_other_machine_is_asked_for_a_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.isfile", lambda _: True)  # would connect to it on Windows
    assert find_file_name(name) is None
    assert find_file_name("share/a.png") == "share/a.png"


@pytest.mark.usefixtures("here")
def test_lines_of_stdin_that_name_files_are_warned_about_with_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    lines = io.TextIOWrapper(io.BytesIO(b"a blue square\ncat.png\nnotes.txt\n"))
    monkeypatch.setattr(sys, "stdin", lines)
    status, out, err = run_cli(capsys, "embed", "-")
    assert (status, len(out.splitlines())) == (0, 3)
    assert err.startswith(
        "warning: the lines of stdin are texts, also 'cat.png', which is the name of a file; to embed files, pass "
        "their names: jina-omni embed cat.png\n"
    )
    assert not caplog.records


# --- misspelt names ---


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda m: m.encode("a", trunkate=True), "truncate"),
        (lambda m: m.encode("a", precision="in8"), "int8"),
        (lambda m: m.encode("a", priority="back-ground"), "background"),
        (lambda m: m.encode_query("a", batch_token=3), "batch_tokens"),
        (lambda m: m.encode_iter(["a"], onerror="return"), "on_error"),
        (lambda m: m.count_tokens("a", promt="b"), "prompt"),
        (lambda m: m.encode({"imgae": "a.png"}), "image"),
        (lambda m: m.encode({"type": "text", "txt": "a"}), "text"),
        (lambda _: jina_omni.demo_model(devise="cpu"), "device"),
        (lambda _: jina_omni.demo_model(compute="exakt"), "exact"),
        (lambda _: jina_omni.demo_model(modality="Vison"), "vision"),
        (lambda _: jina_omni.demo_model(device="cpuu"), "cpu"),
        (lambda _: jina_omni.Model.from_hub("small-retrieval", dialekt="card"), "dialect"),
        (lambda _: jina_omni.Model.from_dir(".", modality="audoi"), "audio"),
        (lambda _: jina_omni.Model("small-retreival"), "small-retrieval"),
        (lambda _: jina_omni.download("nano-clusterin"), "nano-clustering"),
        (lambda _: jina_omni.download("nano-clustering", revison="v1"), "revision"),
        (lambda _: jina_omni.Image("a.png", orientaton="upright"), "orientation"),
        (lambda _: jina_omni.Audio("a.wav", samplingrate=8000), "sampling_rate"),
        (lambda _: jina_omni.Video("a.mp4", maxframes=8), "max_frames"),
        (lambda _: jina_omni.Pdf("a.pdf", page=[0]), "pages"),
        (lambda _: jina_omni.quantize_embeddings(np.zeros((2, 8)), "binry"), "binary"),
        (lambda _: jina_omni.quantize_embeddings(np.zeros((2, 8)), "int8", range=None), "ranges"),
        (lambda _: jina_omni.cosine_similarity([1.0], [1.0], precison="int8"), "precision"),
    ],
)
def test_a_misspelt_name_is_answered_by_the_right_one(
    call: Callable[[jina_omni.Model], object], meant: str, m: jina_omni.Model
) -> None:
    with pytest.raises((TypeError, ValueError, jina_omni.JinaOmniError)) as raised:
        call(m)
    assert str(raised.value).endswith(f"; did you mean {meant!r}?")


@pytest.mark.parametrize("role", ["query", "document"])
@pytest.mark.parametrize("suffix", ["", "_async"])
def test_a_method_that_sets_the_prompts_name_speaks_of_its_own_arguments(
    role: str, suffix: str, m: jina_omni.Model
) -> None:
    name = f"encode_{role}{suffix}"

    def call(**options: object) -> None:
        result = getattr(m, name)("a", **options)
        if suffix:
            asyncio.run(result)

    with pytest.raises(TypeError, match=rf"^{name}\(\) has no argument 'prompt_nam'; it takes inputs, .*") as raised:
        call(prompt_nam="x")
    assert "prompt_name" not in str(raised.value)
    with pytest.raises(TypeError) as raised:
        call(prompt_name="query")
    assert str(raised.value) == f"{name}() has no argument 'prompt_name'; {name} sets it; use encode{suffix}"
    with pytest.raises(TypeError, match=r"'task'; pass it to Model$"):
        call(task="retrieval")
    call(prompt="b", precision="binary", on_error="return", truncate=True)


# The library makes the objects of these classes itself.
RESULTS = (jina_omni.ModelInfo, jina_omni.ModelPaths, jina_omni.Progress, jina_omni.PublishedModel)
OPTIONS = {
    "from_hub": ModelOptions,
    "from_dir": ModelOptions,
    "demo_model": ModelOptions,
    "encode_query": EncodeOptions,
    "encode_query_async": EncodeOptions,
    "encode_document": EncodeOptions,
    "encode_document_async": EncodeOptions,
    "encode_async": PromptedOptions,
    "encode_iter_async": PromptedOptions,
}


def iterate_functions() -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield the public functions and methods that take arguments, but not those of errors, with their names."""
    for module in (jina_omni, jina_omni.requests):
        for name in module.__all__:
            value = getattr(module, name)
            if not inspect.isclass(value):
                yield name, value
            elif not issubclass(value, BaseException):
                if value not in RESULTS:
                    yield name, functools.partial(value.__init__, None)
                for member, found in members(value):
                    if isinstance(found, (staticmethod, classmethod)):
                        yield member, getattr(value, member)
                    elif inspect.isfunction(found):
                        yield member, functools.partial(found, None)


def iterate_functions_with_arguments() -> Iterator[tuple[str, Callable[..., object], list[str]]]:
    """Yield those of `iterate_functions` that take any argument, with the names of these."""
    for name, function in iterate_functions():
        parameters = inspect.signature(function).parameters.values()
        known = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD]
        if len(known) < len(parameters):
            known += OPTIONS[name].__annotations__
        if known:
            yield name, function, known


def call_with(function: Callable[..., object], **options: object) -> str:
    """Return the error of a call that passes a name that the function does not have."""

    def call() -> None:
        result = function(**options)
        if inspect.iscoroutine(result):
            asyncio.run(result)

    with pytest.raises(TypeError) as raised:
        call()
    return str(raised.value)


def test_every_public_function_answers_each_misspelt_argument_by_the_right_one() -> None:
    found = list(iterate_functions_with_arguments())
    assert {"split", "similarity", "from_dir", "Text", "describe", "parse_dict", "encode_query_async"} <= {
        name for name, *_ in found
    }
    for name, function, known in found:
        for argument in known:
            message = call_with(function, **{f"{argument}z": 3})
            assert message.startswith(f"{name}() has no argument '{argument}z'; it takes {known[0]}"), message
            assert message.endswith(f"; did you mean {argument!r}?"), message


def test_every_hint_names_arguments_that_the_function_has() -> None:
    hinted = {*ENCODE_HINTS, *OPENING_HINTS}
    n_hints = 0
    for name, function, known in iterate_functions_with_arguments():
        for argument in hinted.difference(known):
            message = call_with(function, **{argument: 3})
            advised = re.findall(r"(\w+)=(?! to )", message.partition("; ")[2].replace("prompt= to encode", ""))
            assert set(advised) <= set(known), (name, message)
            n_hints += len(advised)
    assert n_hints > 20


def test_a_method_without_arguments_says_so() -> None:
    assert call_with(jina_omni.Pdf("a.pdf").split, seconds=3) == "split() has no argument 'seconds'; it takes none"


def test_what_is_like_nothing_known_gets_no_suggestion(m: jina_omni.Model) -> None:
    with pytest.raises(TypeError, match=r"it takes inputs, truncate_dim, .*[^?]$"):
        m.encode("a", xyz=1)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("embedd x", "did you mean 'embed'?"),
        ("embed x --trunkate", "unrecognized arguments: --trunkate; did you mean '--truncate'?"),
        ("embed x --precision in8", "did you mean 'int8'?"),
        ("embed x --dialekt=card", "did you mean '--dialect'?"),
        ("index x --bd y", "required: --db; there is no --bd; did you mean '--db'?"),
        ("info --modality vison", "did you mean 'vision'?"),
        ("info --model x", "--model; jina-omni info takes the model without --model"),
        ("info --model=x --device cpu", "--model=x; jina-omni info takes the model without --model"),
        ("download --name x", "jina-omni download takes the name without --name"),
        ("search --query x --db y", "--query; jina-omni search takes the query without --query"),
        ("embed x --task clustering", "unrecognized arguments: --task clustering"),
        ("search x --db y --dialect card", "unrecognized arguments: --dialect card"),
        ("models foo", "error: unrecognized arguments: foo"),
        ("demo x y", "error: unrecognized arguments: x y"),
        ("map x --db y", "error: unrecognized arguments: x"),
        ("db status foo --db y", "error: unrecognized arguments: foo"),
        ("search a red circle --db x", "unrecognized arguments: red circle; put quotes around what contains spaces"),
    ],
)
def test_a_misspelt_command_or_option_is_answered_by_the_right_one(
    argv: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run_cli(capsys, *argv.split())
    assert (status, out) == (2, "")
    assert err.startswith(f"usage: jina-omni{'' if argv.startswith('embedd') else f' {argv.split(maxsplit=1)[0]}'} ")
    assert err.rstrip().endswith(says)


@pytest.mark.parametrize("value", ["x", "1.5", "", "0", "513"])
def test_a_wrong_number_of_threads_is_answered_by_what_is_taken(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run_cli(capsys, "info", "--threads", value)
    assert (status, out) == (2, "")
    assert err.rstrip().endswith(f"argument --threads: {value!r} is not a whole number from 1 to 512")


def iterate_parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from iterate_parsers(command)


def test_no_error_of_an_option_names_a_function_or_a_type_of_python() -> None:
    tried = set()
    for parser in iterate_parsers(create_parser()):
        for action in parser._actions:
            assert action.type is not Path  # which takes an empty text for the current folder
            if action.type not in {None, parse_path}:
                with pytest.raises(argparse.ArgumentError) as raised:
                    parser._get_values(action, ["x"])
                assert "'x'" in str(raised.value)
                assert "invalid" not in str(raised.value)
                tried.update(action.option_strings)
    assert tried >= {"-k", "--threads", "--truncate-dim", "--batch-tokens", "--clusters", "--above", "--background"}


def test_an_abbreviated_option_is_not_called_misspelt(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run_cli(capsys, "index", "x", "--trunc")
    assert "did you mean" not in err


# --- commands ---


def test_the_program_by_its_name_alone_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    found = run_cli(capsys)
    assert found == run_cli(capsys, "--help")
    assert (found[0], found[2]) == (0, "")
    assert "examples:" in found[1]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("paths", "says"),
    [
        (["a red circle"], "pass it as a line of stdin: printf '%s\\n' 'a red circle' | jina-omni embed -"),
        (["it's red"], """printf '%s\\n' 'it'"'"'s red' | jina-omni embed -"""),
        (["cat.pgn"], "there is no file or folder 'cat.pgn'; did you mean 'cat.png'?"),
        (["none/cat.png", "b"], "there is no file or folder 'none/cat.png'; to embed a text"),
        (["a", "red", "circle"], "printf '%s\\n' 'a red circle' | jina-omni embed -"),
        (
            ["https://a.de/b?c=d"],
            "; nothing is downloaded: pass the file that this writes: curl -LO 'https://a.de/b?c=d'",
        ),
    ],
)
def test_a_text_or_a_missing_path_leads_to_the_right_form(
    paths: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jina_omni.cli.embed.open_model", None)  # before gigabytes are loaded
    status, out, err = run_cli(capsys, "embed", *paths)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert says in err


@pytest.mark.skipif(sys.platform == "win32", reason="printf is a shell's")
def test_the_form_that_is_advised_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run_cli(capsys, "embed", "it's 100% \\n red")
    command = err.rstrip().partition("stdin: ")[2].replace("jina-omni", f"'{sys.executable}' -m jina_omni")
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=here, check=True)
    assert r'{"name": "it\u0027s 100% \\n red"' in done.stdout.replace("'", r"\u0027")


@pytest.mark.usefixtures("here")
def test_a_missing_path_among_others_is_a_failure_beside_them(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run_cli(capsys, "embed", "notes.txt", "gone", "cta.png", "a red circle", "https://a.de/b")
    assert (status, len(out.splitlines())) == (1, 1)
    assert "  gone can't be read: No such file or directory; check the path\n" in err
    assert "  cta.png can't be read: No such file or directory; check the path; did you mean 'cat.png'?" in err
    assert "printf '%s\\n' 'a red circle' | jina-omni embed -" in err
    assert "; check the path; nothing is downloaded: pass the file that this writes: curl -LO https://a.de/b\n" in err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("paths", [["-notes.txt"], ["cat.png", "-notes.txt"], ["cat.png", "--notes"]])
def test_a_file_whose_name_is_like_an_option_leads_to_the_right_form(
    paths: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(paths[-1]).write_text("a red circle")
    status, out, err = run_cli(capsys, "embed", *paths)
    assert (status, out) == (2, "")
    assert err.rstrip().endswith(f"; to pass the file {paths[-1]}, write ./{paths[-1]}")
    status, out, _ = run_cli(capsys, "embed", f"./{paths[-1]}")
    assert (status, len(out.splitlines())) == (0, 1)


@pytest.mark.usefixtures("here")
def test_a_missing_file_of_a_search_gets_the_one_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run_cli(capsys, "search", "--file", "cta.png", "--db", "x")
    assert (status, out, err) == (2, "", "error: there is no file 'cta.png'; did you mean 'cat.png'?\n")


@pytest.mark.usefixtures("here")
def test_the_packaged_model_takes_a_modality_too(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run_cli(capsys, "embed", "notes.txt", "cat.png", "--modality", "text")
    assert (status, len(out.splitlines())) == (1, 1)
    assert "  cat.png holds an image, but no vision tower is loaded" in err


def test_a_wrong_colour_is_answered_in_the_words_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run_cli(capsys, "embed", "x", "--background", "reddish")
    assert err.rstrip().endswith("argument --background: 'reddish' is not an opaque colour, such as white or '#ff8000'")


# --- one language for each ---

# Of Python: an argument with its value or without, a call, a name of a package.
PYTHON = re.compile(
    r"(?<![-\w])[a-z_]+=|\w\(\)|\w\([a-z.]+\)|\bjina_omni\.|\bPIL\.|\bModel\b|\bas mmproj\b|pass modality"
)


def test_advice_for_python_is_advice_for_the_command_line() -> None:
    cases = {
        "compute='exact' computes in float32 on a CPU, but the device is cuda:0; pass device='cpu' too": (
            "--compute exact computes in float32 on a CPU, but the device is cuda:0; pass --device cpu too"
        ),
        "modality is 'vision', but a.gguf is a file; pass its projector files as mmproj": (
            "--modality is 'vision', but a.gguf is a file; pass its projector files as --mmproj"
        ),
        "batch_tokens is 0; it takes a whole number": "--batch-tokens is 0; it takes a whole number",
        "has 9 tokens; of its 3 pages the first 2 fit: pass pages=[0, 1], or embed each page by itself: "
        "encode(pdf.split())": (
            "has 9 tokens; of its 3 pages the first 2 fit; save the others as a document of their own, or take "
            "jina-omni index --pages"
        ),
        "has a lone surrogate, U+DCE9, at position 3 of its text, which is not Unicode; decode its source as UTF-8, "
        "or drop it: text.encode('utf-8', 'ignore').decode()": (
            "has a lone surrogate, U+DCE9, at position 3 of its text, which is not Unicode; type it in UTF-8"
        ),
        "is a text": "is a text",
    }
    for in_python, in_commands in cases.items():
        assert name_options(in_python) == in_commands


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_what_is_logged_looks_like_what_a_command_prints(here: Path) -> None:
    (here / "sub").mkdir()
    (here / "sub" / "up").symlink_to(here)
    command = [sys.executable, "-m", "jina_omni", "embed", "sub", "cat.png"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=here, check=False)
    assert re.search(
        r"^warning: sub/up is a link to a folder around sub and is not followed$", done.stderr, re.MULTILINE
    )
    assert set(re.findall(r"^(\w+): ", done.stderr, re.MULTILINE)) == {"warning"}
    values = {"levelno": logging.ERROR, "levelname": "ERROR", "msg": "n_threads is %d", "args": (0,)}
    assert OptionFormatter().format(logging.makeLogRecord(values)) == "error: --threads is 0"


# Modules whose messages no command can cause: wrong types of values, dicts, arrays, asyncio, other sources than files.
OF_PYTHON_ALONE = {
    "arguments.py", "asynchronous.py", "demo/comparison.py", "inputs.py", "media/file_types.py",
    "media/image_errors.py", "media/open_files.py", "media/picture_options.py", "media/pixels.py", "parsing.py",
    "cosines.py",
}  # fmt: skip
# Messages of other modules that no command can cause, by their beginnings.
OF_ARGUMENTS = re.compile(
    r"\S+ (is|are) of the type|is an? (Image|Audio|Video|Pdf|Text) |is a PDF that its|has (start|fps|max_frames)=|"
    r"has no page|can't be split|is an array|codes of|pack=True|\S+: is not a folder; from_dir|has a timestamp|"
    r"is a file, which has its own|has timestamps|has \S+ timestamps|is a Pdf with no page|mmproj goes with|"
    r"precision is \S+ which needs the ranges of all embeddings, and a stream|this Model is closed|has no sound track"
)


def iterate_messages() -> Iterator[tuple[str, str]]:
    """Yield the messages of errors that the library raises, with their module; `0` stands for what is filled in."""
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE).as_posix()
        if module.startswith(("cli/", "requests/", "integrations/")) or module in OF_PYTHON_ALONE:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                words = node.exc.args[0]
                parts = words.values if isinstance(words, ast.JoinedStr) else [words]
                yield module, "".join(str(p.value) if isinstance(p, ast.Constant) else "0" for p in parts)


def test_no_message_that_a_command_can_show_speaks_python() -> None:
    messages = list(iterate_messages())
    assert len(messages) > 100
    wrong = [
        (module, message)
        for module, message in messages
        if not OF_ARGUMENTS.match(message) and PYTHON.search(name_options(message))
    ]
    assert not wrong


def test_no_message_of_the_library_names_an_option() -> None:
    assert not [message for _, message in iterate_messages() if re.search(r"(?<!\S)--(?!force-reinstall)\w", message)]


@pytest.mark.usefixtures("here")
@pytest.mark.filterwarnings("default")  # of Python, which the command prints
@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("embed cat.png --truncate-dim 5", "error: --truncate-dim is 5; this model"),
        ("embed cat.png --batch-tokens 0", "error: --batch-tokens is 0; it takes"),
        (
            "embed long.wav",
            "or pass --truncate to take its first 30 seconds\n",
        ),
        (
            "embed cat.png notes.txt --precision int8 --out x.npy",
            "will not fit others; embed more files at once, or with --precision float32\n",
        ),
        (
            "embed cat.png --precision int8 --out x.npy",
            "gives no ranges for it; embed more files at once, or with --precision float32\n",
        ),
    ],
)
def test_a_command_speaks_of_its_options(argv: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write("long.wav", np.zeros(31 * 8000), 8000)
    _, _, err = run_cli(capsys, *argv.split())
    assert says in err
    assert not PYTHON.search(err)


# --- errors name the file, in short tracebacks ---


def test_an_error_names_the_file_beside_the_place(here: Path, m: jina_omni.Model) -> None:
    (here / "cut.pdf").write_bytes(b"%PDF-1.4\n cut")
    soundfile.write(here / "long.wav", np.zeros(31 * 8000), 8000)
    PILImage.new("RGB", (32, 32)).save(here / "half.png")
    half = (here / "half.png").read_bytes()
    (here / "half.png").write_bytes(half[:-30])
    cut = str(here / "cut.pdf")
    (here / "sub").mkdir()
    cases = (
        (["a", Path("bad.png")], "input 1 ('bad.png') ", "bad.png"),
        (["a", ["b", jina_omni.Image("half.png")]], "input 1, part 1 ('half.png') ", "half.png"),
        ([jina_omni.Pdf(cut)], f"input 0 ({cut[-200:]!r}) ", cut),
        (["a", Path("gone.png")], "input 1 ('gone.png') can't be read: No such file or directory; check", "gone.png"),
        ([Path("sub")], "input 0 ('sub') is not a regular file; pass the path of a file", "sub"),
        (["a", {"audio": "long.wav"}], "input 1, audio ('long.wav') is a sound of 31.00 seconds", "long.wav"),
        ([Path("notes.txt")], "input 0 ('notes.txt') is a file of the type text/plain", "notes.txt"),
        ([jina_omni.Image("bad.png", orientation="up")], "input 0 ('bad.png') has the Image option", "bad.png"),
        ([jina_omni.Image(b"\x89PNG\r\n\x1a\n cut")], "input 0 begins as PNG", None),
    )
    for inputs, beginning, file in cases:
        with pytest.raises(InputError) as raised:
            m.encode(inputs)
        error = raised.value
        assert str(error).startswith(beginning), error
        assert file is None or str(error).count(repr(file)[-20:]) == 1
        assert (error.file, pickle.loads(pickle.dumps(error)).file) == (file, file)
        assert dict(error.location)["input"] == len(inputs) - 1


@pytest.mark.parametrize(
    "medium", [jina_omni.Pdf("gone.pdf"), jina_omni.Audio("gone.wav"), jina_omni.Video("gone.mp4")]
)
def test_what_is_split_is_named_once(medium: jina_omni.Pdf | jina_omni.Audio | jina_omni.Video) -> None:
    with pytest.raises(InputError) as raised:
        medium.split()
    assert str(raised.value) == f"{medium!r} can't be read: No such file or directory; check the path"
    assert raised.value.file == medium.source


@pytest.mark.usefixtures("here")
def test_a_command_names_a_file_once(capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("gone.png", "sub/gone.txt", str(Path.cwd() / "gone.wav")):
        _, _, err = run_cli(capsys, "embed", "notes.txt", path)
        assert f"\n  {path} can't be read: No such file or directory; check the path\n" in err


def test_a_document_that_is_too_long_names_its_file(here: Path, m: jina_omni.Model) -> None:
    side = 400
    n_pages = m.info.max_seq_length // m.count_tokens(PILImage.new("RGB", (side, side))) * 6 // 5
    pages = [PILImage.new("RGB", (side, side))] * n_pages
    pages[0].save(here / "long.pdf", save_all=True, append_images=pages[1:], resolution=150)
    with pytest.raises(jina_omni.InputTooLongError, match=r"^input 0 \('long.pdf'\) has .* pages the first \d+ fit"):
        m.encode([Path("long.pdf")])
    _, errors = m.encode([Path("long.pdf"), Path("bad.png"), Path("bad.png")], on_error="return")
    assert [error.file for error in errors.values()] == ["long.pdf", "bad.png", "bad.png"]


def test_a_frame_of_a_video_names_its_file(here: Path) -> None:
    with pytest.raises(InputError, match=r"^frame 1 \('.*bad.png'\) begins as PNG"):
        jina_omni.Video([here / "cat.png", here / "bad.png"])


def test_a_name_of_the_callers_own_is_beside_the_file_and_nothing_is_said_twice() -> None:
    error = InputError("is damaged", location=(("input", 3), ("page", 0)))
    with pytest.raises(InputError), naming_file("a\nb.pdf"), naming_file(b"bytes"):
        raise error
    assert str(error) == r"input 3, page 0 ('a\nb.pdf') is damaged"
    assert error.message_for("post 7") == r"post 7, page 0 ('a\nb.pdf') is damaged"
    assert error.message_for("a\nb.pdf") == "a\nb.pdf, page 0 is damaged"
    with pytest.raises(InputError) as raised, located(input=0), naming_file("a.png"):
        raise InputError("can't be read: 'a.png': No such file")
    assert str(raised.value) == "input 0 can't be read: 'a.png': No such file"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "inputs",
    [Path("bad.png"), Path("gone.png"), "\ud800", jina_omni.Audio(b"RIFF\0\0\0\0WAVEcut"), jina_omni.Pdf("a", dpi="x")],
    ids=repr,
)
def test_a_traceback_is_one_error_whose_message_is_last(inputs: object, m: jina_omni.Model) -> None:
    with pytest.raises(InputError) as raised:
        m.encode(inputs)
    lines = "".join(traceback.format_exception(raised.value)).splitlines()
    assert sum(line.startswith("Traceback") for line in lines) == 1
    assert lines[-1].endswith(str(raised.value))
