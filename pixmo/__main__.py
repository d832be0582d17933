"""`python -m pixmo`."""

from pixmo.cli import main

if __name__ == "__main__":
    main()
