"""Token ids against Hugging Face's tokenizers, on the tiny vocabularies and on the real ones."""

from __future__ import annotations

import functools
import itertools
import random
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jina_omni import tokenizer
from jina_omni.native import TextModel, find_device
from jina_omni.tokenizer import Tokenizer
from testing.checkpoints import vocabulary
from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import write_text
from testing.engine.build import default_tree

hf = pytest.importorskip("testing.checkpoints.hf_tokenizer", reason="needs tokenizers", exc_type=ImportError)

ROOT = Path(__file__).parents[2]
CPU = find_device("cpu")
N_RANDOM = 700
"""Strings of each kind that is made at random."""

# ---- strings -----------------------------------------------------------------------------------------------------------  # noqa: E501

PHRASES = (
    """
Where does the river meet the sea?|Größe und Maß über alles|L'été où l'œuvre naïve plaît à Noël|El pingüino comió ñoquis
Não há coração sem emoção|Příliš žluťoučký kůň úpěl ďábelské ódy|Zażółć gęślą jaźń|Árvíztűrő tükörfúrógép|İstanbul'da ışık ığdır
Þjóðhátíð er haldin á eyjum|Sưu tầm những câu thành ngữ Việt Nam|ʻŌlelo Hawaiʻi, Māori|Эх, чужак! Общий съёмочный план|Їжак ґречно їв
Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία, Σίσυφος ΣΊΣΥΦΟΣ|Բարեւ աշխարհ|გამარჯობა მსოფლიო ᲒᲐᲛᲐᲠᲯᲝᲑᲐ|שלום עולם, בְּרֵאשִׁית|مرحبا بالعالم، السَّلَامُ عَلَيْكُم
سلام دنیا می‌خواهم|ہیلو دنیا|नमस्ते दुनिया, क्षत्रिय|হ্যালো বিশ্ব|ਸਤਿ ਸ੍ਰੀ ਅਕਾਲ|નમસ્તે વિશ્વ|வணக்கம் உலகம்|హలో ప్రపంచం|ನಮಸ್ಕಾರ ಜಗತ್ತು|ഹലോ ലോകം
ආයුබෝවන් ලෝකය|สวัสดีชาวโลก น้ำใจ|ສະບາຍດີຊາວໂລກ|မင်္ဂလာပါကမ္ဘာလောက|សួស្តី\u200bពិភពលោក|བོད་ཡིག་ཨ་མ།|ሰላም ልዑል|ꯃꯅꯤꯄꯨꯔꯤ|ᎣᏏᏲ ᎡᎶᎯ|ᐊᐃᓐᖓᐃ
今天天气很好，我们去公园。|人工智慧與機器學習|吾輩は猫である。名前はまだ無い。|カタカナ ﾊﾝｶｸ ガギグゲゴ|안녕하세요 세계 한글|ㅎㅏㄴㄱㅡㄹ|ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ|ⵜⴰⵎⴰⵣⵉⵖⵜ|𐌲𐌿𐍄 𐍃𐌰 𐍅𐌿𐌻𐍆𐌹𐌻𐌰|𓂀𓃠𓆣 𒀭𒂗|ߒߞߏ
𝕳𝖊𝖑𝖑𝖔 𝟙𝟚𝟛 ∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, α ∧ ¬β = ¬(¬α ∨ β)|ⅣⅧ ① ⑳ ½ ¾ ² ³ ₁₂|€100 £5.50 ¥1,000 ₹99 ₿0.1 20% 5‰ §3 №7 ©®™|“quoted” ‘it’s’ «guillemets» „unten“ – — … ‽ ¿qué? ¡sí!
""".strip()  # noqa: E501
    .replace("\n", "|")
    .split("|")
)

EMOJI = [
    "👩\u200d🚀",
    "🚀",
    "👨\u200d👩\u200d👧\u200d👦",
    "🏳️\u200d🌈",
    "🏴\u200d☠️",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "🇯🇵🇫🇷",
    "🇺",
    "👍🏽",
    "👍",
    "❤️",
    "❤",
    "☺︎",
    "1️⃣",
    "#️⃣",
    "👩🏿\u200d❤️\u200d💋\u200d👨🏻",
    "🧑\u200d💻",
    "🫠",
    "🫡",
    "♂️",
    "\u200d",
    "🀄",
    "🃏",
    "✌🏻",
    "🤷🏾\u200d♀️",
    "🕵️\u200d♂️",
]

