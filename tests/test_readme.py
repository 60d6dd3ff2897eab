"""The README's first login by hand is run as it is printed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_the_first_login_by_hand_works_as_printed(tmp_path: Path) -> None:
    marked = r"<!-- The test suite runs this block. -->\n```sh\n(.*?)```"
    found = re.search(marked, README.read_text(), re.DOTALL)
    assert found is not None
    block = found.group(1)
    assert len(block.splitlines()) < 10
    address = f"127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GODKEND_SERVER": address,
        "GODKEND_SERVER__LISTEN": address,
        "GODKEND_METRICS__LISTEN": "",
    }
    with subprocess.Popen(
        ["bash", "-euc", block + "\nkill %1; wait %1"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            out, err = shell.communicate(timeout=60)
        finally:
            if shell.poll() is None:
                os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0, err
    claims = json.loads(out[out.index("{") :])
    assert claims["aud"] == "tax"
    assert claims["amr"] == ["pop", "pin", "mfa"]
