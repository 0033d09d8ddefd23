"""Turn this command into a process of the product.

The orders travel on standard input: they hold passwords, and a command line or
an environment can be read by others.
"""

import os
import sys
import tempfile
from typing import NoReturn

import msgspec


def become(module: str, orders: msgspec.Struct) -> NoReturn:
    """Replace this process by ``python -m MODULE`` with these orders; never returns."""
    with tempfile.TemporaryFile() as file:
        file.write(msgspec.json.encode(orders))
        file.seek(0)
        os.dup2(file.fileno(), 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", module])  # noqa: S606 - no shell is wanted
