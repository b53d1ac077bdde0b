"""the module of the web page -> checkout, follow, the line is cut -> no event is missing and none comes twice; and the
check of a webhook's signature -> says no to what was not signed"""

import json
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

from tests.docs.pages import page
from tests.receiver import receiving
from tests.town import Shop, Town
from tests.webhooking import made

PAGE = "docs/spa-and-mobile.md"
ORIGIN = "https://shop.example"


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None:
        warnings.warn("There is no node here: the JavaScript of the pages was NOT run.", stacklevel=1)
        pytest.skip("there is no node here: the JavaScript of the pages was not run")
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


WEBHOOKS = "docs/merchant-webhooks.md"
VERIFY = """import { verify } from "./verify.mjs";
const { secret, headers, body } = JSON.parse(process.argv[2]);
const tries = [[secret, headers, body], [secret, headers, body + " "], ["whsec_AAAA", headers, body],
  [secret, { ...headers, "webhook-timestamp": "1" }, body], [secret, {}, body]];
const said = tries.map((given) => { try { return verify(...given).type; } catch (error) { return error.message; } });
console.log(JSON.stringify(said));"""


def test_the_check_of_a_signature_in_node_takes_what_is_signed_and_nothing_else(
    node: str, shop: Shop, tmp_path: Path
) -> None:
    with receiving() as receiver:
        _, secret = made(shop, receiver)
        shop.order(reference="ä-1")
        (message,) = receiver.got(1)
    (block,) = page(WEBHOOKS).blocks("js")
    (tmp_path / "verify.mjs").write_text(block.text)
    (tmp_path / "drive.mjs").write_text(VERIFY)
    given = json.dumps({"secret": secret, "headers": message.headers, "body": message.body.decode()})
    done = subprocess.run([node, str(tmp_path / "drive.mjs"), given], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["order.created", *["not signed, or not just now"] * 4]
