"""Which codes of refusals a mutation may meet: found in the source, by following every name from its resolver on."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"(?=.{5})[A-Z]+(_[A-Z]+)*")
NAMES = {"domain.methods.table"}  # its texts are names of payment methods


@dataclass
class Part:
    """A function, method, class or constant: the codes that it names in faults, and what else it refers to."""

    codes: set[str] = field(default_factory=set)
    refers_to: set[tuple[str, str]] = field(default_factory=set)


def _modules() -> Iterator[tuple[str, ast.Module]]:
    """The domain, and of the API what raises: its types only show what the domain would say."""
    inputs = [path for name in ("mutations", "inputs", "errors") for path in (ROOT / "schema").rglob(f"{name}.py")]
    for path in sorted([*(ROOT / "domain").rglob("*.py"), *inputs]):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name not in NAMES:
            yield name, ast.parse(path.read_text())


def _imports(tree: ast.Module) -> dict[str, tuple[str, str | None]]:
    """What a name stands for: (module, None), or (module, name in it)."""
    found: dict[str, tuple[str, str | None]] = {}
    known = {name for name, _ in _modules()}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                found[alias.asname or alias.name] = (module, None) if module in known else (node.module, alias.name)
    return found


def _codes(node: ast.AST) -> set[str]:
    """Every text that looks like a code; REQUIRED of `findings.text` only where it is asked for."""
    found = {
        inner.value
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and CODE.fullmatch(inner.value)
    }
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "text":
            found |= {"REQUIRED"} if any(keyword.arg == "required" for keyword in call.keywords) else set()
    return found


@cache
def _parts() -> dict[tuple[str, str], Part]:
    """Every definition on the top level of domain and schema, and every method, by its module and name.

    A table by actions is not one part but one for each action: whoever names the action means its row.
    """
    parts: dict[tuple[str, str], Part] = {}
    for module, tree in _modules():
        imports = _imports(tree)
        for statement in tree.body:
            for place, node in _definitions(statement, module, imports):
                part = parts.setdefault(place, Part())
                part.codes |= set() if _only_shows(module, node) else _codes(node)
                part.refers_to |= set(_references(node, module, imports))
    parts["domain.refusals", "Findings.text"].codes.discard("REQUIRED")
    return parts


def _only_shows(module: str, node: ast.AST) -> bool:
    """The API's classes and tables name codes to tell of them, not to refuse with them."""
    return module.startswith("schema.") and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _definitions(
    statement: ast.stmt, module: str, imports: dict[str, tuple[str, str | None]]
) -> Iterator[tuple[tuple[str, str], ast.AST]]:
    if isinstance(statement, ast.ClassDef):
        yield from (((module, statement.name), base) for base in statement.bases)
        for member in statement.body:
            if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                name = statement.name if member.name == "__init__" else f"{statement.name}.{member.name}"
                yield (module, name), member
    elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        yield (module, statement.name), statement
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        if isinstance(statement.value, ast.Dict) and _is_by_actions(statement.value):
            for key, value in zip(statement.value.keys, statement.value.values, strict=True):
                assert isinstance(key, ast.Attribute)
                yield _member(key, module, imports), value
        else:
            yield from (((module, target.id), statement) for target in targets if isinstance(target, ast.Name))


def _is_by_actions(table: ast.Dict) -> bool:
    return bool(table.keys) and all(
        isinstance(key, ast.Attribute) and isinstance(key.value, ast.Name) and key.value.id.endswith("Action")
        for key in table.keys
    )


def _member(node: ast.Attribute, module: str, imports: dict[str, tuple[str, str | None]]) -> tuple[str, str]:
    assert isinstance(node.value, ast.Name)
    source, name = imports.get(node.value.id, (module, node.value.id))
    return source, f"{name}.{node.attr}"


def _references(node: ast.AST, module: str, imports: dict[str, tuple[str, str | None]]) -> Iterator[tuple[str, str]]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
            source = imports.get(inner.value.id)
            if source and source[1] is None:
                yield source[0], inner.attr
            elif inner.attr == "text":
                yield "domain.refusals", "Findings.text"
            else:
                yield _member(inner, module, imports)
        elif isinstance(inner, ast.Name):
            source = imports.get(inner.id, (module, inner.id))
            if source[1] is not None:
                yield source[0], source[1]


def _reached(start: tuple[str, str]) -> set[str]:
    parts, seen, waiting, codes = _parts(), set[tuple[str, str]](), [start], set[str]()
    while waiting:
        here = waiting.pop()
        if here in seen or here not in parts:
            continue
        seen.add(here)
        codes |= parts[here].codes
        waiting += parts[here].refers_to
    return codes


@cache
def codes_of_mutations() -> dict[str, set[str]]:
    """The codes that each mutation may meet, by the mutation's name in the API."""
    found = {}
    for module, name in _parts():
        if module.endswith(".mutations") and re.fullmatch(r"\w+Mutations\.[a-z_]+", name):
            first, *rest = name.partition(".")[2].split("_")
            found[first + "".join(word.capitalize() for word in rest)] = _reached((module, name))
    return found
