"""Finds the imports inside functions. A component has no files: it contains what was imported while it was built.

`hookyard build` runs this file with the folders of the plugin and of its packages. It writes `late_imports.py`, which
has the component import the same modules, and prints a warning for each import of the plugin that will fail.
"""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# The modules of the standard library that Python for WebAssembly does not have.
ABSENT = set(
    "bz2 ctypes curses fcntl grp lzma mmap msvcrt pty pwd readline resource ssl syslog termios tkinter tty"
    " turtle".split()
)


# The modules that componentize-py adds.
BINDINGS = {"componentize_py_runtime", "componentize_py_types", "poll_loop", "wit_world"}


class Late(NamedTuple):
    """An import inside a function."""

    file: str
    line: int
    module: str
    is_optional: bool


def late_imports(folder: Path) -> list[Late]:
    """Returns the imports inside functions of the modules in a folder, except the SDK's own."""
    found = []
    for file in sorted(folder.rglob("*.py")):
        path = file.relative_to(folder)
        if path.parts[:2] in (("gen", "sdk"), ("gen", "component.py")):
            continue
        try:
            tree = ast.parse(file.read_bytes(), str(path))
        except SyntaxError:
            continue  # Python reports it if the module is imported.
        for node, is_optional in _inside_functions(tree, False, False):
            found += [Late(str(path), node.lineno, name, is_optional) for name in _names(node, path.parts[:-1])]
    return found


def _inside_functions(node: ast.AST, is_inside: bool, is_optional: bool) -> Iterator[tuple[ast.stmt, bool]]:
    is_inside |= isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    is_optional |= isinstance(node, ast.Try)
    for child in ast.iter_child_nodes(node):
        if is_inside and isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, is_optional
        yield from _inside_functions(child, is_inside, is_optional)


def _names(node: ast.stmt, package: tuple[str, ...]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parents = package[: len(package) + 1 - node.level] if node.level else ()
        return [".".join([*parents, *filter(None, [node.module])])]
    return []


def _fault(module: str) -> str | None:
    top = module.partition(".")[0]
    if top in ABSENT:
        return "Python for WebAssembly does not have it"
    if top in BINDINGS or top in sys.stdlib_module_names or importlib.util.find_spec(top):
        return None
    return "it is in none of the plugin's files and packages"


def main(folders: list[Path]) -> None:
    """Writes `late_imports.py` into the first folder, which is the plugin's, and prints the warnings."""
    sys.path[:0] = map(str, folders)
    modules = []
    for folder in folders:
        for late in late_imports(folder):
            fault = _fault(late.module)
            if fault is None:
                modules.append(late.module)
            elif folder == folders[0] and not late.is_optional:
                print(f"warning: {late.file}:{late.line}: `import {late.module}` will fail: {fault}")
    (folders[0] / "late_imports.py").write_text(f"MODULES = {sorted(set(modules))!r}\n")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
