"""Memory over thousands of lifecycles: what the API's process holds must not grow with what it has done."""

from bench.parts import Log, Sizes
from bench.parts.lifecycles import run, scene
from bench.report import Figure
from bench.stage import Stage

_STEPS = 8
_WARM_UP_SHARE = 0.25
_FLAT_KIB = 0.1  # a lifecycle: 2 MiB over 20,000 of them, less than the allocator's own coming and going


async def measure(stage: Stage, sizes: Sizes, log: Log) -> list[Figure]:
    """The slope of the resident memory over the lifecycles, after a quarter of them as a warm-up."""
    async with scene(stage) as at:
        step = sizes.remembered_lifecycles // _STEPS
        await run(at.ours.port, int(sizes.remembered_lifecycles * _WARM_UP_SHARE), at.open_ours, at.told)
        points = [(0.0, float(at.ours.resident_kib()))]
        for number in range(1, _STEPS + 1):
            found = await run(at.ours.port, step, at.open_ours, at.told)
            points.append((float(number * step), float(at.ours.resident_kib())))
            log.say(f"memory {number}/{_STEPS}: {points[-1][1] / 1024:.1f} MiB, {found:.0f} lifecycles/s")
    told = ", ".join(f"{kib / 1024:.1f}" for _, kib in points)
    log.note(f"Resident memory of the API, in MiB, every {step:,} lifecycles after the warm-up: {told}.")
    growth = _slope(points)
    return [
        Figure(
            name=f"growth over {sizes.remembered_lifecycles:,} lifecycles",
            ours=growth * 1000,
            unit="KiB per 1,000",
            target="flat",
            met=growth <= _FLAT_KIB,
        )
    ]


def _slope(points: list[tuple[float, float]]) -> float:
    """By least squares."""
    middle = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    rise = sum((x - middle[0]) * (y - middle[1]) for x, y in points)
    return rise / sum((x - middle[0]) ** 2 for x, _ in points)
