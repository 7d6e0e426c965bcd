"""The server for the tests: the built program, on a free port."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from channelstream_client import Client

ROOT = Path(__file__).parents[3]


class Server:
    def __init__(self, *flags: str, port: int = 0) -> None:
        program = os.environ.get("CHANNELSTREAM_SERVER", ROOT / "target/debug/channelstream")
        command = [program, "--port", str(port), *flags]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={})
        assert self.process.stderr is not None
        line = next(line for line in self.process.stderr if "serving on" in line)
        found = re.search(r"http://[^:]+:(\d+)", line)
        assert found is not None
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url, "secret") as client:
        yield client
