"""posts to strangers' addresses -> what came back, and never a connection to anything of our own"""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kit.outbound import Answer, Outbound

pytestmark = pytest.mark.anyio
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Names:
    """A resolver that says what the test wants, and remembers what it was asked."""

    def __init__(self, *addresses: list[str]) -> None:
        self.answers, self.asked = list(addresses), list[str]()

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if not self.answers:
            raise OSError("no such name")
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[str]]]:
    """A server on this machine: its port, and the paths that it was asked for."""
    asked: list[str] = []

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked.append(line.decode().split()[1])
            while (await reader.readline()).strip():
                pass
            await reader.read(2)
            try:
                await serve(reader, writer)
            except ConnectionError:
                break
        writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()


def saying(text: str) -> Serve:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text.replace("\n", "\r\n").encode())
        await writer.drain()

    return serve


OK = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"


async def post(outbound: Outbound, url: str) -> Answer:
    return await outbound.post(url, {"content-type": "application/json"}, b"{}")


async def test_an_address_of_our_own_is_refused_unseen() -> None:
    async with serving(saying(OK)) as (port, asked):
        for answers in (["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]):
            async with Outbound(private=False, resolve=Names(answers)) as outbound:
                answer = await post(outbound, f"http://shop.example:{port}/")
                assert answer == Answer(failure="shop.example leads to an address that is not public")
        async with Outbound(private=False) as outbound:
            for host in ("127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433"):
                assert (await post(outbound, f"http://{host}:{port}/")).status is None
        assert asked == []


async def test_a_name_cannot_point_elsewhere_between_the_check_and_the_call() -> None:
    """It is asked once for a connection, and the next connection is checked anew."""
    names = Names(["203.0.113.1", "127.0.0.1"], ["127.0.0.1"])
    async with serving(saying(OK)) as (port, asked):
        async with Outbound(private=False, resolve=names) as outbound:
            for _ in range(2):
                assert (await post(outbound, f"http://rebinding.example:{port}/")).status is None
        assert names.asked == ["rebinding.example"] * 2
        assert asked == []


async def test_development_reaches_this_machine_by_the_next_address_that_answers() -> None:
    async with serving(saying(OK)) as (port, asked):
        async with Outbound(private=True, resolve=Names(["127.0.0.2", "127.0.0.1"])) as outbound:
            assert await post(outbound, f"http://shop.test:{port}/x") == Answer(status=200, text="ok")
        assert asked == ["/x"]


async def test_a_connection_is_used_again() -> None:
    names = Names(["127.0.0.1"])
    async with serving(saying(OK)) as (port, asked), Outbound(private=True, resolve=names) as outbound:
        for _ in range(3):
            assert (await post(outbound, f"http://shop.test:{port}/")).status == 200
        assert (len(asked), len(names.asked)) == (3, 1)


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    async with serving(saying(OK)) as (port, asked):
        location = f"HTTP/1.1 307 Elsewhere\nLocation: http://127.0.0.1:{port}/inside\nContent-Length: 0\n\n"
        async with serving(saying(location)) as (first, _), Outbound(private=True) as outbound:
            assert (await post(outbound, f"http://127.0.0.1:{first}/")).status == 307
        assert asked == []


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(saying(OK)) as (port, _), serving(saying(OK)) as (proxy, asked):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        async with Outbound(private=True) as outbound:
            assert (await post(outbound, f"http://127.0.0.1:{port}/")).status == 200
        assert asked == []


async def test_the_answer_is_read_as_far_as_it_is_worth() -> None:
    endless = "HTTP/1.1 500 Oh\nRetry-After: 7\nTransfer-Encoding: chunked\n\n" + ("fff\n" + "x" * 4095 + "\n") * 50
    async with serving(saying(endless)) as (port, _), Outbound(private=True) as outbound:
        answer = await post(outbound, f"http://127.0.0.1:{port}/")
    assert (answer.status, answer.text, answer.retry_after) == (500, "x" * 4096, "7")


async def test_an_answer_that_drips_ends_with_the_timeout() -> None:
    async def dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(dripping) as (port, _), Outbound(private=True, timeout=0.3) as outbound:
        assert await post(outbound, f"http://127.0.0.1:{port}/") == Answer(failure="no answer within 0.3 seconds")


@pytest.mark.parametrize("text", ["", "HTTP/1.1 junk\n\n", "\x00\x01", "HTTP/1.1 200 OK\nContent-Length: 9\n\nx"])
async def test_nonsense_is_a_failure(text: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(text)(reader, writer)
        writer.close()

    async with serving(serve) as (port, _), Outbound(private=True) as outbound:
        answer = await post(outbound, f"http://127.0.0.1:{port}/")
    assert answer.status is None
    assert answer.failure is not None


async def test_a_name_without_an_address_is_a_failure() -> None:
    for names in (Names(), Names([])):
        async with Outbound(private=True, resolve=names) as outbound:
            answer = await post(outbound, "http://nowhere.example/")
            assert answer == Answer(failure="ConnectError: nowhere.example has no address")


async def test_tls_verifies_the_name_though_the_address_is_connected_to(tmp_path: Path) -> None:
    certificate = issued(tmp_path, "shop.example")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with serving(saying(OK), server) as (port, asked):
        async with Outbound(private=True, resolve=Names(["127.0.0.1"]), tls=trusting) as outbound:
            assert (await post(outbound, f"https://shop.example:{port}/")).status == 200
            other = await post(outbound, f"https://other.example:{port}/")
            assert "CERTIFICATE_VERIFY_FAILED" in (other.failure or "")
        async with Outbound(private=True, resolve=Names(["127.0.0.1"])) as outbound:
            unknown = await post(outbound, f"https://shop.example:{port}/")
            assert "CERTIFICATE_VERIFY_FAILED" in (unknown.failure or "")
        assert asked == ["/"]


def issued(folder: Path, name: str) -> Path:
    """A certificate for the name, signed by itself, with its key."""
    path = folder / "server.pem"
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", str(path), "-out", str(folder / "c.pem")], check=True, capture_output=True)
    path.write_text(path.read_text() + (folder / "c.pem").read_text())
    return path
