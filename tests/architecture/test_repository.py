"""Sentences of the design that can be checked by reading the repository."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BELONGS_AT_THE_TOP = {
    ".ci", ".git", ".github", ".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "app", "build_scripts", "docs",
    "installers", "pyproject.toml", "requirements.lock", "resources", "tests",
}  # fmt: skip
LEFT_BY_TOOLS = {
    ".dev-vault-passphrase",
    ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", "__pycache__",
    ".idea", ".vscode", "build", "dist",
}  # fmt: skip

IGNORE = re.compile(r"#\s*(noqa|type:\s*ignore)", re.IGNORECASE)
REASONED_IGNORE = re.compile(
    r"#\s*(noqa:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*|type:\s*ignore\[[\w, -]+\])\s+(-|#)\s+\S+\s+\S+"  # code, then some words
)
OUTSIDE_ADDRESS = re.compile(r"\w+://|--[\w-]*(index|links)|^-[if]\b|(^|[\s\"'])(/\w|[A-Z]:\\)", re.MULTILINE)


def foreign_entries(names: set[str]) -> set[str]:
    return names - BELONGS_AT_THE_TOP - LEFT_BY_TOOLS


def unreasoned_ignores(source: str) -> list[str]:
    """Comments that silence a linter without saying which rule and why."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = (token for token in tokens if token.type == tokenize.COMMENT)
    return [
        f"line {comment.start[0]}: {comment.string}"
        for comment in comments
        if IGNORE.search(comment.string) and not REASONED_IGNORE.search(comment.string)
    ]


def float_calls(source: str) -> list[str]:
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [f"line {call.lineno}" for call in calls if isinstance(call.func, ast.Name) and call.func.id == "float"]


def outside_addresses(lock: str) -> list[str]:
    return [match.group().strip() for match in OUTSIDE_ADDRESS.finditer(lock)]


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def findings_of(check: object, paths: list[Path]) -> list[str]:
    assert callable(check)
    return [f"{path.relative_to(ROOT)} {found}" for path in paths for found in check(path.read_text("utf-8"))]


def test_the_top_of_the_repository_holds_only_what_belongs_there() -> None:
    assert foreign_entries({path.name for path in ROOT.iterdir()}) == set()


def test_a_stray_file_at_the_top_is_noticed() -> None:
    assert foreign_entries({"app", ".venv", "notes.txt", "setup.cfg"}) == {"notes.txt", "setup.cfg"}


def test_every_lint_ignore_says_which_rule_and_why() -> None:
    assert findings_of(unreasoned_ignores, python_files("app", "build_scripts")) == []


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: S101",
        "# noqa: S101, BLE001",
        "# noqa: S101 - why",
        "# type: ignore",
        "# type: ignore[attr-defined]",
        "# type: ignore  # ccxt has no types",
        "#type:ignore[attr-defined]",
    ],
)
def test_an_ignore_without_rule_or_reason_is_noticed(comment: str) -> None:
    assert unreasoned_ignores(f"x = 1  {comment}\n") == [f"line 1: {comment}"]


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # noqa: S101 - proven by the type above",
        "x = 1  # noqa: S101, BLE001 - proven by the type above",
        "x = 1  # type: ignore[attr-defined]  # ccxt has no types",
        "x = '# noqa'",
    ],
)
def test_an_ignore_with_rule_and_reason_passes(line: str) -> None:
    assert unreasoned_ignores(line + "\n") == []


def test_money_never_becomes_a_float_in_the_domain() -> None:
    assert findings_of(float_calls, python_files("app/domain")) == []


def test_a_float_in_the_domain_is_noticed() -> None:
    assert float_calls("ratio: float\nprice = round(float('1'), 2)  # not float(x)\n") == ["line 2"]


def test_the_lock_names_no_address_or_path() -> None:
    assert outside_addresses((ROOT / "requirements.lock").read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "--default-index x",
        "--find-links x",
        "-i x",
        "six @ https://host/six.whl",
        "file:///wheels",
        "# via -r /home/me/in",
        "x @ C:\\wheels",
    ],
)
def test_an_address_or_path_in_the_lock_is_noticed(line: str) -> None:
    assert outside_addresses(f"six==1.17.0 \\\n    --hash=sha256:00\n{line}\n")


def test_every_locked_requirement_carries_hashes() -> None:
    requirements = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text())
    assert [text.splitlines()[0] for text in requirements if "==" in text and "--hash=sha256:" not in text] == []
