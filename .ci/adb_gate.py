"""Runs a command in a network of its own, with one door: a port of this machine's loopback leads to the same there.

python3 adb_gate.py PORT COMMAND...     # needs root; opens the door when the command answers; ends with the command
"""

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import threading
import time

CLONE_NEWNET = 0x40000000
SECONDS = 60  # that the command has to answer


def main() -> int:
    port, command = int(sys.argv[1]), sys.argv[2:]
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", port))  # a socket stays in the network that it was made in
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "no network of its own can be made")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        process = subprocess.Popen(command)
        threading.Thread(target=_serve, args=(door, port), daemon=True).start()
        return process.wait()


def _serve(door: socket.socket, port: int) -> None:
    ends = time.monotonic() + SECONDS
    while True:
        try:
            _inside(port).close()
            break
        except OSError:
            if time.monotonic() > ends:
                os._exit(1)
            time.sleep(0.1)
    door.listen()
    while True:
        outside, _ = door.accept()
        try:
            inside = _inside(port)
        except OSError:
            outside.close()
            continue
        for pair in ((outside, inside), (inside, outside)):
            threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _inside(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port))


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Until one of them ends; then neither goes on."""
    with contextlib.suppress(OSError):
        while chunk := source.recv(1 << 16):
            sink.sendall(chunk)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    sys.exit(main())
