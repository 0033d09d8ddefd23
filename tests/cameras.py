"""Cameras for tests: any that may be, as hypothesis draws them, and the cities they are in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from hypothesis import strategies as st

from vms.cameras import MAKERS, Area, Camera, Secrets
from vms.common import NotFoundError, TooManyError
from vms.database import Unit

_words = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12
)
_names = st.one_of(_words, st.sampled_from(["=1+1", "'@x", "-2", 'a "b"; c,d', "Praça | 7"]))
_ids = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,10}", fullmatch=True)
_hosts = st.one_of(
    st.ip_addresses().map(str), st.from_regex(r"[a-z][a-z0-9]{0,8}\.example", fullmatch=True)
)
_unit = st.floats(0, 1)
_areas = st.lists(
    st.builds(
        Area,
        name=_words,
        points=st.lists(st.tuples(_unit, _unit), min_size=3, max_size=5).map(tuple),
    ),
    max_size=2,
    unique_by=lambda area: area.name,
).map(tuple)
_urls = st.builds(
    "{}://{}:9000/{}".format,
    st.sampled_from(["rtsp", "rtsps", "rtsp+http", "rtmp", "http"]),
    _hosts.filter(lambda h: ":" not in h),
    _ids,
)
_targets = st.lists(
    st.builds("srt://{}:9000?streamid={}".format, _hosts.filter(lambda h: ":" not in h), _ids),
    max_size=2,
    unique=True,
).map(tuple)
# Of 10 to 79 bytes.
_passphrases = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=10, max_size=19
)
_common = {
    "city": st.just("sp"),
    "name": _names,
    "transport": st.sampled_from([None, "tcp", "udp"]),
    "user": _words.map(lambda text: text.replace(":", "-")),
    "backup_url": st.none() | _urls,
    "enabled": st.booleans(),
    "site": st.none() | _ids,
    "groups": st.lists(_ids, max_size=2, unique=True).map(lambda ids: tuple(sorted(ids))),
    "tags": st.lists(_words.map(lambda t: t.replace("|", "-")), max_size=2, unique=True).map(tuple),
    "masks": _areas,
    "zones": _areas,
}


@st.composite
def cameras_with_secrets(draw: st.DrawFn) -> list[tuple[Camera, Secrets]]:
    """Draw cameras with different ids, by makers and by addresses."""
    found = []
    for camera_id in draw(st.lists(_ids, max_size=4, unique=True)):
        fields = {name: draw(strategy) for name, strategy in _common.items()}
        if draw(st.booleans()):
            fields |= {
                "latitude": draw(st.floats(-90, 90)),
                "longitude": draw(st.floats(-180, 180)),
            }
        maker = draw(st.sampled_from(sorted(MAKERS)))
        fields["maker"] = maker
        if MAKERS[maker].path is None:
            fields |= {"url": draw(_urls), "sub_url": draw(st.none() | _urls)}
        else:
            fields |= {
                "host": draw(_hosts),
                "port": draw(st.none() | st.integers(1, 65535)),
                "channel": draw(st.integers(1, MAKERS[maker].channels)),
                "sub_stream": draw(st.booleans()),
            }
        targets = draw(_targets)
        kept = {one: draw(_passphrases) for one in sorted(targets) if draw(st.booleans())}
        secrets = Secrets(
            draw(st.none() | st.one_of(_words, st.sampled_from([" x ", "=p", "'"]))),
            push_passphrases=msgspec.json.encode(kept).decode() if kept else None,
        )
        camera = Camera(
            id=camera_id,
            has_password=secrets.password is not None,
            push=targets,
            has_push_passphrases=bool(kept),
            **fields,
        )
        found.append((camera, secrets))
    return found


@dataclass(slots=True)
class FakePlaces:
    """Cities that exist, each with the same sites and groups."""

    cities: tuple[str, ...] = ("sp", "rj", "local")
    named_sites: Mapping[str, str] = field(default_factory=lambda: {"s1": "Praça"})
    named_groups: Mapping[str, str] = field(
        default_factory=lambda: {"g1": "North", "g2": "South", "g3": "South"}
    )

    def check_city(self, _unit: Unit, city: str) -> None:
        if city not in self.cities:
            raise NotFoundError(f"there is no city {city!r}", code="city_unknown")

    def sites(self, _unit: Unit, _city: str) -> Mapping[str, str]:
        return self.named_sites

    def groups(self, _unit: Unit, _city: str) -> Mapping[str, str]:
        return self.named_groups


@dataclass(slots=True)
class FakeQuota:
    """So many cameras a city."""

    most: int = 10_000

    def check(self, _unit: Unit, city: str, used: int) -> None:
        if used >= self.most:
            raise TooManyError(
                f"{city} has {used} of {self.most} cameras",
                code="quota_cameras",
                values={"limit": self.most, "used": used},
            )
