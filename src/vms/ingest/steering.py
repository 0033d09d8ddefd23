"""Ways to decide what the media process runs, where no director does."""

import msgspec

from vms.common import ConflictError, UnavailableError
from vms.engine import Description, DesiredState, MediaControl
from vms.telemetry import get_logger

log = get_logger(__name__)


class FixedState:
    """What should run never changes: open mode, with the cameras of the settings."""

    def __init__(self, media: MediaControl, wished: DesiredState) -> None:
        self._media = media
        self._wished = wished
        self._digest = wished.digest()

    async def agree(self, described: Description) -> Description:
        """See ``Steering``."""
        if described.digest == self._digest:
            return described
        return await apply(self._media, self._wished, described)


class Bystander:
    """Another process decides what runs."""

    async def agree(self, described: Description) -> Description:
        """See ``Steering``."""
        return described


async def apply(media: MediaControl, wished: DesiredState, described: Description) -> Description:
    """Apply a state as the next generation; return what the media process holds then."""
    generation = max(described.generation + 1, wished.generation)
    try:
        await media.apply(msgspec.structs.replace(wished, generation=generation))
    except ConflictError:
        # Another one was quicker; whether its state is ours shows next.
        log.debug("generation_taken", generation=generation)
        now = await media.describe()
        if now.digest != wished.digest():
            raise UnavailableError(
                f"the media process took generation {now.generation} from somebody else",
                code="generation_taken",
            ) from None
        return now
    return await media.describe()
