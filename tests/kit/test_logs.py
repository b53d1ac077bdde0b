"""What stands in the log: one line for each record, whatever strangers send."""

import json
import logging
from collections.abc import Iterator

import pytest

from kit.logs import bind, configure, fresh


@pytest.fixture
def put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    fresh()


@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.usefixtures("put_back")
def test_a_stranger_writes_no_line_and_no_escape(capsys: pytest.CaptureFixture[str], readable: bool) -> None:
    configure("INFO", readable=readable)
    bind(path="/l/x\n17:00:00 ERROR forged\x1b[31m\0")
    logging.getLogger("test").info("GET %s", "/l/x\r\nforged\u2028é")
    (line,) = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert "é" in line
    if readable:
        assert line.isprintable()
    else:
        assert json.loads(line)["path"].endswith("\0")
