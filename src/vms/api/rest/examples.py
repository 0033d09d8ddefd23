"""Things that several operations show as examples."""

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
    created_us=US,
    expires_us=US,
)
