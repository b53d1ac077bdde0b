"""The rules of the house that a machine can hold to; who may import whom is in pyproject.toml."""

import ast
import contextlib
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    *("commands", "domain", "gateways", "kit", "mail", "models", "pages", "sandbox", "schema", "webhooks", "workers"),
    *("main.py", "config.py", "bootstrap.py"),
)
LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


@cache
def sources() -> dict[str, ast.Module]:
    """The product's modules by their path."""
    found = {}
    for package in PACKAGES:
        path = ROOT / package
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found[file.relative_to(ROOT).as_posix()] = parsed(file.read_text())
    return found


def parsed(source: str) -> ast.Module:
    """Python 3.11 counts its depth for all threads at once, and every traceback that is logged parses, too."""
    while True:
        with contextlib.suppress(SystemError):
            return ast.parse(source)


def within(*packages: str) -> dict[str, ast.Module]:
    return {name: tree for name, tree in sources().items() if name.startswith(packages)}


def breaches(found: dict[str, ast.Module], is_one: Callable[[ast.AST], bool]) -> list[str]:
    """Where a rule is broken, as file:line."""
    return [f"{name}:{node.lineno}" for name, tree in found.items() for node in ast.walk(tree) if is_one(node)]  # type: ignore[attr-defined]


def called(node: ast.AST) -> str:
    """The dotted name of what a call calls, as far as it is written with names; empty for anything else."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_module_says_what_it_is_for() -> None:
    assert [name for name, tree in sources().items() if not ast.get_docstring(tree)] == []


def test_no_module_and_no_function_is_long() -> None:
    long = []
    for name, tree in sources().items():
        length = len((ROOT / name).read_text().splitlines())
        long += [f"{name}: {length} lines"] if length > LONGEST_MODULE else []
        for function in functions(tree):
            size = (function.end_lineno or 0) - function.lineno + 1
            long += [f"{name}:{function.lineno} {function.name}: {size} lines"] if size > LONGEST_FUNCTION else []
    assert long == []


def test_only_the_domain_writes() -> None:
    """Resolvers, pages, webhooks and jobs call its verbs."""
    verbs = {"save", "update_or_create", "get_or_create", "bulk_create", "bulk_update", "delete", "create"}
    models = {node.name for tree in within("models/").values() for node in tree.body if isinstance(node, ast.ClassDef)}
    writing = re.compile(r"\b(INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b")

    def writes(node: ast.AST) -> bool:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return writing.search(node.value) is not None
        return called(node).partition(".")[0] in models and called(node).rpartition(".")[2] in verbs

    elsewhere = {
        name: tree
        for name, tree in sources().items()
        if not name.startswith(("domain/", "models/", "kit/", "sandbox/"))
    }
    assert breaches(elsewhere, writes) == []


def test_nothing_reads_changes_and_saves() -> None:
    """That loses the changes that others make meanwhile: change rows by a statement, or under a lock."""
    orm = (".save", ".update_from_dict", ".refresh_from_db")
    found = []
    for name, tree in sources().items():
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        modules = {alias.asname or alias.name for node in imports for alias in node.names}
        calls = [node for node in ast.walk(tree) if called(node).endswith(orm) and not name.startswith("sandbox/")]
        # A verb of a module, such as saved_methods.save(...), is no row that is saved.
        found += [f"{name}:{node.lineno}" for node in calls if called(node).partition(".")[0] not in modules]  # type: ignore[attr-defined]
    assert found == []


def test_only_the_clock_tells_the_time() -> None:
    """Everything else is told it, so that a test can say what time it is."""
    business = {
        name: tree for name, tree in sources().items() if not name.startswith(("kit/", "sandbox/", "schema/transport/"))
    }
    # A decline that Stripe gives no time for is dated by its arrival.
    business.pop("gateways/stripe/evidence.py")
    clocks = re.compile(r"(datetime|date)\.(now|utcnow|today)$|^time\.(time|time_ns|localtime|gmtime)$")
    assert breaches(business, lambda node: clocks.search(called(node)) is not None) == []
    assert breaches(within("domain/", "models/", "gateways/"), lambda node: called(node) == "clock.now") == []


def test_money_is_never_a_float() -> None:
    def is_float(node: ast.AST) -> bool:
        if called(node) in {"float", "round", "Decimal.from_float"}:
            return True
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return True
        return isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node) in {"fields.FloatField", "math.floor"}

    assert breaches(within("domain/", "models/", "gateways/", "kit/money.py"), is_float) == []
    near_money = re.compile(r"_minor\b")

    def divides(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Div)
            and near_money.search(ast.unparse(node)) is not None
        )

    assert breaches(sources(), divides) == []


def test_an_amount_says_its_unit_in_its_name() -> None:
    """A column or a field of an amount ends in _minor; by how much it changed, in _by."""

    def is_bare(node: ast.AST) -> bool:
        name = node.target.id if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else None
        if name is None and isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id if called(node.value) in {"fields.IntField", "fields.BigIntField"} else None
        kind = ast.unparse(node.annotation) if isinstance(node, ast.AnnAssign) else "int"
        words = {"amount", "total", "price", "fee", "captured", "refunded", "authorized", "disputed"}
        return (
            name is not None
            and "int" in kind
            and bool(words & set(name.split("_")))
            and not name.endswith(("_minor", "_by"))
        )

    assert breaches(within("domain/", "models/", "gateways/base.py"), is_bare) == []


_OUTSIDE = re.compile(
    r"\bgateways?(\[[^]]*\])?\.(open_session|expire_session|inquire|refund|capture|void|cancel|submit\w*)$"
    r"|^(asyncio|time)\.sleep$|^(httpx|requests|urllib)\.|^((inquire|ask)\.)?(inquire|ask|close|run_to_end|unit_of_work)$"
)


def in_units(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda]:
    """Functions that run in a unit of work: they are given the unit, or are handed to unit_of_work."""
    yield from (f for f in functions(tree) if any(argument.arg == "unit" for argument in f.args.args))


def test_no_transaction_waits_for_anybody_outside() -> None:
    """No PSP call, no sleep, no HTTP and no other unit inside a unit of work."""
    found = []
    for name, tree in sources().items():
        for function in in_units(tree):
            inside = ast.walk(ast.Module(body=list(getattr(function, "body", [])), type_ignores=[]))
            found += [
                f"{name}:{node.lineno} {called(node)}"  # type: ignore[attr-defined]
                for node in inside
                if _OUTSIDE.search(called(node))
            ]
    assert found == []


def test_a_unit_is_asked_through_the_unit_and_nothing_else() -> None:
    """A read beside it would wait for the lock that the unit itself holds."""
    found = []
    for name, tree in within("domain/").items():
        for function in in_units(tree):
            body = ast.Module(body=list(getattr(function, "body", [])), type_ignores=[])
            found += [f"{name}:{n.lineno}" for n in ast.walk(body) if called(n).startswith("reading.fetch")]  # type: ignore[attr-defined]
    assert found == []


def test_what_a_merchant_reads_names_the_merchant() -> None:
    """Every statement of domain/reads.py, whatever it reads."""
    tree = sources()["domain/reads.py"]
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    texts = [n for n in ast.walk(tree) if isinstance(n, ast.JoinedStr | ast.Constant) and id(n) not in parts]
    statements = [ast.unparse(node) for node in texts if re.search(r"\bSELECT\b", ast.unparse(node))]
    assert len(statements) > 8
    known = ("merchant_id", "{where}", "FROM merchants WHERE id = $1")
    assert [text for text in statements if not any(word in text for word in known)] == []
    assert "where.add('merchant_id', '=', merchant_id)" in ast.unparse(tree)


def test_everything_outside_the_domain_reads_through_it() -> None:
    """No SQL in resolvers, pages, webhooks and jobs; health asks whether the database answers."""
    select = re.compile(r"\bSELECT\b.*\bFROM\b", re.DOTALL)

    def is_statement(node: ast.AST) -> bool:
        return isinstance(node, ast.Constant) and isinstance(node.value, str) and select.search(node.value) is not None

    assert (
        breaches(within("schema/", "pages/", "webhooks/", "workers/", "commands/", "bootstrap.py"), is_statement) == []
    )


SINGLE_FILES = {
    "main.py": {"config", "commands", "domain", "kit", "models"},
    "bootstrap.py": {"config", "domain", "gateways", "kit", "mail", "models", "workers"},
    "config.py": set(),
}


@pytest.mark.parametrize("name", SINGLE_FILES)
def test_the_files_at_the_root_import_what_they_may(name: str) -> None:
    """import-linter looks at packages only."""
    ours = {package.removesuffix(".py") for package in PACKAGES}
    found = set()
    for node in ast.walk(sources()[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    assert found & ours <= SINGLE_FILES[name]
    assert not found & {"strawberry", "stripe", "sandbox"}


def test_importing_the_product_starts_nothing() -> None:
    """Settings are read by main, sockets and databases opened by bootstrap: an import does neither."""
    calls = re.compile(r"^(os\.environ\.get|os\.getenv|asyncio\.run|socket\.socket|Tortoise\.init|uvicorn\.run)$")
    found = []
    for name, tree in sources().items():
        if name == "main.py" or name.endswith("__main__.py"):
            continue
        for statement in tree.body:
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found += [f"{name}:{node.lineno}" for node in ast.walk(statement) if calls.search(called(node))]  # type: ignore[attr-defined]
    assert found == []


def test_settings_are_read_in_one_place() -> None:
    def reads(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}

    elsewhere = {name: tree for name, tree in sources().items() if name != "config.py" and "sandbox/" not in name}
    assert breaches(elsewhere, reads) == []


def test_the_linters_look_at_every_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    modules = {package.removesuffix(".py") for package in PACKAGES}
    folders = {package for package in PACKAGES if not package.endswith(".py")}
    assert set(settings["mypy"]["packages"]) >= modules
    assert set(settings["importlinter"]["root_packages"]) == folders
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    at_the_root = {path.partition("/")[0] for path in tracked}
    assert at_the_root - {"tests", "bench", "migrations"} == set(PACKAGES)
