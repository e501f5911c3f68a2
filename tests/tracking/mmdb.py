"""Writes small databases in MaxMind's format, as its specification 2.0 has it, for tests."""

import struct
from ipaddress import IPv6Network, ip_network
from pathlib import Path
from typing import Any

_MARK = b"\xab\xcd\xefMaxMind.com"
_POINTER_SIZE = 24  # bits of a record of the tree


def write(path: Path, records: dict[str, Any], kind: str = "Test-Country") -> Path:
    """Write a database that has `records` (network: record), for IPv4 and IPv6."""
    tree: list[list[Any]] = [[None, None]]
    data = bytearray()
    for network, record in records.items():
        _place(tree, _as_ipv6(network), len(data))
        data += _value(record)
    count = len(tree)
    nodes = b"".join(_pointer(side, count) for node in tree for side in node)
    path.write_bytes(nodes + bytes(16) + bytes(data) + _MARK + _value(_metadata(count, kind)))
    return path


def _as_ipv6(network: str) -> IPv6Network:
    parsed = ip_network(network)
    if isinstance(parsed, IPv6Network):
        return parsed
    # IPv4 is at ::/96.
    return IPv6Network((int(parsed.network_address), 96 + parsed.prefixlen))


def _place(tree: list[list[Any]], network: IPv6Network, offset: int) -> None:
    bits = f"{int(network.network_address):0128b}"[: network.prefixlen]
    node = 0
    for bit in bits[:-1]:
        if tree[node][int(bit)] is None:
            tree.append([None, None])
            tree[node][int(bit)] = len(tree) - 1
        node = tree[node][int(bit)]
    tree[node][int(bits[-1])] = ("data", offset)


def _pointer(side: Any, count: int) -> bytes:
    match side:
        case None:
            number = count
        case int():
            number = side
        case _, offset:
            number = count + 16 + offset
    return number.to_bytes(_POINTER_SIZE // 8, "big")


def _metadata(count: int, kind: str) -> dict[str, Any]:
    return {
        "node_count": struct.pack(">I", count),
        "record_size": struct.pack(">H", _POINTER_SIZE),
        "ip_version": struct.pack(">H", 6),
        "database_type": kind,
        "languages": [],
        "binary_format_major_version": struct.pack(">H", 2),
        "binary_format_minor_version": struct.pack(">H", 0),
        "build_epoch": struct.pack(">Q", 1_790_000_000),
        "description": {"en": "made by a test"},
    }


def _value(value: Any) -> bytes:
    match value:
        case str():
            text = value.encode()
            return bytes([2 << 5 | len(text)]) + text
        case dict():
            pairs = (_value(key) + _value(each) for key, each in value.items())
            return bytes([7 << 5 | len(value)]) + b"".join(pairs)
        case bytes():  # a number, in as many bytes as its type has
            kind = {2: 5, 4: 6, 8: 9}[len(value)]
            extended = bytes([kind - 7]) if kind > 7 else b""
            first = (0 if extended else kind) << 5 | len(value)
            return bytes([first]) + extended + value
        case list():  # an extended type: 11, less the 7 that are not extended
            return bytes([len(value), 11 - 7]) + b"".join(map(_value, value))
        case _:
            raise TypeError(value)
