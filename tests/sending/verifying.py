"""Two judges of DKIM signatures that know nothing of ours: dkimpy, and opendkim's own program."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import dkim as dkimpy
import pytest

Records = dict[str, str]  # name in DNS -> text
Verdicts = dict[str, str]  # algorithm ("rsa") -> "pass" or another word
OPENDKIM = shutil.which("opendkim", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def by_dkimpy(mail: bytes, records: Records) -> Verdicts:
    """Let dkimpy judge every signature of a mail."""

    def look_up(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode().rstrip(".")].encode()

    head = mail.partition(b"\r\n\r\n")[0]
    verdicts = {}
    for place, algorithm in enumerate(re.findall(rb"\r\na=|\ba=(rsa|ed25519)-sha256", head)):
        try:
            passed = dkimpy.DKIM(mail).verify(idx=place, dnsfunc=look_up)
        except dkimpy.DKIMException:
            passed = False
        verdicts[algorithm.decode()] = "pass" if passed else "fail"
    return verdicts


def by_opendkim(mails: Sequence[bytes], records: Records, folder: Path) -> list[Verdicts]:
    """Let opendkim judge mails, its DNS being `records`. Its exit status says nothing."""
    if not OPENDKIM:
        assert not os.environ.get("CI"), "opendkim was not found"
        pytest.skip("opendkim was not found")
    folder.mkdir(exist_ok=True)
    dns, settings = folder / "dns", folder / "opendkim.conf"
    dns.write_text("".join(f"{name} {text}\n" for name, text in records.items()))
    settings.write_text(f"Mode v\nTestDNSData file:{dns}\n")
    files = []
    for number, mail in enumerate(mails):
        files.append(folder / f"{number}.eml")
        files[-1].write_bytes(mail)
    done = subprocess.run(
        [OPENDKIM, "-vv", "-x", settings, "-t", ",".join(map(str, files))],
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = done.stdout.split("### INSHEADER")[1:]
    assert len(said) == len(mails), done.stdout + done.stderr
    return [
        {
            algorithm: verdict
            for verdict, algorithm in re.findall(
                r"dkim=(\w+)[^;]*?header\.a=(rsa|ed25519)-sha256", text
            )
        }
        for text in said
    ]
