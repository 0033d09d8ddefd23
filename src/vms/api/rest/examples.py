"""Things that several operations show as examples."""

import msgspec

from vms.admin import (
    Allowed,
    ApiKey,
    Grant,
    Group,
    Invitation,
    Me,
    NewInvitation,
    RoleView,
    Session,
    StreamKey,
    User,
)
from vms.cameras import (
    Area,
    Camera,
    CameraFile,
    CameraItem,
    CameraState,
    Change,
    ImportReport,
    Item,
    NewCamera,
    Outage,
    RowOutcome,
    RowReport,
    Status,
    Transition,
    Uptime,
    Why,
)
from vms.common import StreamName
from vms.engine import Reason, StreamState
from vms.ingest import StreamView

ID = "01jd2q8x4t9zc7v3mhn5kwe"
OTHER_ID = "01jd2q8x4t9zc7v3mhn5kwf"
US = 1_700_000_000_000_000
TOKEN = "Yp3nV0mXz8sWq1uTb5cRf7hKj2lNd9gA4eQvMxPoZyI"

USER = User(
    id=ID,
    home="sp",
    login="ana",
    name="Ana",
    email="ana@example.org",
    language="pt",
    enabled=True,
    second_factor=True,
    created_us=US,
    signed_in_us=US,
    version=3,
)
ME = Me(
    kind="user",
    id=ID,
    home="sp",
    user=USER,
    must_enrol=False,
    allowed=(Allowed(scope="city:sp", functions=("camera.read", "live.view")),),
)
SESSION = Session(
    id=ID,
    user=ID,
    agent="Mozilla/5.0",
    address="192.0.2.7",
    second_factor=True,
    created_us=US,
    used_us=US,
    expires_us=US,
    current=True,
)
GROUP = Group(id=ID, home="sp", name="Night shift", members=(OTHER_ID,), version=1)
ROLE = RoleView(
    id=ID,
    home="sp",
    name="Gatekeepers",
    functions=("camera.read", "live.view"),
    shipped=False,
    version=1,
)
GRANT = Grant(
    id=ID,
    home="sp",
    holder_kind="user",
    holder=OTHER_ID,
    role="operador",
    scope="group:sp/g1",
    created_us=US,
)
INVITATION = Invitation(
    id=ID,
    home="sp",
    user=None,
    role="operador",
    scope="city:sp",
    note="for the night shift",
    created_us=US,
    expires_us=US,
)
NEW_INVITATION = NewInvitation(invitation=INVITATION, token=TOKEN)
API_KEY = ApiKey(
    id=ID,
    home="sp",
    name="report",
    user=OTHER_ID,
    role="visualizador",
    scope="city:sp",
    per_minute=600,
    created_us=US,
    expires_us=US,
    used_us=None,
)
STREAM_KEY = StreamKey(
    id=ID,
    home="sp",
    name="player",
    user=OTHER_ID,
    scope="camera:sp/gate",
    audio=False,
    playback=False,
    publish=False,
    created_us=US,
    expires_us=US,
)
PUBLISHING_KEY = msgspec.structs.replace(STREAM_KEY, name="encoder", publish=True)

CAMERA = Camera(
    id=ID,
    city="sp",
    name="Gate, north",
    maker="intelbras",
    host="192.0.2.10",
    channel=1,
    user="admin",
    has_password=True,
    site=OTHER_ID,
    groups=(OTHER_ID,),
    tags=("gate",),
    latitude=-23.5505,
    longitude=-46.6333,
    masks=(Area("window", ((0.1, 0.1), (0.3, 0.1), (0.2, 0.4))),),
    version=3,
    created_us=US,
    updated_us=US,
    status=Status(CameraState.ONLINE, None, US),
)
CAMERA_ITEM = CameraItem(
    id=ID,
    city="sp",
    name="Gate, north",
    maker="intelbras",
    enabled=True,
    site=OTHER_ID,
    groups=(OTHER_ID,),
    tags=("gate",),
    latitude=-23.5505,
    longitude=-46.6333,
    masked=True,
    version=3,
    status=Status(CameraState.ONLINE, None, US),
)
NEW_CAMERA = NewCamera(
    name="Gate, north",
    maker="intelbras",
    host="192.0.2.10",
    user="admin",
    password="seven green bicycles",
    groups=(OTHER_ID,),
)
CAMERA_CHANGE = Change(name="Gate, south", enabled=False, latitude=-23.5505, longitude=-46.6333)
CAMERAS_CSV = "name,maker,host,channel\r\nGate,intelbras,192.0.2.10,1\r\n"
CAMERA_FILE = CameraFile((Item(name="Gate", maker="intelbras", host="192.0.2.10"),))
CAMERAS_JSON = '{"cameras": [{"name": "Gate", "maker": "intelbras", "host": "192.0.2.10"}]}'
IMPORT = ImportReport(
    dry_run=False,
    created=1,
    updated=0,
    unchanged=0,
    failed=1,
    rows=(
        RowReport(2, RowOutcome.CREATED, ID, "Gate"),
        RowReport(
            3,
            RowOutcome.FAILED,
            code="camera_name_missing",
            message="name: a camera needs a name",
            values={"field": "name", "count": 1},
        ),
    ),
)
NO_VIDEO = Why("no_video")
TRANSITION = Transition(US, CameraState.OFFLINE, NO_VIDEO)
UPTIME = Uptime(
    from_us=US,
    to_us=US + 100_000_000,
    percent=80.0,
    online_us=80_000_000,
    offline_us=20_000_000,
    off_us=0,
    unknown_us=0,
    outages=(Outage(US + 10_000_000, US + 30_000_000, (NO_VIDEO,)),),
    outages_total=1,
    unknown=(),
)
STREAM = StreamView(
    camera=ID,
    name="Gate, north",
    stream=StreamName.MAIN,
    state=StreamState.STALLED,
    reason=Reason("no_video"),
    codec="h264",
    width=1920,
    height=1080,
    fps=None,
    bitrate=0,
    readers=0,
    drops=0,
    reconnects=1,
    clock_offset_ms=-3,
    since_utc_us=US,
)
