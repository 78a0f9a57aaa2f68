"""The imports inside functions, which a component would not find."""

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

from hookyard import late

SOURCE = """
import json

def handle():
    import csv
    from . import rules
    import ssl
    import nowhere.at_all
    try:
        import fcntl
    except ImportError:
        pass

class Table:
    def read(self):
        from ..shared.tables import Row
"""


class LateImports(unittest.TestCase):
    def test_imports_in_functions_are_found(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path, text in {"a/b/app.py": SOURCE, "gen/sdk/x.py": SOURCE}.items():
                (folder / path).parent.mkdir(parents=True)
                (folder / path).write_text(text)
            found = [(it.line, it.module, it.is_optional) for it in late.late_imports(folder)]
            self.assertEqual(
                found,
                [
                    (5, "csv", False),
                    (6, "a.b", False),
                    (7, "ssl", False),
                    (8, "nowhere.at_all", False),
                    (10, "fcntl", True),
                    (16, "a.shared.tables", False),
                ],
            )

    def test_missing_modules_are_warned_of(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "app.py").write_text(SOURCE.replace("from . import rules", "from gen import rules").replace("from ..shared", "from gen.shared"))
            (folder / "gen").mkdir()
            (folder / "gen/__init__.py").touch()
            path = list(sys.path)
            with contextlib.redirect_stdout(io.StringIO()) as output:
                late.main([folder])
            sys.path[:] = path
            self.assertEqual(
                output.getvalue().splitlines(),
                [
                    "warning: app.py:7: `import ssl` will fail: Python for WebAssembly does not have it",
                    "warning: app.py:8: `import nowhere.at_all` will fail: it is in none of the plugin's files and packages",
                ],
            )
            self.assertEqual((folder / "late_imports.py").read_text(), "MODULES = ['csv', 'gen', 'gen.shared.tables']\n")


if __name__ == "__main__":
    unittest.main()
