//! The two laws of ITU-T G.711, and one in place of the other.

/// How a byte says a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// PCMU.
    Mu,
    /// PCMA.
    A,
}

/// Samples a second, and bytes.
pub const G711_RATE: u32 = 8_000;

/// Values of 16 bits by the bytes of mu-law (G.711, table 2).
const MU_LINEAR: [i16; 256] = linear_table(Law::Mu);
/// The same of A-law (table 1).
const A_LINEAR: [i16; 256] = linear_table(Law::A);
const MU_TO_A: [u8; 256] = conversion(&MU_LINEAR, &A_LINEAR, Law::A);
const A_TO_MU: [u8; 256] = conversion(&A_LINEAR, &MU_LINEAR, Law::Mu);

impl Law {
    /// The law that an encoding name of RTP means.
    #[must_use]
    pub fn from_rtpmap(name: &str) -> Option<Self> {
        [Self::Mu, Self::A].into_iter().find(|law| name.eq_ignore_ascii_case(law.rtpmap()))
    }

    #[must_use]
    pub fn rtpmap(self) -> &'static str {
        match self {
            Self::Mu => "PCMU",
            Self::A => "PCMA",
        }
    }

    /// What a byte stands for, in 16 bits.
    #[must_use]
    pub fn linear(self, byte: u8) -> i16 {
        match self {
            Self::Mu => MU_LINEAR[usize::from(byte)],
            Self::A => A_LINEAR[usize::from(byte)],
        }
    }

    /// The byte of this law for one of another: the nearest value.
    #[must_use]
    pub fn of(self, other: Self, byte: u8) -> u8 {
        match (other, self) {
            (Self::Mu, Self::A) => MU_TO_A[usize::from(byte)],
            (Self::A, Self::Mu) => A_TO_MU[usize::from(byte)],
            (Self::Mu, Self::Mu) | (Self::A, Self::A) => byte,
        }
    }

    /// Nothing to hear.
    #[must_use]
    pub fn silence(self) -> u8 {
        self.byte(0)
    }

    /// The byte of a positive value, by its place among the values.
    const fn byte(self, magnitude: u8) -> u8 {
        match self {
            // All bits are turned over.
            Self::Mu => 0xff - magnitude,
            // Every second bit is.
            Self::A => (0x80 | magnitude) ^ 0x55,
        }
    }
}

const fn linear_table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = match law {
            Law::Mu => mu_linear(byte as u8),
            Law::A => a_linear(byte as u8),
        };
        byte += 1;
    }
    table
}

const fn mu_linear(byte: u8) -> i16 {
    /// What segments begin at.
    const BIAS: i16 = 0x84;
    let bits = !byte;
    let value = ((((bits & 0x0f) as i16) << 3) + BIAS) << ((bits >> 4) & 7);
    if bits & 0x80 == 0 { value - BIAS } else { BIAS - value }
}

const fn a_linear(byte: u8) -> i16 {
    let bits = byte ^ 0x55;
    let step = ((bits & 0x0f) as i16) << 4;
    let value = match (bits >> 4) & 7 {
        0 => step + 8,
        segment => (step + 0x108) << (segment - 1),
    };
    if bits & 0x80 == 0 { -value } else { value }
}

/// For each byte of one law the nearest of the other with the same sign; of two
/// that are as near the larger one, as the table of G.711 has it.
const fn conversion(from: &[i16; 256], to: &[i16; 256], law: Law) -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let (mut best, mut least) = (0u8, i32::MAX);
        let mut magnitude = 0u8;
        while magnitude < 128 {
            let distance = (from[byte] as i32).abs() - to[law.byte(magnitude) as usize] as i32;
            if distance.abs() <= least {
                (best, least) = (magnitude, distance.abs());
            }
            magnitude += 1;
        }
        // The highest bit is set in positive values of both laws.
        table[byte] = law.byte(best) & 0x7f | byte as u8 & 0x80;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: std::ops::RangeInclusive<u8> = 0..=255;

    #[test]
    fn bytes_have_the_values_of_the_standard() {
        for (law, byte, value) in [
            (Law::Mu, 0x00, -32_124),
            (Law::Mu, 0x80, 32_124),
            (Law::Mu, 0xff, 0),
            (Law::Mu, 0x7f, 0),
            (Law::Mu, 0xfe, 8),
            (Law::A, 0xaa, 32_256),
            (Law::A, 0x2a, -32_256),
            (Law::A, 0xd5, 8),
            (Law::A, 0x55, -8),
        ] {
            assert_eq!(law.linear(byte), value, "{law:?} {byte:#x}");
        }
        assert_eq!((Law::Mu.silence(), Law::A.silence()), (0xff, 0xd5));
    }

    #[test]
    fn the_other_law_is_as_near_as_it_can_be_and_keeps_the_sign() {
        for (from, to) in [(Law::Mu, Law::A), (Law::A, Law::Mu)] {
            for byte in ALL {
                let wanted = i32::from(from.linear(byte));
                let away = |other: u8| (i32::from(to.linear(other)) - wanted).abs();
                let converted = to.of(from, byte);
                assert_eq!(converted & 0x80, byte & 0x80, "{from:?} {byte:#x}");
                let least = ALL.filter(|other| other & 0x80 == byte & 0x80).map(away).min();
                assert_eq!(Some(away(converted)), least, "{from:?} {byte:#x}");
            }
        }
    }

    #[test]
    fn small_values_go_to_and_fro_as_in_the_table_of_the_standard() {
        // G.711, tables 3 and 4: the first values, counted from 0.
        let to_a: Vec<u8> = (0..10).map(|n| (Law::A.of(Law::Mu, 0xff - n) ^ 0x55) & 0x7f).collect();
        assert_eq!(to_a, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
        let to_mu: Vec<u8> = (0..10).map(|n| 0xff - Law::Mu.of(Law::A, (0x80 | n) ^ 0x55)).collect();
        assert_eq!(to_mu, [1, 3, 5, 7, 9, 11, 13, 15, 16, 17]);
        // Who converts twice hears the same as who converts once.
        for byte in ALL {
            let once = Law::A.of(Law::Mu, byte);
            assert_eq!(Law::A.of(Law::Mu, Law::Mu.of(Law::A, once)), once, "{byte:#x}");
        }
        assert_eq!(Law::A.of(Law::A, 7), 7);
    }

    #[test]
    fn laws_are_known_by_their_names() {
        assert_eq!([Law::from_rtpmap("pcmu"), Law::from_rtpmap("PCMA")], [Some(Law::Mu), Some(Law::A)]);
        assert_eq!(Law::from_rtpmap("G726-32"), None);
    }
}
