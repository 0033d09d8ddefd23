//! The ICE user fragment of a STUN request, which says whose it is: pure.

/// Digits of the shard, then random ones.
pub const UFRAG_CHARS: usize = 16;
const MAX_SHARDS: usize = 256;

/// The user fragment that routes to `shard`; `random` is its secret rest.
#[must_use]
pub fn make_ufrag(shard: usize, random: &str) -> String {
    let mut ufrag = format!("{:02x}{random}", shard % MAX_SHARDS);
    ufrag.truncate(UFRAG_CHARS);
    ufrag
}

/// The shard that a user fragment of [`make_ufrag`] names.
#[must_use]
pub fn shard_of(ufrag: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(ufrag.get(..2)?).ok()?;
    usize::from_str_radix(digits, 16).ok()
}

/// This side's user fragment in a STUN binding request.
#[must_use]
pub fn stun_ufrag(packet: &[u8]) -> Option<&[u8]> {
    const USERNAME: u16 = 0x0006;
    let binding_request = packet.get(..2)? == [0, 1];
    let cookie = packet.get(4..8)? == [0x21, 0x12, 0xa4, 0x42];
    if !(binding_request && cookie) {
        return None;
    }
    let mut rest = packet.get(20..)?;
    loop {
        let kind = u16::from_be_bytes([*rest.first()?, *rest.get(1)?]);
        let len = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let value = rest.get(4..4 + len)?;
        if kind == USERNAME {
            return value.split(|b| *b == b':').next();
        }
        rest = rest.get(4 + len.next_multiple_of(4)..)?;
    }
}
