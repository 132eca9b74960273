"""A real Erlang as a child process, running judge.erl."""

import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

from helpers import etf
from partita import Atom

SOURCE = pathlib.Path(__file__).with_name("judge.erl")
# One scheduler, which sleeps when it has nothing to do: it leaves the processor to the table under test.
COMMAND = ["erl", "-noinput", "-boot", "no_dot_erlang", "+S", "1", "+sbwt", "none"]
MISSING = "the judge is missing: install Erlang (on Debian: apt-get install erlang-base)"


class Erlang:
    """One long-lived Erlang. Ask it one thing at a time: `send`, do something else meanwhile, `receive`."""

    def __init__(self):
        if not (shutil.which("erl") and shutil.which("erlc")):
            raise RuntimeError(MISSING)
        self.directory = tempfile.TemporaryDirectory(prefix="partita-erlang-")
        subprocess.run(["erlc", "-o", self.directory.name, os.fspath(SOURCE)], check=True)
        self.process = subprocess.Popen(
            [*COMMAND, "-pa", self.directory.name, "-s", "judge", "start"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "ERL_CRASH_DUMP_BYTES": "0"},
        )
        self.otp = self.ask(Atom("otp_release"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, term):
        self.send_bytes(etf.dumps(term))

    def send_bytes(self, data):
        self.process.stdin.write(struct.pack(">I", len(data)) + data)
        self.process.stdin.flush()

    def receive(self):
        return etf.loads(self.receive_bytes())

    def receive_bytes(self):
        size = self.process.stdout.read(4)
        if len(size) < 4:
            raise EOFError(f"Erlang ended with status {self.process.wait()}; its last words are on stderr")
        return self.process.stdout.read(struct.unpack(">I", size)[0])

    def ask(self, term):
        self.send(term)
        return self.receive()

    def close(self):
        """Erlang would halt when its stdin ends, but not while it writes a reply that nobody reads."""
        self.process.kill()
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.directory.cleanup()
