"""The tables of recording. What a city owns leads with the city."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from vms.database import metadata

# Of one camera; a camera without a row records by the defaults and has version 1.
rules = Table(
    "recording_rules",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("camera", String(63), primary_key=True),
    # JSON of ``Rule``.
    Column("rule", Text, nullable=False),
    Column("manual", String(7)),
    Column("manual_until_us", BigInteger),
    Column("manual_since_us", BigInteger),
    Column("manual_by", String(90)),
    Column("version", Integer, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)

# Of a city (target ``''``) or a camera group of it.
policies = Table(
    "recording_policies",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("target", String(63), primary_key=True),
    Column("keep", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)

plan_policies = Table(
    "recording_plan_policies",
    metadata,
    Column("plan", String(63), primary_key=True),
    Column("keep", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)

# The catalogue: derived from the disks, never the truth. It outlives its cameras,
# as recordings do.
parts = Table(
    "recorded_parts",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("camera", String(63), primary_key=True),
    Column("stream", String(7), primary_key=True),
    Column("part", String(63), primary_key=True),
    Column("volume", String(63), nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("to_us", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("fragments", Integer, nullable=False),
    # Key frames.
    Column("key_count", Integer, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("error_us", BigInteger),
    Column("camera_offset_ms", Double),
    Column("rebuilt", Boolean, nullable=False),
    Column("encrypted", Boolean, nullable=False),
    # JSON: [[from, to], ...].
    Column("events", Text, nullable=False),
    Index("ix_recorded_parts_time", "city", "camera", "stream", "from_us"),
)

gaps = Table(
    "recorded_gaps",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("camera", String(63), primary_key=True),
    Column("stream", String(7), primary_key=True),
    Column("from_us", BigInteger, primary_key=True),
    Column("to_us", BigInteger, nullable=False),
    Column("reason", String(63), nullable=False),
    Column("reason_values", Text, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Index("ix_recorded_gaps_time", "city", "camera", "stream", "to_us"),
)

cases = Table(
    "recording_cases",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("id", String(23), primary_key=True),
    Column("title", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("state", String(7), nullable=False),
    Column("made_by", String(90), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
)

notes = Table(
    "recording_case_notes",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("id", String(23), primary_key=True),
    Column("case_id", String(23), nullable=False),
    Column("text", Text, nullable=False),
    Column("made_by", String(90), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("ix_recording_case_notes_case", "city", "case_id", "id"),
)

# The pictures themselves are files: ``vms.recording.still_files``.
stills = Table(
    "recording_case_stills",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("id", String(23), primary_key=True),
    Column("case_id", String(23), nullable=False),
    Column("camera", String(63), nullable=False),
    Column("stream", String(7), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("made_by", String(90), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Index("ix_recording_case_stills_case", "city", "case_id", "id"),
)

holds = Table(
    "recording_holds",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("id", String(23), primary_key=True),
    Column("camera", String(63), nullable=False),
    Column("case_id", String(23)),
    Column("from_us", BigInteger, nullable=False),
    Column("to_us", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("state", String(9), nullable=False),
    # Of the record in the camera's ledger.
    Column("record", BigInteger),
    Column("made_by", String(90), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("released_us", BigInteger),
    Column("version", Integer, nullable=False),
    Index("ix_recording_holds_camera", "city", "camera", "from_us"),
    Index("ix_recording_holds_case", "city", "case_id"),
)

exports = Table(
    "recording_exports",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("id", String(23), primary_key=True),
    Column("kind", String(9), nullable=False),
    Column("name", Text, nullable=False),
    Column("why", Text, nullable=False),
    # JSON of the parts.
    Column("parts", Text, nullable=False),
    # JSON of the pace of a time-lapse.
    Column("timelapse", Text),
    Column("container", String(3), nullable=False),
    Column("audio", Boolean, nullable=False),
    # Sealed by the vault; gone once the file is made.
    Column("password", LargeBinary),
    Column("locked", Boolean, nullable=False),
    Column("state", String(10), nullable=False),
    Column("done_bytes", BigInteger, nullable=False),
    Column("total_bytes", BigInteger, nullable=False),
    Column("error", String(63)),
    Column("error_values", Text),
    # JSON of what is missing.
    Column("gaps", Text, nullable=False),
    Column("file", Text),
    Column("bytes", BigInteger),
    Column("sha256", String(64)),
    Column("case_id", String(23)),
    Column("reason", String(8)),
    # Of a clip: the camera and time it shows, for timelines.
    Column("camera", String(63)),
    Column("from_us", BigInteger),
    Column("to_us", BigInteger),
    Column("made_by", String(90), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("finished_us", BigInteger),
    Column("expires_us", BigInteger),
    Column("version", Integer, nullable=False),
    Index("ix_recording_exports_state", "state", "id"),
    Index("ix_recording_exports_camera", "city", "camera", "from_us"),
    Index("ix_recording_exports_case", "city", "case_id"),
)

links = Table(
    "recording_links",
    metadata,
    Column("city", String(63), primary_key=True),
    # SHA-256 of the secret in the link.
    Column("hash", String(64), primary_key=True),
    Column("export", String(23), nullable=False),
    Column("made_by", String(90), nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Index("ix_recording_links_hash", "hash"),
)

bookmarks = Table(
    "recording_bookmarks",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("id", String(23), primary_key=True),
    Column("camera", String(63), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("to_us", BigInteger),
    Column("text", Text, nullable=False),
    Column("text_key", Text, nullable=False),
    Column("made_by", String(90), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Index("ix_recording_bookmarks_camera", "city", "camera", "at_us"),
)
