"""`python -m godkend`: the same as `godkend`."""

from godkend.cli import main

if __name__ == "__main__":
    main(prog_name="godkend")
