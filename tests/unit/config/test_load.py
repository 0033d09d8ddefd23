"""Settings: what holds, and a table of what is refused."""

from pathlib import Path

import pytest

from vms.cli.settings import orders_of
from vms.common import InvalidError
from vms.config import Settings, default_data, load, shown
from vms.engine import TierConfig

CAMERA = '[[cameras]]\nid = "gate"\nurl = "rtsp://u:hunter2@192.0.2.1/a"\n'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path


def write(data: Path, text: str) -> None:
    (data / "vms.toml").write_text(text, encoding="utf-8")


def test_without_a_file_the_defaults_hold(data: Path) -> None:
    assert load(data).model_dump() == Settings().model_dump()


def test_flags_win_over_environment_over_file_over_defaults(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(data, "[api]\nport = 1\nworkers = 2\n[rtsp]\nport = 1\n[webrtc]\nport = 1\n")
    monkeypatch.setenv("VMS_API__PORT", "2")
    monkeypatch.setenv("VMS_RTSP__PORT", "2")
    settings = load(data, {"api": {"port": 3}})
    assert settings.api.port == 3
    assert settings.api.workers == 2
    assert settings.rtsp.port == 2
    assert settings.webrtc.port == 1
    assert settings.webrtc.udp_port == 8189


@pytest.mark.parametrize(
    "text",
    [
        '[tls]\nmode = "off"',
        '[api]\nhost = "0.0.0.0"\n[tls]\nmode = "off"\nbehind_proxy = true',
        '[api]\nhost = "0.0.0.0"',
        '[tls]\nmode = "on"\ncertificate = "/c.pem"\nkey = "/k.pem"',
    ],
)
def test_tls_may_be_off_where_nothing_crosses_the_net_in_the_open(data: Path, text: str) -> None:
    write(data, text)
    load(data)


STORE = (
    '[[recording.s3]]\nname = "archive"\nendpoint = "https://s3.example.org"\nbucket = "videos"\n'
    'access_key_file = "/a"\nsecret_key_file = "/s"\n'
)


@pytest.mark.engine
def test_recordings_may_move_on_in_steps(data: Path) -> None:
    tiers = "".join(
        f'[[recording.tiers]]\nafter_hours = {hours}\nvolume = "{volume}"\n'
        for hours, volume in ((2, "/mnt/slow"), (48, "archive"))
    )
    write(data, f'[recording]\nvolumes = ["/mnt/fast", "/mnt/slow"]\n{STORE}{tiers}')
    media = pytest.importorskip("vms.services.media")
    launch = orders_of(load(data), data, open_=False)
    told = media.recording_config(launch)
    assert told is not None
    assert told.tiers == (TierConfig(2, "mnt-slow"), TierConfig(48, "archive"))
    assert [volume.name for volume in told.volumes] == ["mnt-fast", "mnt-slow"]
    assert told.s3_cache == str(data / "s3")
    (store,) = told.s3
    assert (store.endpoint, store.ca_file, store.max_bytes) == (
        "https://s3.example.org",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (STORE + '[[recording.tiers]]\nafter_hours = 1\nvolume = "other"\n', "'other' is neither"),
        (STORE + STORE, "given twice"),
        (STORE.replace("https://s3", "https://key:secret@s3"), "endpoint"),
        (STORE.replace("https://", "ftp://"), "endpoint"),
        (STORE.replace('"/s"', '"s"'), "secret_key_file"),
        (STORE + "colour = 1\n", "colour"),
    ],
)
def test_a_store_or_a_step_that_cannot_be_is_refused(data: Path, text: str, word: str) -> None:
    write(data, text)
    with pytest.raises(InvalidError) as refused:
        load(data)
    assert word in refused.value.message, refused.value.message


def test_cameras_of_flags_are_added_to_those_of_the_file(data: Path) -> None:
    write(data, CAMERA)
    settings = load(data, {"cameras": [{"id": "yard", "url": "rtsp://192.0.2.2/"}]})
    assert [camera.id for camera in settings.cameras] == ["gate", "yard"]


def test_cameras_may_stand_in_the_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMS_CAMERAS", '[{"id": "gate", "url": "rtsp://192.0.2.1/"}]')
    assert [camera.id for camera in load(data).cameras] == ["gate"]


