//! Reads the cases of `tests/vectors/rtp`, whose README tells their form.

/// One line of a case.
#[derive(Clone)]
pub struct CasePacket {
    pub timestamp: i64,
    pub marker: bool,
    pub payload: Vec<u8>,
}

/// The packets of a case, in order.
pub fn packets(case: &str) -> Vec<CasePacket> {
    let path = format!("{}/../../../tests/vectors/rtp/{case}.rtp", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect(&path);
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines.filter(|line| !line.trim().is_empty()).flat_map(packets_of).collect()
}

/// The payloads alone: for cases of bare NAL units.
pub fn payloads(case: &str) -> Vec<Vec<u8>> {
    packets(case).into_iter().map(|packet| packet.payload).collect()
}

fn packets_of(line: &str) -> Vec<CasePacket> {
    let mut words = line.split_ascii_whitespace();
    let timestamp = number(words.next().expect("a time"));
    let marker = match words.next() {
        Some("m") => true,
        Some("-") => false,
        _ => panic!("neither m nor -: {line}"),
    };
    let (mut payload, mut count) = (Vec::new(), 1);
    for word in words {
        if let Some(times) = word.strip_prefix('x') {
            count = number(times);
        } else {
            let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
            payload.extend(unhex(digits).repeat(number(times)));
        }
    }
    vec![CasePacket { timestamp, marker, payload }; count]
}

fn number<N: std::str::FromStr>(word: &str) -> N {
    word.parse().unwrap_or_else(|_| panic!("no number: {word}"))
}

fn unhex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "half a byte: {digits}");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect(digits)).collect()
}

#[test]
fn a_line_is_a_packet_or_many() {
    let packets = packets_of("-3 m 7c81 07*2 ff x2");
    assert_eq!(packets.len(), 2);
    assert_eq!((packets[1].timestamp, packets[1].marker), (-3, true));
    assert_eq!(packets[1].payload, [0x7c, 0x81, 7, 7, 0xff]);
    assert!(packets_of("0 -")[0].payload.is_empty());
}
