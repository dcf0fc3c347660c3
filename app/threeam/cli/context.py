"""The context of a command: the journal, the settings, the author and the clock."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import NamedTuple

from threeam.cli.console import track_unreadable_files
from threeam.core.config.identity import current_author
from threeam.core.config.settings import PathFlags, ResolvedConfig, Settings, load_config
from threeam.core.errors import PreconditionFailed
from threeam.core.format.clock import Clock, Zone, system_clock, utc_offset
from threeam.core.format.entry import Author
from threeam.core.state.current_night import correct_for_future_lines
from threeam.core.state.fold import State
from threeam.core.store.journal import Journal, Position, Segment
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.projections import FOLD


class Context(NamedTuple):
    """The resolved configuration, the author, the clock, and the rules of the local time zone."""

    resolved_config: ResolvedConfig
    author: Author
    clock: Clock
    zone: Zone

    @property
    def journal(self) -> Journal:
        """The journal."""
        return self.resolved_config.journal

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.resolved_config.settings

    def write_options(self) -> WriteOptions:
        """Return the options of this process's writers."""
        settings = self.settings
        return WriteOptions(
            self.author.user,
            str(self.author),
            settings.ceremony,
            settings.night_gap_ns,
            settings.lock_timeout,
            settings.sync == "always",
            settings.rotate_bytes,
            settings.keep,
            settings.disk_floor,
        )

    def writer(self) -> Writer:
        """Return a writer for the author."""
        return Writer(self.journal, FOLD, self.clock, self.write_options())

    def require_log(self) -> Segment:
        """Return the live log. Raises `PreconditionFailed` if the log does not exist yet."""
        live = self.journal.open_live()
        if live is None:
            raise PreconditionFailed(
                f"there is no log at {self.journal.log_path}: 3am log TEXT begins one; 3am path explains the choice"
            )
        return live

    def load_state(self) -> State:
        """Return the state at the end of the log; the empty state if there is no log yet."""
        segment = self.journal.open_live()
        if segment is None:
            return FOLD.empty_state
        end = Position(segment, segment.size())
        gap_ns = self.settings.night_gap_ns
        return correct_for_future_lines(FOLD.state_at(*end), end, self.author.user, self.clock().ns, gap_ns)


def context(args: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Context:
    """Return the context of a command. Raises `BadSetting` or `FileUnusable`."""
    system_clock()  # refuses a time that no stamp can hold, before a library fails on it
    uid = os.geteuid()
    config = load_config(PathFlags(args.log, args.lock, args.journal), environ, uid)
    track_unreadable_files(config.journal.chain)
    return Context(config, current_author(environ, uid), system_clock, utc_offset)