CODE = [
    "def f(x: int) -> int:\n    return x ** 2  # ²\n",
    "if (x[i] != 0xFF) { return x['key']->value; } // it's 3.14159 'LL\r\n",
    "\t\tfor(;;){}\n\n\n\n}",
    "SELECT * FROM t WHERE a>=10 AND b LIKE '%x_%';",
    '{"a": [1, 2.5e-10, null], "b\\n": "\\u00e9"}\n',
    '<div class="a b">&nbsp;&#8203;</div>\n<!-- x -->',
    "https://example.com/a%20b?q=1&r=ä#frag ftp://x.y:8080/~u/",
    "$ git commit -m 'it''s' && make -j8 2>&1 | tee log.txt",
    '#include <vector>\n#define X(a) a##_t\nint main(){std::cout<<"hi"<<std::endl;}',
    "x = y@z.com, C:\\Users\\x\\*.txt, ../../etc/passwd, 192.168.0.1, 2024-02-29T23:59:60Z",
    "snake_case camelCase PascalCase SCREAMING_SNAKE kebab-case v1.2.3-rc4+build",
    "~~~!!!???...---___===+++///\\\\\\|||&&&%%%$$$###@@@^^^***((()))[[[]]]{{{}}}<<<>>>",
]

CONTRACTIONS = [
    quote + end
    for quote in "'’ʼ＇`´"
    for end in [
        "s",
        "t",
        "re",
        "ve",
        "m",
        "ll",
        "d",
        "S",
        "T",
        "RE",
        "VE",
        "M",
        "LL",
        "D",
        "Re",
        "rE",
        "Ll",
        "lL",
        "sx",
        "tt",
        "ſ",
        "ſt",
    ]
]

SPACES = [chr(c) for c in range(sys.maxunicode + 1) if chr(c).isspace()] + [
    "\u180e",
    "\u200b",
    "\u200c",
    "\u2060",
    "\ufeff",
]
NEWLINES = ["\n", "\r", "\r\n", "\n\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"]
CONTROLS = [chr(c) for c in [*range(32), *range(0x7F, 0xA0)]] + list(
    "\xad\u061c\u200d\u200e\u200f\u202a\u202e\u2066\u2069\ufff9\ufffc\ufffd"
)
DIGITS = "0123456789" * 3 + "٠١٢٣٤٥٦٧٨٩" + "०१२३४५६७८९" + "０１２３４５６７８９" + "๐๑๒๓" + "²³¹½¼Ⅷⅻ①㊿〇一二𝟎𝟗𑁦"
UNASSIGNED = {"Cn", "Cs"}


@functools.cache
def letters() -> dict[str, list[str]]:
    """Return the assigned code points by the first letter of their category, surrogates left out."""
    found: dict[str, list[str]] = {}
    for c in map(chr, range(sys.maxunicode + 1)):
        category = unicodedata.category(c)
        # The reference orders marks by an older Unicode than Python's: of them, only those that both know.
        if category[0] == "M" and unicodedata.ucd_3_2_0.category(c) in UNASSIGNED:
            continue
        if category not in UNASSIGNED:
            found.setdefault(category if category in ("Mn", "Co") else category[0], []).append(c)
    return found


def specials(size: str) -> list[str]:
    whole = [
        *vocabulary.FULL_SPECIALS[size].values(),
        *vocabulary.TINY_SPECIALS[size],
        *vocabulary.FULL_USER_DEFINED.values(),
    ]
    return [
        *whole,
        "<|",
        "|>",
        "<",
        ">",
        "<|im_",
        "end|>",
        "<unused3>",
        "<|IM_END|>",
        "<| im_end |>",
        "<|reserved_special_token_7|>",
    ]


def some(rng: random.Random, choices: list[str] | str, least: int, most: int) -> str:
    return "".join(rng.choices(choices, k=rng.randint(least, most)))


