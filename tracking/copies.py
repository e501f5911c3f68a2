"""Copies of link targets on the edge's own disk, for when neither Redis nor PostgreSQL answers.

One small file for each campaign, RUN_DIR/links/<campaign id>.json, which is replaced whole: whoever
reads it while another edge writes it, or after a crash, finds the old one or the new one. Losing
any of them costs nothing, as long as one of the servers can be asked.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

logger = logging.getLogger(__name__)

KEPT = 5_000  # campaigns; the oldest go first


class Copies:
    """The copies in one folder, which several edges may share. Blocking."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, campaign_id: int) -> dict[int, str]:
        """Return link id -> address of a campaign; empty when there is no copy."""
        try:
            text = self._path(campaign_id).read_text(encoding="ascii")
            return {int(link_id): str(url) for link_id, url in json.loads(text).items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            logger.warning("the copy of campaign %d's links is no use: %s", campaign_id, error)
            return {}

    def keep(self, campaign_id: int, urls: Mapping[int, str]) -> None:
        """Add links to the copy of a campaign. Raises OSError."""
        known = self.read(campaign_id)
        if known.keys() >= urls.keys():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(campaign_id)
        fresh = path.with_suffix(f".{os.getpid()}")
        with fresh.open("w", encoding="ascii") as file:
            json.dump(known | dict(urls), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def forget_oldest(self) -> None:
        """Remove all but the newest KEPT campaigns."""
        files = [path for path in self._folder.glob("*.json") if path.stem.isdecimal()]
        for path in sorted(files, key=lambda path: int(path.stem))[:-KEPT]:
            path.unlink(missing_ok=True)

    def _path(self, campaign_id: int) -> Path:
        return self._folder / f"{campaign_id}.json"
