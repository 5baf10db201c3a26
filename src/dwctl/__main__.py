"""`python -m dwctl` is `dwctl`."""

from dwctl.cli.main import main

if __name__ == "__main__":
    main()
