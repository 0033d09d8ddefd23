"""In the place of a media process where there is none."""

from vms.common import UnavailableError
from vms.engine.recording import Answer, Call, Request


class AwayEngine:
    """Refuses every call: for commands on the database alone, and for tests of them."""

    async def recording(
        self,
        call: Call[Request, Answer],
        request: Request,  # noqa: ARG002
    ) -> tuple[Answer, bytes]:
        """See ``RecordingControl``."""
        raise UnavailableError(
            f"the media process does not run, so {call.name} cannot be asked", code="media_down"
        )
