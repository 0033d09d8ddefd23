"""The strict reader of playlists finds what is wrong."""

import pytest

from hls_rules import Playlist, broken, broken_update, merged, read

GOOD = """#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,HOLD-BACK=6,PART-HOLD-BACK=0.9
#EXT-X-PART-INF:PART-TARGET=0.3
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:1
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-21T10:00:00.000Z
#EXT-X-PART:DURATION=0.3,URI="7.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.3,URI="7.1.m4s"
#EXT-X-PART:DURATION=0.1,URI="7.2.m4s"
#EXTINF:0.7,
7.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-21T10:00:00.700Z
#EXT-X-PART:DURATION=0.3,URI="8.0.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="8.1.m4s"
"""


def test_a_good_playlist_breaks_nothing() -> None:
    told = read(GOOD)
    assert broken(told) == []
    assert told.next == (8, 1)
    assert broken_update(told, told) == []


@pytest.mark.parametrize(
    ("old", "new", "section"),
    [
        ("#EXTM3U\n", "", "4.4.1.1"),
        ("#EXTINF:0.7,\n", "", "4.4.4.1"),
        ("#EXTINF:0.7,", "#EXTINF:0.7", "4.4.4.1"),
        ("#EXTINF:0.7,", "#EXTINF:2.6,", "4.4.3.1"),
        ("#EXTINF:0.7,", "#EXTINF:0.9,", "4.4.4.9"),
        ('DURATION=0.3,URI="7.1.m4s"', 'DURATION=0.31,URI="7.1.m4s"', "4.4.4.9"),
        ('DURATION=0.3,URI="7.1.m4s"', 'DURATION=0.2,URI="7.1.m4s"', "4.4.4.9"),
        ('"7.1.m4s"', '"7.0.m4s"', "4.4.4.9"),
        ("PART-HOLD-BACK=0.9", "PART-HOLD-BACK=0.8", "4.4.3.8"),
        (",PART-HOLD-BACK=0.9", "", "4.4.3.8"),
        ("HOLD-BACK=6", "HOLD-BACK=5", "4.4.3.8"),
        ("CAN-SKIP-UNTIL=12", "CAN-SKIP-UNTIL=11", "4.4.3.8"),
        ("CAN-BLOCK-RELOAD=YES,", "", "B.1"),
        ("#EXT-X-PART-INF:PART-TARGET=0.3\n", "", "4.4.3.7"),
        ('#EXT-X-MAP:URI="init.mp4"\n', "", "4.4.4.5"),
        ("10:00:00.700Z", "10:00:00.700", "4.4.4.6"),
        ("#EXT-X-PROGRAM-DATE-TIME:2026-11-21T10:00:00.700Z\n", "", "B.1"),
        ('URI="8.1.m4s"', 'URI="8.0.m4s"', "4.4.5.3"),
        ("#EXT-X-TARGETDURATION:2\n", "#EXT-X-TARGETDURATION:2\n" * 2, "4.4:"),
        ("#EXTINF:0.7,", "#EXT-X-DISCONTINUITY\n#EXTINF:0.7,", "4.4.4.9"),
        ("#EXT-X-PRELOAD", "#EXT-X-ODD\n#EXT-X-PRELOAD", "EXT-X-ODD"),
        ("PART-TARGET=0.3", "PART-TARGET", "EXT-X-PART-INF"),
    ],
)
def test_each_broken_rule_is_told(old: str, new: str, section: str) -> None:
    assert old in GOOD
    wrong = broken(read(GOOD.replace(old, new)))
    assert any(section in one for one in wrong), wrong


def later() -> str:
    """Return the playlist one part later."""
    return GOOD.replace(
        '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="8.1.m4s"',
        '#EXT-X-PART:DURATION=0.3,URI="8.1.m4s"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="8.2.m4s"',
    )


@pytest.mark.parametrize(
    ("old", "new", "section"),
    [
        ("TARGETDURATION:2", "TARGETDURATION:3", "6.2.1: target"),
        ("SEQUENCE:7", "SEQUENCE:6", "4.4.3.2"),
        ("DISCONTINUITY-SEQUENCE:1", "DISCONTINUITY-SEQUENCE:0", "4.4.3.3"),
        ("DISCONTINUITY-SEQUENCE:1", "DISCONTINUITY-SEQUENCE:2", "6.2.2"),
        ("00:00.700Z", "00:00.701Z", "6.2.1: date"),
        ("init.mp4", "other.mp4", "6.2.1: map"),
        ("\n7.m4s", "\n70.m4s", "6.2.1: segment 7"),
        ('"7.1.m4s"', '"7.9.m4s"', "6.2.1: parts"),
        ('DURATION=0.3,URI="8.1.m4s"', 'DURATION=0.3,URI="8.7.m4s"', "4.4.5.3"),
    ],
)
def test_each_forbidden_change_is_told(old: str, new: str, section: str) -> None:
    assert broken_update(read(GOOD), read(later())) == []
    assert old in later()
    wrong = broken_update(read(GOOD), read(later().replace(old, new)))
    assert any(section in one for one in wrong), wrong


def test_what_went_back_is_told() -> None:
    assert any("went back" in one for one in broken_update(read(later()), read(GOOD)))


def test_a_delta_is_filled_up_and_a_hole_in_it_is_told() -> None:
    head, tail = GOOD.split('#EXT-X-MAP:URI="init.mp4"\n')
    _, _, rest = tail.partition("7.m4s\n")
    delta = read(head + "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n" + rest)
    assert broken(delta) == []
    whole = merged(read(GOOD), delta)
    assert whole == read(GOOD)
    empty = Playlist(9, 2, {}, 0.3, 7, 1, 0, (), {}, ended=False)
    assert any("6.3.7" in one for one in merged(empty, delta).wrong)
