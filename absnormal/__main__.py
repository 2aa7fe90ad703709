"""`python -m absnormal`."""

from absnormal.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
