"""The console script, and ``python -m threeam``: signals first, since the imports take longer than most commands."""

from __future__ import annotations

from threeam.cli.exit_on_signal import exit_on_signals


def run() -> None:
    """Run the command line and end the process."""
    exit_on_signals()
    from threeam.cli.main import run as run_command

    run_command()


if __name__ == "__main__":
    run()
