"""A mail server that takes everything and keeps nothing, in a process of its own."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def sink(latency_s: float = 0) -> Iterator[int]:
    """Start one on loopback, which lets each reply wait so long; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "bench.sink", str(listener.fileno()), str(latency_s)]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()])
        try:
            yield listener.getsockname()[1]
        finally:
            process.kill()
            process.wait()


def _serve(connection: socket.socket, latency_s: float) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as lines:

        def reply(text: bytes) -> None:
            if latency_s:
                time.sleep(latency_s)
            connection.sendall(text + b"\r\n")

        reply(b"220 sink")
        for line in lines:
            match line[:4].upper():
                case b"EHLO":
                    reply(b"250-sink\r\n250 PIPELINING")
                case b"DATA":
                    reply(b"354 go on")
                    while lines.readline() not in (b".\r\n", b""):
                        pass
                    reply(b"250 taken")
                case b"QUIT":
                    reply(b"221 bye")
                    return
                case _:
                    reply(b"250 fine")


def _main() -> None:
    listener = socket.socket(fileno=int(sys.argv[1]))
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection, float(sys.argv[2])), daemon=True).start()


if __name__ == "__main__":
    _main()
