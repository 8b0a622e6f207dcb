"""Any folder of weight files as a zoo; each file is read as data, and its folders may name its split and its class."""

import dataclasses
import functools
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngcore.errors import NeuralGraphError, ZooError
from ngcore.files import canonical_json
from ngcore.inr import is_inr
from ngcore.networks import Network
from ngcore.text import clean_text
from ngcore.workers import THIS_PROCESS, Workers, run_on_workers
from ngcore.zoo.metadata import DEFAULTS, SPLITS
from ngcore.zoo.storage import Zoo
from ngcore.zoo.writer import ZooWriter

if TYPE_CHECKING:
    import pandas

    from ngcore.upload import Hints

ENDINGS = (".safetensors", ".npz", ".pt", ".pth", ".ckpt", ".bin", ".h5", ".hdf5", ".keras", ".onnx", ".pt2")
FILE_COLUMN = "file"
DEFAULT_SPLIT = "test"
MAX_CLASSES = 1_000
FILES_PER_PART = 500
_OTHER_NAMES = {"val": "validation", "valid": "validation", "training": "train", "testing": "test"}
_OWN_COLUMNS = {"id", "architecture", "row", FILE_COLUMN}

Progress = Callable[[int, int], None]
_Row = Mapping[str, Any]
_Item = tuple[Path, _Row]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What became of a folder.

    Attributes:
        zoo: The zoo.
        num_files: Files that were read.
        refused: Why files were left out, by their paths in the folder.
    """

    zoo: Zoo
    num_files: int
    refused: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class _Source:
    """What all parts of an import share: the folder, and what is known of its files beyond them."""

    folder: Path
    hints: "Hints | None"


def import_folder(
    source: Path | str,
    folder: Path | str,
    *,
    name: str,
    table: "pandas.DataFrame | None" = None,
    hints: "Hints | None" = None,
    workers: Workers = THIS_PROCESS,
    progress: Progress | None = None,
) -> ImportReport:
    """Make a zoo of all files of weights in a folder and the folders in it.

    A folder called train, validation or test, at the top, names a split, and a folder in it, or at the top, a class.
    Files that are no networks are left out and reported. An import that was stopped continues where it was.

    Args:
        source: The folder.
        folder: Where the zoo will be.
        name: Its name: letters, digits, dots, dashes and underscores.
        table: More about the files: a column "file" with paths in the folder, and any others; "split", "label" and
            "accuracy" go before what folders say. Files that it lacks get NaN, False or "".
        hints: What is known about the networks beyond the files.
        workers: Who reads.
        progress: Called with the number of files done and in all.

    Raises:
        ZooError: If there is no such folder, no file in it is a network, or the name or the table makes no sense.
    """
    source = Path(source)
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, flags=re.ASCII):
        raise ZooError(f"Expected a name of letters, digits, '.', '-' and '_' for the zoo, got {name!r}.")
    files = find_files(source)
    if not files:
        raise ZooError(f"Expected files of weights ({', '.join(ENDINGS)}) in {source}, got none.")
    rows, class_names = _rows(files, table, name)
    items = list(zip(files, rows, strict=True))
    writer = ZooWriter(folder, name=name, recipe=_recipe(source, items, hints))
    keys = [f"files-{start:07d}" for start in range(0, len(files), FILES_PER_PART)]
    refused = _write_parts(writer, keys, items, _Source(source, hints), workers, progress)
    written = [key for key in keys if writer.has_part(key)]
    if not written:
        path, reason = next(iter(refused.items()))
        raise ZooError(f"Expected networks in {source}, got {len(files):,} files that are none. {path}: {reason}")
    are_inrs = all(is_inr(architecture) for key in written for architecture in writer.architectures(key))
    card = {"kind": "inr" if are_inrs else "classifiers"} | ({"class_names": list(class_names)} if class_names else {})
    return ImportReport(zoo=writer.finish(written, card), num_files=len(files), refused=refused)


def find_files(source: Path) -> list[Path]:
    """The files of weights in a folder and the folders in it, as sorted paths in the folder; hidden ones are left out.

    Raises:
        ZooError: If there is no such folder.
    """
    if not source.is_dir():
        raise ZooError(f"Expected a folder with files of weights, got {source}.")
    paths = (path.relative_to(source) for path in source.rglob("*") if path.suffix.lower() in ENDINGS)
    shown = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
    return sorted(path for path in shown if (source / path).is_file())


def _recipe(source: Path, items: Sequence[_Item], hints: "Hints | None") -> dict[str, Any]:
    """What decides the zoo: which files there are, what is said of them, and how they are read."""
    listing = [[path.as_posix(), (source / path).stat().st_size, _plain(row)] for path, row in items]
    said = {"files": listing, "hints": repr(hints)}
    return {"imported": len(items), "digest": hashlib.sha256(canonical_json(said)).hexdigest()}


def _plain(row: _Row) -> dict[str, Any]:
    """A row for JSON, which knows no NaN."""
    return {key: None if value != value else value for key, value in row.items()}


def _rows(
    files: Sequence[Path], table: "pandas.DataFrame | None", name: str
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """A row of metadata per file, with its path as "file", and the names of the classes."""
    found = [_split_and_class(path) for path in files]
    more = _more(table, files)
    labels = [str(extra.get("label", label)) for (_, label), extra in zip(found, more, strict=True)]
    names = sorted({label for label in labels if label}, key=lambda label: (len(label), label))
    names = names if len(names) <= MAX_CLASSES else []
    number = {label: i for i, label in enumerate(names)}
    rows: list[dict[str, Any]] = []
    taken: set[str] = set()
    for path, (split, _), label, extra in zip(files, found, labels, more, strict=True):
        network = f"{name}/{_short_id(path, taken)}"
        row = {"id": network, "split": split, FILE_COLUMN: clean_text(path.as_posix()), **extra}
        rows.append(row | {"label": number.get(label, -1)})
    return rows, tuple(clean_text(label) for label in names)


def _split_and_class(path: Path) -> tuple[str, str]:
    """The split and the class that the folders of a file name; the class is "" for none."""
    folders = list(path.parts[:-1])
    first = _OTHER_NAMES.get(folders[0].lower(), folders[0].lower()) if folders else ""
    if first in SPLITS:
        return first, folders[1] if len(folders) > 1 else ""
    return DEFAULT_SPLIT, folders[0] if folders else ""


def _short_id(path: Path, taken: set[str]) -> str:
    """The path without its ending, in letters that are safe in addresses; with a digest where another has the same."""
    short = re.sub(r"[^A-Za-z0-9._/-]+", "-", path.with_suffix("").as_posix())
    if short in taken:
        short = f"{short}-{hashlib.sha256(path.as_posix().encode()).hexdigest()[:8]}"
    taken.add(short)
    return short


def _more(table: "pandas.DataFrame | None", files: Sequence[Path]) -> list[dict[str, Any]]:
    """What a table says about each file, in columns of one type each."""
    if table is None:
        return [{} for _ in files]
    if FILE_COLUMN not in table or not table[FILE_COLUMN].is_unique:
        raise ZooError(f"Expected a table with a column {FILE_COLUMN!r} of paths, each once, got {list(table)[:10]}.")
    unknown = set(table[FILE_COLUMN].astype(str)) - {path.as_posix() for path in files}
    if unknown:
        raise ZooError(f"Expected paths of files in the folder as {FILE_COLUMN!r}, got {min(unknown)!r}.")
    kept = table.set_index(table[FILE_COLUMN].astype(str))
    kept = kept[[column for column in kept if column not in _OWN_COLUMNS]].reindex([path.as_posix() for path in files])
    for column in kept:
        kept[column] = _filled(kept[column], str(column))
    return [{str(key): value for key, value in row.items()} for row in kept.to_dict("records")]


def _filled(column: "pandas.Series", name: str) -> "pandas.Series":
    """A column without gaps: NaN among numbers, "" among text."""
    if name == "split":
        known = column.fillna(DEFAULT_SPLIT).map(lambda split: _OTHER_NAMES.get(str(split), str(split)))
        strange = set(known) - set(SPLITS)
        if strange:
            raise ZooError(f"Expected the splits {', '.join(SPLITS)} in the table, got {min(strange)!r}.")
        return known
    if name == "label":
        return column.map(lambda label: "" if label != label else _label_text(label))
    if column.dtype.kind in "iuf":
        default = DEFAULTS.get(name, float("nan"))
        return column.astype(float) if isinstance(default, float) else column.fillna(default).astype(type(default))
    if column.dtype.kind == "b":
        return column
    return column.map(lambda text: "" if text != text or text is None else clean_text(str(text)))


def _label_text(label: Any) -> str:
    """A label as a name: whole numbers, which gaps turn into fractions, without a point."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _write_parts(
    writer: ZooWriter,
    keys: Sequence[str],
    items: Sequence[_Item],
    source: _Source,
    workers: Workers,
    progress: Progress | None,
) -> dict[str, str]:
    """Write the parts that are not there yet; returns why files were left out, by their paths."""
    chunks = {key: items[i * FILES_PER_PART : (i + 1) * FILES_PER_PART] for i, key in enumerate(keys)}
    missing = [key for key in keys if not writer.has_part(key)]
    done = len(items) - sum(len(chunks[key]) for key in missing)
    refused: dict[str, str] = {}
    if progress is not None:
        progress(done, len(items))
    shared = functools.partial(_same, source)
    results = run_on_workers(read_files, [chunks[key] for key in missing], shared=shared, workers=workers)
    for position, (stacks, left_out) in results:
        if stacks:
            writer.write_part(missing[position], stacks)
        refused |= left_out
        done += len(chunks[missing[position]])
        if progress is not None:
            progress(done, len(items))
    return refused


