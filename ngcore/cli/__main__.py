"""Lets `python -m ngcore.cli` be the command `ngcore`."""

from ngcore.cli import main

if __name__ == "__main__":
    main()