BAD = [
    ("[api]\nprot = 1", "api.prot: unknown key; allowed: host, port, trusted_proxies, workers"),
    (
        "[apis]\nport = 1",
        "apis: unknown key; allowed: api, cameras, database, hls, hub, log, nodes, recording,",
    ),
    *(
        (f"[nodes]\nlisten = '{bad}'", "nodes.listen")
        for bad in ("50052", "vms.example:50052", "::1:50052", "127.0.0.1:0", "127.0.0.1:65536")
    ),
    *(
        (f"[nodes]\naddress = '{bad}'", "nodes.address")
        for bad in (
            "http://vms.example",
            "vms.example",
            "https://a/b",
            "https://u@a",
            "https://a:x",
        )
    ),
    ('[tls]\nmode = "maybe"', "tls.mode = 'maybe': Input should be 'auto', 'on' or 'off'"),
    ('[tls]\nkey = "key.pem"', "tls.key = 'key.pem': must be an absolute path"),
    ('[tls]\nkey = "/k.pem"', "certificate and key are given together"),
    (
        '[api]\nhost = "0.0.0.0"\n[tls]\nmode = "off"',
        "tls.mode = off with api.host = 0.0.0.0: passwords and tokens would cross",
    ),
    (
        '[webrtc]\nhost = "192.0.2.1"\n[tls]\nmode = "off"',
        "tls.mode = off with webrtc.host = 192.0.2.1",
    ),
    ("[api]\nport = 65536", "api.port = 65536: Input should be less than or equal to 65535"),
    ("[api]\nport = -1", "api.port = -1: Input should be greater than or equal to 0"),
    ('[api]\nport = "web"', "api.port = 'web': Input should be a valid integer"),
    ('[api]\nhost = "localhost"', "api.host = 'localhost': must be an IP address"),
    ("[api]\nworkers = 0", "api.workers = 0: Input should be greater than or equal to 1"),
    ("[webrtc]\nudp_hosts = []", "webrtc.udp_hosts = []: Tuple should have at least 1 item"),
    ('[webrtc]\nudp_hosts = ["x"]', "webrtc.udp_hosts[0] = 'x': must be an IP address"),
    ('[webrtc]\nice_servers = ["http://x"]', "webrtc.ice_servers[0] = 'http://x': must be stun:"),
    ('[webrtc]\nice_servers = ["stun:a:x"]', "webrtc.ice_servers[0] = 'stun:a:x': must be stun:"),
    ('[webrtc]\nice_servers = ["turns:a"]', "turn servers in ice_servers need turn_secret_file"),
    ("[webrtc]\nturn_lifetime_s = 1", "turn_lifetime_s = 1: Input should be greater than or"),
    ('[source]\nallowed_networks = ["10.0.0.0/33"]', "[0] = '10.0.0.0/33': must be a network"),
    ('[source]\nallowed_networks = ["10.0.0.1/8"]', "[0] = '10.0.0.1/8': must be a network"),
    ("[source]\nbackoff_min_ms = 9", "source.backoff_min_ms = 9: Input should be greater than or"),
    (
        "[source]\nbackoff_min_ms = 5000\nbackoff_max_ms = 100",
        "source: backoff_max_ms (100) must be at least backoff_min_ms (5000)",
    ),
    ("[hub]\nseconds = 0", "hub.seconds = 0: Input should be greater than or equal to 1"),
    ('[log]\nlevel = "loud"', "log.level = 'loud': Input should be 'debug', 'info', 'warning' or"),
    ("[[cameras]]\nid = 'gate'", "cameras[0].url: missing; it must be given"),
    ("[[cameras]]\nurl = 'rtsp://h/'", "cameras[0].id: missing; it must be given"),
    (
        CAMERA + "colour = 1",
        "cameras[0].colour: unknown key; allowed: backup_sub_url, backup_url, enabled, id",
    ),
    (CAMERA.replace("gate", "Gate"), "cameras[0].id = 'Gate': 'Gate' is not a camera id"),
    (CAMERA.replace("gate", "api"), "cameras[0].id = 'api': 'api' is reserved"),
    (CAMERA + CAMERA, "camera id 'gate' is given twice"),
    (CAMERA + "transport = 'tls'", "cameras[0].transport = 'tls': Input should be 'tcp' or 'udp'"),
    (CAMERA.replace("rtsp:", "ftp:"), "cameras[0].url = 'ftp://u:***@192.0.2.1/a': must begin"),
    (CAMERA.replace("192.0.2.1", ""), "names no host"),
    (CAMERA.replace("192.0.2.1", "h:port"), "is not an address"),
    (CAMERA.replace("hunter2", "hun#ter2"), "holds a #; write it as %23"),
    (CAMERA.replace("hunter2", "hunter2/x"), "is not an address"),
    (CAMERA.replace("/a", "/a b"), "holds a space"),
    (
        CAMERA + "sub_url = 'ftp://h/'",
        "cameras[0].sub_url = 'ftp://h/': must begin with one of rtsp",
    ),
    (CAMERA + "push = ['srt://h']", "cameras[0].push[0] = 'srt://h': names no port"),
    (CAMERA + "push = ['rtmp://h/a/b']", "cameras[0].push[0] = 'rtmp://h/a/b': must be srt://"),
    (
        CAMERA + "push = ['udp://h:1?passphrase=hunter2']",
        "cameras[0].push[0] = 'udp://h:1?passphrase=***': must begin with one of rtsp",
    ),
    (CAMERA + "sub_push = ['srt://h:1']", "cameras[0]: sub_push needs a sub_url"),
    ("cameras = 1", "cameras = 1: Input should be a valid tuple"),
    ('[[cameras]]\nid = "gate"\nurl = "file:a.mp4"\n', "'gate' plays a file: name the folder"),
    ('[source]\nmedia_dir = "videos"\n', "must be an absolute path"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_bad_file_is_refused_with_key_value_and_what_is_allowed(
    data: Path, text: str, message: str
) -> None:
    write(data, text)
    with pytest.raises(InvalidError) as caught:
        load(data)
    assert message in caught.value.message
    assert str(data) in caught.value.message
    assert "hunter2" not in caught.value.message
    assert "hun#ter2" not in caught.value.message


def test_everything_that_is_wrong_is_said_at_once(data: Path) -> None:
    write(data, "[api]\nport = 99999\nprot = 1\n[log]\nlevel = 'loud'\n")
    with pytest.raises(InvalidError) as caught:
        load(data)
    assert caught.value.message.count("\n  ") == 3
    assert caught.value.values["count"] == 3


def test_a_file_that_is_no_toml_is_refused_with_the_place(data: Path) -> None:
    write(data, "[api\nport = 1")
    with pytest.raises(InvalidError, match=r"vms.toml is not TOML: .*line 1") as caught:
        load(data)
    assert caught.value.code == "config_syntax"


def test_a_file_that_cannot_be_read_is_refused(data: Path) -> None:
    (data / "vms.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidError, match="cannot be read"):
        load(data)


@pytest.mark.parametrize("name", ["VMS_PORT", "VMS_API_PORT", "vms_api__prot", "VMS_FOO"])
def test_an_unknown_variable_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(InvalidError, match=f"unknown environment variable {name}") as caught:
        load(data)
    assert "VMS_API__PORT" in caught.value.message


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("VMS_API__PORT", "web", "api.port = 'web'"),
        ("VMS_CAMERAS", "not json", "cameras"),
    ],
)
def test_a_bad_value_in_the_environment_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidError) as caught:
        load(data)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://vms:hunter2@db.example/vms",
        "postgresql+psycopg://vms:hun%2Fter2@db.example:5432/vms?sslmode=require",
        "postgresql://db.example/vms?user=vms&password=hunter2",
    ],
)
def test_the_password_of_the_database_is_masked(data: Path, url: str) -> None:
    write(data, f'[database]\nurl = "{url}"\n')
    assert load(data).database.url == url
    text = str(shown(load(data)))
    assert "ter2" not in text
    assert "db.example" in text


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite:///relative.db", "vms.db"])
def test_an_address_that_is_no_database_is_refused(data: Path, url: str) -> None:
    write(data, f'[database]\nurl = "{url}"\n')
    with pytest.raises(InvalidError, match=r"database\.url"):
        load(data)


def test_passwords_are_masked_where_settings_are_shown(data: Path) -> None:
    write(data, CAMERA + "push = ['srt://h:1?passphrase=hunter2-hunter2']")
    text = str(shown(load(data)))
    assert "rtsp://u:***@192.0.2.1/a" in text
    assert "srt://h:1?passphrase=***" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"VMS_DATA": "/srv/vms"}, "/srv/vms"),
        ({"XDG_DATA_HOME": "/x", "HOME": "/home/u"}, "/x/vms"),
        ({"HOME": "/home/u"}, "/home/u/.local/share/vms"),
    ],
)
def test_the_data_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: str
) -> None:
    for name in ("VMS_DATA", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert default_data() == Path(folder)
