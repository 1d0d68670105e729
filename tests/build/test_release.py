"""What a release and the workflows rely on."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import jina_omni

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://example.org/owner/name"


@pytest.fixture
def check_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the script, on a copy of the files that it reads which is ready for a release."""
    spec = importlib.util.spec_from_file_location("check_release", ROOT / "tools" / "check_release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for name in ("CHANGELOG.md", "pyproject.toml", "src/jina_omni/_version.py"):
        text = (ROOT / name).read_text("utf-8")
        text = re.sub(r"https://github.com/[\w-]+/jina-omni", REPOSITORY, text)
        text = re.sub(r"^## .+", f"## {jina_omni.__version__}, 2030-01-31", text, count=1, flags=re.MULTILINE)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return module


def test_a_release_that_agrees_has_no_problems(check_release: ModuleType) -> None:
    assert check_release.find_problems(f"v{jina_omni.__version__}", REPOSITORY) == []


def test_everything_that_does_not_agree_is_named(check_release: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "CHANGELOG.md").write_text(f"## {jina_omni.__version__}, unreleased\n", "utf-8")
    problems = check_release.find_problems("v99.0", "https://example.org/other/name")
    assert problems[0] == f"the tag is v99.0, but src/jina_omni/_version.py has {jina_omni.__version__}"
    assert problems[1].startswith("CHANGELOG.md has no heading")
    assert len(problems) == 2 + 5
    assert all(problem.startswith(REPOSITORY) for problem in problems[2:])


def test_workflows_take_actions_by_their_commit() -> None:
    workflows = (ROOT / ".github" / "workflows").glob("*.yml")
    used = [line for path in workflows for line in re.findall(r"uses: (.+)", path.read_text("utf-8"))]
    assert len(used) > 20
    pinned = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [line for line in used if not line.startswith("./.github/") and not pinned.fullmatch(line)] == []
    commits = {line.partition("@")[0]: set() for line in used}
    for line in used:
        commits[line.partition("@")[0]].add(line)
    assert [lines for lines in commits.values() if len(lines) > 1] == []


def test_the_check_of_the_published_files_has_a_job_for_each_repository() -> None:
    text = (ROOT / ".github" / "workflows" / "published.yml").read_text("utf-8")
    names = [model.name for model in jina_omni.list_models()]
    assert f"options: [all, {', '.join(names)}]" in text
    assert "'[" + ", ".join(f'"{name}"' for name in names) + "]'" in text
