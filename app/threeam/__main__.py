"""The console script, and ``python -m threeam``: it installs signal handlers before it imports anything else.

The imports take longer than most commands. The handlers are installed when this module is imported, not in `run`:
between the two, the script that pip writes compiles a regular expression. An interrupt before this import is handled
by Python, which prints a traceback.
"""

import os

try:
    from threeam.cli.exit_on_signal import exit_on_signals

    exit_on_signals()
except KeyboardInterrupt:  # from Python's own handler, before it was replaced
    os._exit(130)


def run() -> None:
    """Run the command line and exit."""
    from threeam.cli.main import run_and_exit as run_command

    run_command()


if __name__ == "__main__":
    run()
