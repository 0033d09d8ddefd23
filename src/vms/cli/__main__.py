"""``python -m vms.cli`` is ``vms``."""

from vms.cli import main

if __name__ == "__main__":
    main()
