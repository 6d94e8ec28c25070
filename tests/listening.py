"""Who listens at which address, as /proc of Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path

LISTENING = "0A"


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    out = [pid]
    for one in out:
        out += parents.get(one, [])
    return out


def sockets_of(pid: int) -> set[str]:
    """The inodes of a process's sockets."""
    out = set()
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(link)
            if target.startswith("socket:["):
                out.add(target[8:-1])
    except OSError:
        pass  # it has just ended
    return out


def listening(pids: list[int]) -> set[str]:
    """The addresses, as /proc writes them, at which these processes listen."""
    held = set().union(*map(sockets_of, pids))
    out = set()
    for table in ("tcp", "tcp6"):
        path = Path(f"/proc/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            cells = line.split()
            if cells[3] == LISTENING and cells[9] in held:
                out.add(cells[1].partition(":")[0])
    return out


def is_loopback(address: str) -> bool:
    """Whether an address of /proc/net is 127.x, ::1, or 127.x written as IPv6."""
    raw = b"".join(bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8))
    mapped = raw[:12] == bytes(10) + b"\xff\xff" and raw[12] == 127
    return raw[0] == 127 if len(raw) == 4 else raw == bytes(15) + b"\x01" or mapped
