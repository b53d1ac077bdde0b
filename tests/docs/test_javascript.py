"""the module of the web page -> checkout, follow, the line is cut -> no event is missing and none comes twice"""

import json
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

from tests.docs.pages import page
from tests.town import Town

PAGE = "docs/spa-and-mobile.md"
ORIGIN = "https://shop.example"


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None:
        warnings.warn(f"There is no node here: the JavaScript of {PAGE} was NOT run.", stacklevel=1)
        pytest.skip(f"there is no node here: the JavaScript of {PAGE} was not run")
    return found


def test_the_module_pays_and_follows_across_a_cut_line(node: str, town: Town, tmp_path: Path) -> None:
    shop = town.merchant(origins=(ORIGIN,))
    (block,) = page(PAGE).blocks("js")
    (tmp_path / "paygraph.mjs").write_text(block.text)
    shutil.copy(Path(__file__).parent / "drive.mjs", tmp_path)
    order, other = shop.order(), shop.order()
    given = {
        "url": town.graphql_url,
        "publishableKey": shop.publishable_key,
        "order": {name: order[name] for name in ("id", "clientSecret")},
        "other": {"id": other["id"], "clientSecret": order["clientSecret"]},
        "sandbox": town.sandbox_url,
        "origin": ORIGIN,
    }
    done = subprocess.run(
        [node, str(tmp_path / "drive.mjs"), json.dumps(given)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["seen"] == [
        {"version": 3, "type": None, "status": "OPEN"},
        {"version": 4, "type": "payment.captured", "status": "PAID"},
        {"version": 5, "type": "order.paid", "status": "PAID"},
        {"version": 6, "type": "payment.fee_known", "status": "PAID"},
    ]
    assert told["lines"] == 2
    assert told["refused"] is True
