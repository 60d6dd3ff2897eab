"""Hashes for some seconds, and prints the CPU of each hash in ns, as a JSON list.

A process of its own, beside a server under load: its hashes are interrupted as often, and find the
caches as cold, as those of the server. With pauses between them they would find them colder.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from godkend import _core

LENGTH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("memory-kib", "iterations", "parallelism"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    parameters = (options.memory_kib, options.iterations, options.parallelism)
    hashes_ns: list[int] = []
    ends_s = time.monotonic() + options.seconds
    while time.monotonic() < ends_s or not hashes_ns:
        began_ns = time.thread_time_ns()
        _core.argon2id(b"271946", bytes(16), *parameters, LENGTH)
        hashes_ns.append(time.thread_time_ns() - began_ns)
    json.dump(hashes_ns, sys.stdout)


if __name__ == "__main__":
    main()
