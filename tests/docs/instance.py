"""An embedded instance, started as a reader starts it, and the shell beside it."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.docs.pages import REPO, Block, Page
from tests.town import free_port

_PATIENCE = 180.0
_OURS = (
    "STRIPE_",
    "DATABASE_",
    "REDIS_",
    "SANDBOX_",
    "BASE_",
    "DATA_",
    "SECRET_",
    "SMTP_",
    "MAIL_",
    "DEVELOPMENT",
    "LOG_",
    "HOST",
)


@contextlib.contextmanager
def running_instance(folder: Path) -> Iterator[int]:
    """`main.py run` in a folder of its own, where it keeps `var/`; the port it answers at."""
    port = free_port()
    environment = _environment() | {"PORT": str(port), "SANDBOX_PORT": str(free_port())}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(REPO / "main.py"), "run"], cwd=folder, env=environment, stdout=log, stderr=log
        )
        try:
            _await(process, port, folder)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _await(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200 and _greeted(folder):
                return
        time.sleep(0.1)
    raise AssertionError(f"the instance does not answer: {(folder / 'log').read_text()}")


def _greeted(folder: Path) -> bool:
    return "Paygraph is running." in (folder / "log").read_text()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}


def run_session(page: Page, port: int, data: Path, folder: Path) -> list[tuple[Block, str]]:
    """Runs the page's shell blocks in one shell, in a folder with the instance's `demo.json`; what each printed."""
    (folder / "var").mkdir(parents=True)
    shutil.copy(data / "demo.json", folder / "var")
    script = folder / "session.sh"
    parts = ["set -eu"]
    for block in page.blocks("sh"):
        parts += [f"printf '\\n@@ %s\\n' {block.line}", _here(block.text, port)]
    script.write_text("\n".join(parts) + "\nprintf '\\n@@ end\\n'\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(script)],
        cwd=folder,
        env=_environment() | {"PATH": path, "DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    said = dict(part.split("\n", 1) for part in done.stdout.split("\n@@ ")[1:])
    complete = done.returncode == 0 and "end" in said
    assert complete, f"{page} stopped after {list(said)}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return [(block, said[str(block.line)]) for block in page.blocks("sh")]


def _here(text: str, port: int) -> str:
    """The block with the addresses and the python of this machine."""
    return (
        text.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        .replace("python main.py", f"python '{REPO / 'main.py'}'")
        .replace(".venv/bin/python", "python")
    )
