"""Lets the coverage of a process of the product begin with its work.

Python imports this by itself in processes that ``product.running`` starts. To count what modules do
as they are imported took two thirds as much CPU as a whole start of the product, and nearly all of
them are imported, and counted, by tests too.
"""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

# As coverage knows it, and as it is handed on until the work begins.
AT_ONCE, LATER = "COVERAGE_PROCESS_CONFIG", "COVERAGE_OF_WORK"

_run = asyncio.run


def _measured(work: Coroutine[Any, Any, Any], **options: Any) -> Any:  # noqa: ANN401 - as it is
    import coverage  # noqa: PLC0415 - only where it is measured

    asyncio.run = _run
    os.environ[AT_ONCE] = os.environ[LATER]
    coverage.process_startup()
    # It puts this back for processes that this one starts; they begin late too.
    os.environ.pop(AT_ONCE, None)
    return _run(work, **options)


if LATER in os.environ:
    asyncio.run = _measured