def makers(size: str) -> dict[str, Callable[[random.Random], str]]:
    assigned = letters()
    words = " ".join(PHRASES).split(" ")

    def decomposed(rng: random.Random) -> str:
        return unicodedata.normalize(rng.choice(["NFD", "NFC", "NFKD", "NFKC"]), some(rng, [*words, " "], 1, 6))

    def accents(rng: random.Random) -> str:
        return "".join(
            some(rng, rng.choice([assigned["L"], "aeiouAEIOU<>=~^"]), 1, 2) + some(rng, assigned["Mn"], 0, 4)
            for _ in range(4)
        )

    def mixture(rng: random.Random) -> str:
        return "".join(kinds[rng.choice(list(kinds)[:-1])](rng)[: rng.randint(1, 12)] for _ in range(rng.randint(2, 6)))

    spaced = [" ", " ", "  ", ""]
    kinds = {
        "words": lambda rng: "".join(
            rng.choice(words) + rng.choice([*spaced, "\n", "-", ", "]) for _ in range(rng.randint(1, 12))
        ),
        "emoji": lambda rng: "".join(
            rng.choice(EMOJI) + rng.choice([*spaced, "a", "!"]) for _ in range(rng.randint(1, 6))
        ),
        "code": lambda rng: "".join(
            c[a : a + rng.randint(1, 30)] for c in rng.choices(CODE, k=3) for a in [rng.randrange(len(c))]
        ),
        "spaces": lambda rng: "".join(
            some(rng, SPACES, 0, 5) + rng.choice(["a", "", "1", ".", "ä", "\n"]) for _ in range(5)
        ),
        "newlines": lambda rng: "".join(
            some(rng, [*NEWLINES, " ", "  ", "\t"], 0, 5) + rng.choice(["a", "", "1", "!", "."]) for _ in range(5)
        ),
        "controls": lambda rng: "".join(
            some(rng, CONTROLS, 0, 3) + rng.choice(["a", "", "1", " ", "."]) for _ in range(6)
        ),
        "accents": accents,
        "decomposed": decomposed,
        "digits": lambda rng: "".join(
            some(rng, DIGITS, 1, 8) + rng.choice([" ", ",", ".", "", "x", "'"]) for _ in range(4)
        ),
        "contractions": lambda rng: "".join(
            rng.choice(["I", "we", "é", "1", "", " ", ".", "\n"])
            + rng.choice(CONTRACTIONS)
            + rng.choice(["", " ", "a", "1"])
            for _ in range(6)
        ),
        "specials": lambda rng: "".join(
            rng.choice(specials(size)) + rng.choice(["", " ", "a", "\n", "é", "e\u0301"]) for _ in range(5)
        ),
        "ascii": lambda rng: some(rng, [chr(c) for c in range(128)], 1, 40),
        "letters": lambda rng: some(rng, assigned["L"], 1, 20),
        "numbers": lambda rng: some(rng, assigned["N"] + ["1", "a", " "], 1, 20),
        "symbols": lambda rng: some(rng, assigned["S"] + assigned["P"] + [" "] * 500, 1, 20),
        "any assigned": lambda rng: some(rng, list(itertools.chain(*assigned.values())), 1, 20),
        "mixture": mixture,
    }
    return kinds


def real_vocabulary(size: str) -> Path:
    """Return llama.cpp's file of the real vocabulary; the build brings it with the source."""
    name = {"small": "ggml-vocab-qwen2.gguf", "nano": "ggml-vocab-llama-bpe.gguf"}[size]
    path = default_tree() / "models" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path


def strings(size: str, count: int) -> list[str]:
    rng = random.Random(size)
    kinds = list(makers(size).values())
    return [text for i in range(count) if (text := kinds[i % len(kinds)](rng))]


@pytest.fixture(scope="module", params=list(itertools.product(["small", "nano"], ["tiny", "real"])), ids="-".join)
def vocabulary_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Return a size, and a text model file with its tiny or its real vocabulary."""
    size, kind = request.param
    shape, path = TINY[size], tmp_path_factory.mktemp("vocabulary") / "text.gguf"
    if kind == "tiny":
        return size, write_text(path, shape)
    words = vocabulary.full(size, {"small": 151_936, "nano": 128_260}[size], real_vocabulary(size))
    # one row of eight numbers a token: only the vocabulary matters here
    narrow = replace(shape.text, n_embd=8, n_layer=1, n_head=1, n_head_kv=1, head_dim=8, n_ff=8)
    shape = replace(shape, text=replace(narrow, n_vocab=len(words.tokens)))
    return size, write_text(path, shape, vocabulary=words)


class Sides(NamedTuple):
    """Our tokenizer and the reference's, of the same vocabulary."""

    size: str
    ours: Tokenizer
    theirs: Any

    def assert_equal(self, texts: list[str]) -> None:
        different = [s for s in texts if self.ours(s).tolist() != self.theirs.encode(s, add_special_tokens=False).ids]
        assert not different, f"{len(different)} of {len(texts)}: {[s[:200] for s in different[:5]]!r}"


