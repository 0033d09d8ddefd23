"""The ``vms`` command."""

import sys

import msgspec

from vms.cli.app import build_app
from vms.cli.texts import Texts, language_of
from vms.common import VmsError
from vms.telemetry import redact_text

__all__ = ["main"]


def main() -> None:
    """Run the command; the exit code follows from the kind of error."""
    texts = Texts(language_of())
    try:
        build_app(texts)()
    except VmsError as error:
        sys.stderr.write(_told(error, texts, as_json="--json" in sys.argv) + "\n")
        sys.exit(error.outcome.exit_code)


def _told(error: VmsError, texts: Texts, *, as_json: bool) -> str:
    if not as_json:
        return redact_text(texts.error(error))
    body = {
        "kind": error.kind.value,
        "code": error.code,
        "detail": error.message,
        "values": error.values,
    }
    return redact_text(msgspec.json.encode(body).decode())
