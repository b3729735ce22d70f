"""`python -m daemon` is the command `freshbooks-syncd`."""

from daemon.cli import main

if __name__ == "__main__":
    main()
