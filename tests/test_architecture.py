"""The rules that import-linter cannot see: what pages may import, what every file must have, how long things may be."""

import ast
import importlib
import pkgutil
import sys
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ALLOWED = {"ngcore": {"ngcore"}, "app": {"app", "ngcore"}, "pages": {"app", "ngcore"}}
OWN = {"ngcore", "app", "pages", "tests"}
USERS_OF_TESTING = {"app/network/permutation_lab.py"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 60

FILES = [path.relative_to(REPOSITORY) for top in ALLOWED for path in sorted((REPOSITORY / top).rglob("*.py"))]
ALL_FILES = [*FILES, *(path.relative_to(REPOSITORY) for path in sorted((REPOSITORY / "tests").rglob("*.py")))]


@cache
def parsed(path):
    """Syntax tree of a file of the repository."""
    return ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))


def imported(tree):
    """Full names of the modules that a file imports, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def body_lines(function):
    """Lines of a function's body, its docstring apart."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_the_rules_look_at_all_three_folders():
    assert {path.parts[0] for path in FILES} == set(ALLOWED)


def test_a_file_imports_only_from_folders_below_it():
    used = {path: {name.split(".")[0] for name in imported(parsed(path))} & OWN for path in FILES}
    assert {path: names for path, names in used.items() if not names <= ALLOWED[path.parts[0]]} == {}


def test_no_file_imports_a_page():
    pages = {page.stem for page in (REPOSITORY / "pages").glob("*.py")} - set(sys.stdlib_module_names)
    names = {path: set(imported(parsed(path))) for path in ALL_FILES}
    banned = {
        path: {name for name in used if name in pages or name.startswith((".", "pages"))}
        for path, used in names.items()
    }
    assert {path: found for path, found in banned.items() if found} == {}


def test_the_testing_tools_are_imported_by_tests_and_the_permutation_lab_alone():
    users = {path for path in FILES if any(name.startswith("ngcore.testing") for name in imported(parsed(path)))}
    assert {path.as_posix() for path in users if path.parts[:2] != ("ngcore", "testing")} <= USERS_OF_TESTING


def test_a_file_opens_with_a_docstring_of_at_least_one_sentence():
    first = {path: (ast.get_docstring(parsed(path)) or "").split("\n\n")[0].rstrip() for path in ALL_FILES}
    assert {path: text for path, text in first.items() if not text.endswith((".", ":"))} == {}


def test_files_stay_short_enough_to_read():
    lengths = {path: len((REPOSITORY / path).read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_stay_short_enough_to_read():
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    functions = [(path, node) for path in FILES for node in ast.walk(parsed(path)) if isinstance(node, kinds)]
    lengths = {(path, node.name): body_lines(node) for path, node in functions}
    assert {where: length for where, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_annotations_are_kept_for_the_shape_checks():
    files = [path for path in FILES if path.parts[0] == "ngcore"]
    assert [path for path in files if "__future__.annotations" in set(imported(parsed(path)))] == []


def test_no_file_of_the_app_hides_a_module_of_the_standard_library():
    # Streamlit puts the folder of its entry file first on the import path.
    files = [path for path in FILES if path.parts[0] == "app" and len(path.parts) == 2]
    assert [path for path in files if path.stem in sys.stdlib_module_names - {"__main__"}] == []


def test_every_public_name_exists():
    import ngcore

    for module in pkgutil.iter_modules(ngcore.__path__, "ngcore."):
        if module.ispkg:
            package = importlib.import_module(module.name)
            assert package.__all__, f"{module.name} lists no public names"
            assert [name for name in package.__all__ if not hasattr(package, name)] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pages.home", {"pages.home"}),
        ("def f():\n    from pages import home", {"pages", "pages.home"}),
        ("from ..pages import home", {"..pages", "pages.home"}),
    ],
)
def test_the_import_reader_sees_imports_in_every_place(source, found):
    assert set(imported(ast.parse(source))) == found
