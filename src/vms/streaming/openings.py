"""Who opened which camera's streams: whom a right that is withdrawn concerns.

A row stays as long as its session may watch the camera; renewals write nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, text

from vms.admin import CallerKind, Principal
from vms.database import Unit, metadata

openings = Table(
    "stream_openings",
    metadata,
    # The camera's.
    Column("city", String(63), primary_key=True),
    # The session, or the API key, that asked for the address.
    Column("session", String(64), primary_key=True),
    Column("camera", String(64), primary_key=True),
    Column("kind", String(12), nullable=False),
    # The user's id, or the key's.
    Column("caller", String(64), nullable=False),
    Column("home", String(63), nullable=False),
    # 1: with sound, 0: without.
    Column("audio", Integer, nullable=False),
    Column("opened_us", BigInteger, nullable=False),
    # Whether it was opened live; none (of an older version): it was.
    Column("live", Integer),
    # The time of recorded video that was opened last; none: nothing was.
    Column("played_from_us", BigInteger),
    Column("played_to_us", BigInteger),
    # 1: somebody talked to it; none (of an older version): nobody did.
    Column("talked", Integer),
    Index("ix_stream_openings_camera", "camera"),
    Index("ix_stream_openings_session", "session"),
)

# What was opened with sound before runs on beside what is opened without it now.
_PUT = text(
    "INSERT INTO stream_openings (city, session, camera, kind, caller, home, audio, opened_us, "
    "live, played_from_us, played_to_us, talked) "
    "VALUES (:city, :session, :camera, :kind, :caller, :home, :audio, :opened_us, "
    ":live, :played_from_us, :played_to_us, :talked) "
    "ON CONFLICT (city, session, camera) DO UPDATE SET opened_us = excluded.opened_us, audio = "
    "CASE WHEN stream_openings.audio > excluded.audio THEN stream_openings.audio "
    "ELSE excluded.audio END, live = CASE WHEN COALESCE(stream_openings.live, 1) = 1 THEN 1 "
    "ELSE excluded.live END, "
    "played_from_us = COALESCE(excluded.played_from_us, stream_openings.played_from_us), "
    "played_to_us = COALESCE(excluded.played_to_us, stream_openings.played_to_us), "
    "talked = CASE WHEN COALESCE(stream_openings.talked, 0) = 1 THEN 1 ELSE excluded.talked END"
)
# One that was opened again meanwhile stays.
_FORGET = text(
    "DELETE FROM stream_openings WHERE city = :city AND session = :session "
    "AND camera = :camera AND opened_us = :opened_us"
)
_COLUMNS = (
    "city, session, camera, kind, caller, home, audio, opened_us, COALESCE(live, 1), "
    "played_from_us, played_to_us, COALESCE(talked, 0)"
)


@dataclass(frozen=True, slots=True)
class Opening:
    """That a session opened streams of a camera."""

    city: str
    session: str
    camera: str
    kind: CallerKind
    caller: str
    home: str
    audio: bool
    opened_us: int
    live: bool = True
    # The time of recorded video.
    played: tuple[int, int] | None = None
    talks: bool = False

    @property
    def who(self) -> Principal:
        """Who opened it, without his rights."""
        of_user = self.kind is CallerKind.USER
        return Principal(
            kind=self.kind,
            id=self.caller,
            rights=(),
            home=self.home,
            user=self.caller if of_user else None,
            session=self.session if of_user else None,
        )


@dataclass(frozen=True, slots=True)
class Part:
    """Which openings are meant: those of callers of one home, those of one camera, or all."""

    home: str | None = None
    camera: str | None = None


EVERYTHING = Part()


def session_of(who: Principal) -> str:
    """Return what revocations name: the session, else the key itself."""
    return who.session or who.id


def put(unit: Unit, opened: Sequence[Opening]) -> None:
    """Keep who opened what."""
    rows = [
        {
            "city": one.city,
            "session": one.session,
            "camera": one.camera,
            "kind": one.kind.value,
            "caller": one.caller,
            "home": one.home,
            "audio": int(one.audio),
            "opened_us": one.opened_us,
            "live": int(one.live),
            "played_from_us": None if one.played is None else one.played[0],
            "played_to_us": None if one.played is None else one.played[1],
            "talked": int(one.talks),
        }
        for one in opened
    ]
    unit.execute(_PUT, rows)


def forget(unit: Unit, opened: Iterable[Opening]) -> None:
    """Delete what runs no more."""
    for one in opened:
        where = {"city": one.city, "session": one.session, "camera": one.camera}
        unit.execute(_FORGET, {**where, "opened_us": one.opened_us})


def opened_by(unit: Unit, session: str) -> dict[str, bool]:
    """Return the cameras that a session opened, and whether with sound."""
    rows = unit.rows(
        "SELECT camera, audio FROM stream_openings "
        "WHERE session = :session AND COALESCE(live, 1) = 1",
        {"session": session},
    )
    return {str(camera): bool(audio) for camera, audio in rows}


def played_by(unit: Unit, session: str, camera: str) -> tuple[int, int] | None:
    """Return the time of a camera's recorded video that a session opened last."""
    rows = unit.rows(
        "SELECT played_from_us, played_to_us FROM stream_openings WHERE session = :session "
        "AND camera = :camera AND played_from_us IS NOT NULL",
        {"session": session, "camera": camera},
    )
    return (int(rows[0][0]), int(rows[0][1])) if rows else None


def find(unit: Unit, part: Part) -> list[Opening]:
    """Return openings, those of one session beside each other."""
    where = "1 = 1"
    if part.home is not None:
        where += " AND home = :home"
    if part.camera is not None:
        where += " AND camera = :camera"
    rows = unit.rows(
        f"SELECT {_COLUMNS} FROM stream_openings WHERE {where} ORDER BY session, camera",  # noqa: S608 - only names above
        {"home": part.home, "camera": part.camera},
    )
    return [
        Opening(
            city,
            session,
            camera,
            CallerKind(kind),
            caller,
            home,
            bool(audio),
            opened_us,
            bool(live),
            None if begin is None else (begin, end),
            bool(talked),
        )
        for (
            city,
            session,
            camera,
            kind,
            caller,
            home,
            audio,
            opened_us,
            live,
            begin,
            end,
            talked,
        ) in rows
    ]
