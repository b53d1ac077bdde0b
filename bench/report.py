"""Figures, and the one table that they end in."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

_HEADINGS = ("figure", "ours", "ceiling", "ratio", "target", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table. `met` is None where nothing was promised."""

    name: str
    ours: float
    unit: str
    ceiling: float | None = None
    ceiling_name: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def paired(ours: Sequence[float], ceiling: Sequence[float]) -> float:
    """The median of the ratios round by round: what slows one round down slows both sides of it."""
    return median([ours_once / ceiling_once for ours_once, ceiling_once in zip(ours, ceiling, strict=True)])


def rate(
    name: str, ours: Sequence[float], ceiling: Sequence[float], ceiling_name: str, least: float | None = None
) -> Figure:
    """A figure of which more is better."""
    ratio = paired(ours, ceiling)
    return Figure(
        name=name,
        ours=median(ours),
        unit="/s",
        ceiling=median(ceiling),
        ceiling_name=ceiling_name,
        ratio=ratio,
        target=f">= {least:.0%}" if least else "",
        met=ratio >= least if least else None,
    )


def machine(server: str) -> dict[str, str]:
    """What the figures were measured on. `server` is what PostgreSQL says of itself."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    packages = ("strawberry-graphql", "graphql-core", "starlette", "uvicorn", "tortoise-orm", "asyncpg", "stripe")
    return {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{memory:.0f} GiB",
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        "PostgreSQL": server,
        "packages": ", ".join(f"{name} {version(name)}" for name in packages),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def table(figures: Sequence[Figure]) -> str:
    """The figures in columns."""
    rows = [_HEADINGS, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) if column in (0, 2) else cell.rjust(width) for column, (cell, width) in cells)
        for cells in (list(enumerate(zip(row, widths, strict=True))) for row in rows)
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _cells(figure: Figure) -> tuple[str, ...]:
    ceiling = f"{_number(figure.ceiling)} {figure.unit}  {figure.ceiling_name}" if figure.ceiling is not None else ""
    return (
        figure.name,
        f"{_number(figure.ours)} {figure.unit}",
        ceiling,
        f"{figure.ratio:.2f}" if figure.ratio is not None else "",
        figure.target,
        {True: "yes", False: "NO", None: ""}[figure.met],
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def write_json(path: Path, figures: Sequence[Figure], facts: dict[str, str], notes: Sequence[str]) -> None:
    told: dict[str, Any] = {"machine": facts, "figures": [asdict(figure) for figure in figures], "notes": list(notes)}
    path.write_text(json.dumps(told, indent=2) + "\n")