def _same(source: _Source) -> _Source:
    return source


def read_files(
    source: _Source, items: Sequence[_Item]
) -> tuple[list[tuple[Network, list[dict[str, Any]]]], dict[str, str]]:
    """The networks in files, stacked by architecture with their rows, and why files were left out, by their paths."""
    from ngcore.upload.sandbox import one_reader

    found: dict[str, tuple[list[Network], list[dict[str, Any]]]] = {}
    refused = {}
    with one_reader():
        for path, row in items:
            try:
                for network, own in _networks_in(source, path, row):
                    networks, own_rows = found.setdefault(network.architecture.id, ([], []))
                    networks.append(network)
                    own_rows.append(own)
            except NeuralGraphError as error:
                refused[path.as_posix()] = str(error)
            except OSError as error:
                refused[path.as_posix()] = f"It can't be read: {error.strerror or error}."
    return [(Network.cat(networks), own_rows) for networks, own_rows in found.values()], refused


def _networks_in(source: _Source, path: Path, row: _Row) -> Iterator[tuple[Network, dict[str, Any]]]:
    """The network in a file, or the networks of a stack."""
    from ngcore.upload import read_network, read_stack
    from ngcore.upload.stacks import is_stack

    data = (source.folder / path).read_bytes()
    if not is_stack(data):
        yield read_network(data, filename=path.name, hints=source.hints).network, dict(row)
        return
    stack, names = read_stack(data)
    for i, name in enumerate(names):
        short = re.sub(r"[^A-Za-z0-9._/-]+", "-", name)
        yield stack[i], {**row, "id": f"{row['id']}/{i}-{short}"}