@pytest.fixture(scope="module")
def sides(vocabulary_file: tuple[str, Path]) -> Iterator[Sides]:
    size, path = vocabulary_file
    text = TextModel(path, CPU)
    yield Sides(size, Tokenizer(text), hf.build_tokenizer(path))
    text.close()


def test_ids_equal_those_of_the_reference_tokenizer(sides: Sides) -> None:
    corpus = strings(sides.size, 12_000)
    assert len(corpus) >= 10_000
    sides.assert_equal(corpus)
    assert [*sides.ours(corpus[0]), *sides.ours.end] == sides.theirs.encode(corpus[0]).ids


# ---- pieces ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_characters", [1, 5, 30])
def test_pieces_have_the_ids_of_the_whole(n_characters: int, sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "_PIECE", n_characters)
    rng = random.Random(n_characters)
    corpus = strings(sides.size, 2_000)
    sides.assert_equal(["".join(rng.choices(corpus, k=rng.randint(1, 4))) for _ in range(1_000)])


RUNS = [
    *(
        "a",
        "A",
        "ab",
        "ACGT",
        "abcdefghijklmnopqrstuvwxyz",
        "loremipsum",
        "éèa",
        "Привет",
        "中",
        "中文字",
        "か",
        "한글",
    ),
    *(
        "-",
        "=",
        "=-",
        "'",
        "'s",
        "!?.,;:",
        "/\\",
        "─│",
        "\0",
        "<",
        "<|",
        "🚀👍",
        "😀",
        "👨\u200d👩\ufe0f",
        "0123456789",
    ),
    *(" ", "\t", " \t", "\n", "\r\n ", "\xa0", "สวัสดี", "e\u0301", "\u0301", "<|im_end|>"),
]
"""Characters of words that are longer than a piece."""


def test_pieces_of_long_words_have_the_ids_of_the_whole(sides: Sides) -> None:
    rng = random.Random(0)
    around = ["", " ", "\n", "\n  ", "!\n", "x", "'", "1", "é", "<|im_end|>", " a text"]
    for characters in RUNS:
        run = "".join(rng.choices(characters, k=rng.randint(20_000, 24_000)))
        other = "".join(rng.choices(rng.choice(RUNS), k=9_000))
        sides.assert_equal([rng.choice(around) + run + rng.choice(around) + other + rng.choice(around)])


def test_texts_are_joined_before_they_are_cut(sides: Sides) -> None:
    rng = random.Random(0)
    text = "".join(strings(sides.size, 3_000))
    cuts = sorted(rng.choices(range(len(text)), k=200))
    parts = [text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])]
    ids, is_whole = sides.ours.tokenize(parts)
    assert is_whole
    assert ids.tolist() == sides.theirs.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("n_enough", [0, 1, 5_000])
def test_a_text_is_tokenised_no_further_than_needed(n_enough: int, sides: Sides) -> None:
    text = " ".join(["words", "and", "12345", "größer"] * 20_000)
    ids, is_whole = sides.ours.tokenize([text], n_enough)
    assert not is_whole
    assert n_enough < len(ids) < n_enough + 20_000
    assert ids.tolist() == sides.theirs.encode(text, add_special_tokens=False).ids[: len(ids)]


def members(characters: str) -> list[str]:
    """Return what a class of a regular expression holds."""
    return re.findall(f"[{characters}]", "".join(c for c in map(chr, range(sys.maxunicode + 1)) if not is_surrogate(c)))


def is_surrogate(character: str) -> bool:
    return unicodedata.category(character) == "Cs"


def test_characters_at_a_cut_are_letters_and_signs_that_compose_with_nothing_before() -> None:
    letters, signs = members(tokenizer._LETTERS), members(tokenizer._SIGNS)
    assert {unicodedata.category(c)[0] for c in letters} == {"L"}
    assert not {unicodedata.category(c)[0] for c in signs} & {"L", "N", "Z"}
    assert not any(c.isspace() or c in "<>" for c in signs)
    seconds = {
        parts[1]
        for c in map(chr, range(sys.maxunicode + 1))
        if len(parts := unicodedata.normalize("NFD", c)) > 1 and unicodedata.normalize("NFC", parts) == c
    }
    for c in [*letters, *signs, *"0123456789 \t\r\n<>"]:
        first = unicodedata.normalize("NFD", c)[0]
        assert unicodedata.combining(first) == 0
        assert first not in seconds
