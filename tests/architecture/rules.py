"""The rules themselves, as functions from a file to its violations, so that each can be shown to bite."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES = 400
ALONE = {"services/matching/verifier.py": 600}
"""An outsider takes this one file and nothing else, so nothing can be moved out of it."""
MAX_FUNCTION_LINES = 60
_INNER = {"repository", "models"}
_LAYERS_BELOW_ROUTES = {"service", "repository", "models", "schemas", "errors"}
MECHANISMS = {
    "shared.messaging.chain": "any service's log",
}
"""Mechanisms there is only one of, which live in shared although one service uses them so far."""
_CHINESE = "\u3400-\u9fff\u3001-\u303f\uff00-\uffef"
_HALF_WIDTH = re.compile(f"[{_CHINESE}][,;:](?=[{_CHINESE}]|$)|[,;:](?=[{_CHINESE}])")
_FILLED_IN = "填"
_NETWORK = {"httpx", "httpx2", "requests", "urllib3", "aiohttp"}


def source_files(root: Path) -> list[Path]:
    """The production code: services and shared, without generated migrations."""
    files = [*(root / "services").rglob("*.py"), *(root / "shared").rglob("*.py")]
    return sorted(path for path in files if "versions" not in path.parts)


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _module(root: Path, path: Path) -> list[str]:
    return list(path.relative_to(root).with_suffix("").parts)


def foreign_imports(root: Path, path: Path) -> list[str]:
    """Another feature's repository and tables are its own; ask its service."""
    mine = _module(root, path)
    problems = []
    for name, line in _imports(path):
        parts = name.split(".")
        if len(parts) < 4 or parts[0] != "services" or parts[3] not in _INNER:
            continue
        if mine[:3] != parts[:3] and mine[2:3] not in (["tables"],):
            problems.append(f"{'/'.join(mine)}:{line} imports {name}")
    return problems


def framework_imports_below_routes(root: Path, path: Path) -> list[str]:
    """fastapi and starlette end at the routes."""
    mine = _module(root, path)
    if mine[0] != "services" or mine[-1] not in _LAYERS_BELOW_ROUTES:
        return []
    banned = ("fastapi", "starlette", "shared.web")
    return [
        f"{'/'.join(mine)}:{line} imports {name}" for name, line in _imports(path) if name.startswith(banned)
    ]


def network_library_imports(root: Path, path: Path) -> list[str]:
    """The network libraries are imported in shared/http.py and in the room of what leaves the house."""
    mine = _module(root, path)
    if mine == ["shared", "http"] or mine[:3] == ["services", "registry", "egress"]:
        return []
    return [
        f"{'/'.join(mine)}:{line} imports {name}"
        for name, line in _imports(path)
        if name.split(".")[0] in _NETWORK
    ]


def session_shortcuts(root: Path, path: Path) -> list[str]:
    """Features run statements through sessions, never raw text, and never commit.

    The seed loads an embedded store in bulk before anything else runs, on a connection of its own.
    """
    mine = _module(root, path)
    if mine[0] != "services" or mine[2:3] == ["seed"]:
        return []
    problems = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name in ("commit", "rollback", "exec_driver_sql") and isinstance(called, ast.Attribute):
            problems.append(f"{'/'.join(mine)}:{node.lineno} calls {name}")
        if name == "text" and isinstance(called, ast.Name) and _from_sqlalchemy(path, "text"):
            problems.append(f"{'/'.join(mine)}:{node.lineno} uses raw SQL")
    return problems


def _from_sqlalchemy(path: Path, name: str) -> bool:
    return any(
        imported == f"sqlalchemy.{name}" for imported, _ in _imports(path)
    ) and "Index(" not in path.read_text(encoding="utf-8")


def half_width_punctuation(root: Path, path: Path) -> list[str]:
    """A Chinese text has Chinese commas, semicolons and colons."""
    return [
        f"{'/'.join(_module(root, path))}:{line} {text}"
        for line, text in _texts(ast.parse(path.read_text(encoding="utf-8")))
        if _HALF_WIDTH.search(text)
    ]


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """String literals without what only documents; a Chinese word stands for what is filled in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
            is_chinese = any(re.search(f"[{_CHINESE}]", str(part)) for part in parts)
            filled_in = _FILLED_IN if is_chinese else ""
            yield node.lineno, "".join(filled_in if part is None else str(part) for part in parts)
        else:
            yield from _texts(node)


def undocumented_public(root: Path, path: Path) -> list[str]:
    """Every module says what it is; shared has docstrings throughout, use cases one sentence."""
    mine = _module(root, path)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name != "__init__.py" and ast.get_docstring(tree) is None:
        return [f"{'/'.join(mine)}: no docstring"]
    if mine[0] != "shared" and mine[-1] not in ("service", "routes"):
        return []
    return [
        f"{'/'.join(mine)}:{node.lineno} {node.name}: no docstring"
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]


def shared_modules_of_one_service(root: Path) -> list[str]:
    """A module of shared is used by at least two services, directly or through another shared module."""
    users: dict[str, set[str]] = {}
    inner: dict[str, set[str]] = {}
    for path in source_files(root):
        mine = _module(root, path)
        for name, _ in _imports(path):
            if not name.startswith("shared."):
                continue
            if mine[0] == "services":
                users.setdefault(name, set()).add(mine[1])
            else:
                inner.setdefault(name, set()).add(".".join(mine))
    problems = []
    for path in sorted((root / "shared").rglob("*.py")):
        name = ".".join(_module(root, path))
        if path.name != "__init__.py" and len(_reach(name, users, inner, set())) < 2:
            problems.append(name)
    return problems


def _reach(name: str, users: dict[str, set[str]], inner: dict[str, set[str]], seen: set[str]) -> set[str]:
    if name in seen:
        return set()
    seen.add(name)
    found = set(users.get(name, set()))
    for module in inner.get(name, set()):
        found |= _reach(module, users, inner, seen)
    return found


def function_lengths(root: Path, path: Path) -> Iterator[tuple[str, int]]:
    """Lines of each function, decorators and docstring not counted apart."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            where = f"{'/'.join(_module(root, path))}.{node.name}"
            yield where, (node.end_lineno or node.lineno) - node.lineno + 1
