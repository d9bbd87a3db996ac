"""`python -m simkernel` is the command `simkernel`."""

from simkernel.cli.main import main

if __name__ == "__main__":
    main()
