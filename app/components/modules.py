"""ES modules as one: a component gets its JavaScript as a single text, which its modules are put together to."""

import re
from collections.abc import Sequence
from pathlib import Path

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./[\w.]+";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)


def joined(folder: Path, names: Sequence[str]) -> str:
    """The modules of a folder as one module that exports what the last one does.

    Each becomes a function that returns what it exports, so that names within it stay its own; imports are found in the
    enclosing scope.

    Args:
        folder: Where they lie.
        names: Without suffix, each after those that it imports.
    """
    *parts, last = (_IMPORT.sub("", folder.joinpath(f"{name}.js").read_text(encoding="utf-8")) for name in names)
    return "\n".join([*map(_enclosed, parts), last])


def _enclosed(source: str) -> str:
    exported = ", ".join(match.group(2) for match in _EXPORT.finditer(source))
    body = _EXPORT.sub(lambda match: match.group(1), source)
    return f"const {{ {exported} }} = (() => {{\n{body}return {{ {exported} }};\n}})();"
