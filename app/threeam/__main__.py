"""``python -m threeam``: the command, by the interpreter that runs already."""

from threeam.cli.main import run

if __name__ == "__main__":
    run()
