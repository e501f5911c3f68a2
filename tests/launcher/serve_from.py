"""`make services` on a machine that has servers of its own (`machine`) or none (`wheel`)."""

import sys

from scripts import binaries, serve


def main(source: str) -> int:
    if source == "wheel":
        binaries._POSTGRES_FOLDERS = ()  # type: ignore[assignment]
        binaries._HOMEBREW = ()  # type: ignore[assignment]
        binaries._path = list
    return serve.main([])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
