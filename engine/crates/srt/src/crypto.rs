//! Keys and ciphers (draft, section 6): a passphrase wraps the keys that
//! encrypt payloads, AES in counter mode.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, pbkdf2};

use crate::packet::Seq;

const ITERATIONS: NonZeroU32 = NonZeroU32::new(2048).expect("it is not 0");
const SALT: usize = 16;
/// What the passphrase is salted with: the salt's last bytes.
const PASSPHRASE_SALT: usize = 8;
/// What is put before wrapped keys (RFC 3394, section 2.2.3.1).
const WRAP_IV: [u8; 8] = [0xa6; 8];
const MESSAGE_HEADER: usize = 16;
const EVEN: u8 = 1;
const ODD: u8 = 2;

/// Random bytes of the system.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The library's generator has no way to fail once the process runs.
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyLength {
    #[default]
    Aes128,
    Aes192,
    Aes256,
}

impl KeyLength {
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    #[must_use]
    pub fn of_bytes(bytes: usize) -> Option<Self> {
        [Self::Aes128, Self::Aes192, Self::Aes256].into_iter().find(|length| length.bytes() == bytes)
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Aes128 => &AES_128,
            Self::Aes192 => &AES_192,
            Self::Aes256 => &AES_256,
        }
    }
}

/// 10 to 79 bytes that both sides know.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a passphrase of SRT has 10 to 79 bytes")]
pub struct BadPassphrase;

impl Passphrase {
    /// # Errors
    /// When it is too short or too long.
    pub fn new(text: &str) -> Result<Self, BadPassphrase> {
        if (10..=79).contains(&text.len()) { Ok(Self(text.to_owned())) } else { Err(BadPassphrase) }
    }

    fn key(&self, salt: &[u8; SALT], length: KeyLength) -> Vec<u8> {
        let mut key = vec![0; length.bytes()];
        let salt = &salt[SALT - PASSPHRASE_SALT..];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, ITERATIONS, salt, self.0.as_bytes(), &mut key);
        key
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(...)")
    }
}

/// The cipher of one key. Counter mode: encrypting twice gives the plain text.
struct Cipher {
    key: Vec<u8>,
    cipher: EncryptingKey,
}

impl Cipher {
    fn new(key: &[u8], length: KeyLength) -> Option<Self> {
        let unbound = UnboundCipherKey::new(length.algorithm(), key).ok()?;
        Some(Self { key: key.to_vec(), cipher: EncryptingKey::ctr(unbound).ok()? })
    }
}

/// The keys of one direction.
pub struct Keys {
    salt: [u8; SALT],
    length: KeyLength,
    even: Option<Cipher>,
    odd: Option<Cipher>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("length", &self.length).finish_non_exhaustive()
    }
}

/// Why key material could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Not as the draft says, or of a cipher that is not AES-CTR.
    Malformed,
    WrongPassphrase,
}

impl Keys {
    /// A fresh even key.
    pub fn generate(length: KeyLength) -> Self {
        let mut keys = Self { salt: random(), length, even: None, odd: None };
        keys.renew(EVEN);
        keys
    }

    /// The same keys for the other direction, as a listener sends with its
    /// caller's.
    pub fn duplicate(&self) -> Self {
        let copy = |key: &Option<Cipher>| key.as_ref().and_then(|key| Cipher::new(&key.key, self.length));
        Self { salt: self.salt, length: self.length, even: copy(&self.even), odd: copy(&self.odd) }
    }

    /// Replaces the key of this number (1 even, 2 odd) by a fresh one.
    pub fn renew(&mut self, which: u8) {
        let key = &random::<32>()[..self.length.bytes()];
        *self.slot(which) = Cipher::new(key, self.length);
    }

    fn slot(&mut self, which: u8) -> &mut Option<Cipher> {
        if which == EVEN { &mut self.even } else { &mut self.odd }
    }

    /// The number of a key that is there, the even one first.
    pub fn first(&self) -> u8 {
        if self.even.is_some() { EVEN } else { ODD }
    }

    /// Encrypts or decrypts a payload; false without that key.
    #[must_use]
    pub fn apply(&self, which: u8, seq: Seq, payload: &mut [u8]) -> bool {
        let key = match which {
            EVEN => &self.even,
            ODD => &self.odd,
            _ => &None,
        };
        let Some(key) = key else { return false };
        // The packet's number stands before the counter's 16 bits.
        let mut counter = [0; 16];
        counter[10..14].copy_from_slice(&seq.raw().to_be_bytes());
        counter.iter_mut().zip(&self.salt[..14]).for_each(|(byte, salt)| *byte ^= salt);
        let context = EncryptionContext::Iv128(FixedLength::from(counter));
        key.cipher.less_safe_encrypt(payload, context).is_ok()
    }

    /// The key material message (section 3.2.2) that tells these keys.
    pub fn message(&self, passphrase: &Passphrase) -> Option<Vec<u8>> {
        let which = (u8::from(self.even.is_some()) * EVEN) | (u8::from(self.odd.is_some()) * ODD);
        let length = self.length.bytes();
        // Version 1, type 2, the signature "HAI"; AES-CTR, no authentication,
        // for MPEG-TS over SRT; lengths in words.
        let mut out = vec![0x12, 0x20, 0x29, which, 0, 0, 0, 0, 2, 0, 2, 0, 0, 0, (SALT / 4) as u8, (length / 4) as u8];
        out.extend_from_slice(&self.salt);
        let plain: Vec<u8> = [&self.even, &self.odd].into_iter().flatten().flat_map(|key| key.key.clone()).collect();
        out.extend(wrap(&passphrase.key(&self.salt, self.length), self.length, &plain)?);
        Some(out)
    }

    /// Reads such a message.
    pub fn parse(message: &[u8], passphrase: &Passphrase) -> Result<Self, KeyError> {
        let form = KeyMessage::parse(message).ok_or(KeyError::Malformed)?;
        let key = passphrase.key(&form.salt, form.length);
        let plain = unwrap(&key, form.length, form.wrapped).ok_or(KeyError::WrongPassphrase)?;
        let mut keys = plain.chunks_exact(form.length.bytes());
        let mut next =
            |wanted: bool| if wanted { keys.next().and_then(|key| Cipher::new(key, form.length)) } else { None };
        let (even, odd) = (next(form.which & EVEN != 0), next(form.which & ODD != 0));
        Ok(Self { salt: form.salt, length: form.length, even, odd })
    }

    /// Takes over what a newer message says.
    pub fn update(&mut self, newer: Self) {
        let kept = if newer.salt == self.salt { (self.even.take(), self.odd.take()) } else { (None, None) };
        *self = Self { even: newer.even.or(kept.0), odd: newer.odd.or(kept.1), ..newer };
    }
}

/// The length of the keys in a message, if it is one.
pub fn key_length_of(message: &[u8]) -> Option<KeyLength> {
    KeyMessage::parse(message).map(|form| form.length)
}

struct KeyMessage<'a> {
    which: u8,
    salt: [u8; SALT],
    length: KeyLength,
    wrapped: &'a [u8],
}

impl<'a> KeyMessage<'a> {
    fn parse(message: &'a [u8]) -> Option<Self> {
        let (header, rest) = message.split_first_chunk::<MESSAGE_HEADER>()?;
        let [0x12, 0x20, 0x29, which, _, _, _, _, 2, 0, _, _, _, _, salt_words, key_words] = *header else {
            return None;
        };
        let which = which & 3;
        let length = KeyLength::of_bytes(usize::from(key_words) * 4)?;
        let (salt, wrapped) = rest.split_first_chunk::<SALT>()?;
        let fits = usize::from(salt_words) * 4 == SALT
            && which != 0
            && wrapped.len() == which.count_ones() as usize * length.bytes() + WRAP_IV.len();
        fits.then_some(Self { which, salt: *salt, length, wrapped })
    }
}

/// AES key wrap (RFC 3394, section 2.2.1), with the three lengths of AES.
fn wrap(key: &[u8], length: KeyLength, plain: &[u8]) -> Option<Vec<u8>> {
    let cipher = EncryptingKey::ecb(UnboundCipherKey::new(length.algorithm(), key).ok()?).ok()?;
    let mut blocks: Vec<[u8; 8]> = plain.chunks_exact(8).filter_map(|block| block.try_into().ok()).collect();
    let mut sum = WRAP_IV;
    for step in 0..6 * blocks.len() {
        let at = step % blocks.len();
        let mut both = join(&sum, &blocks[at]);
        cipher.less_safe_encrypt(&mut both, EncryptionContext::None).ok()?;
        (sum, blocks[at]) = halves(&both);
        mix(&mut sum, step);
    }
    Some([&sum[..], blocks.as_flattened()].concat())
}

/// The reverse (section 2.2.2); `None` when it was wrapped by another key.
fn unwrap(key: &[u8], length: KeyLength, wrapped: &[u8]) -> Option<Vec<u8>> {
    let cipher = DecryptingKey::ecb(UnboundCipherKey::new(length.algorithm(), key).ok()?).ok()?;
    let (sum, rest) = wrapped.split_first_chunk::<8>()?;
    let mut sum = *sum;
    let mut blocks: Vec<[u8; 8]> = rest.chunks_exact(8).filter_map(|block| block.try_into().ok()).collect();
    for step in (0..6 * blocks.len()).rev() {
        let at = step % blocks.len();
        mix(&mut sum, step);
        let mut both = join(&sum, &blocks[at]);
        cipher.decrypt(&mut both, DecryptionContext::None).ok()?;
        (sum, blocks[at]) = halves(&both);
    }
    let right = constant_time::verify_slices_are_equal(&sum, &WRAP_IV).is_ok();
    right.then(|| blocks.as_flattened().to_vec())
}

fn mix(sum: &mut [u8; 8], step: usize) {
    let counted = u64::from_be_bytes(*sum) ^ (step as u64 + 1);
    *sum = counted.to_be_bytes();
}

fn join(first: &[u8; 8], second: &[u8; 8]) -> [u8; 16] {
    std::array::from_fn(|at| if at < 8 { first[at] } else { second[at - 8] })
}

fn halves(both: &[u8; 16]) -> ([u8; 8], [u8; 8]) {
    (std::array::from_fn(|at| both[at]), std::array::from_fn(|at| both[at + 8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [KeyLength; 3] = [KeyLength::Aes128, KeyLength::Aes192, KeyLength::Aes256];

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        let value = |digit: u8| (digit as char).to_digit(16).expect("a digit") as u8;
        digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
    }

    fn passphrase() -> Passphrase {
        Passphrase::new("correct horse").expect("long enough")
    }

    #[test]
    fn keys_are_wrapped_as_the_rfc_shows() {
        // RFC 3394, sections 4.1, 4.2, 4.3 and 4.6.
        let table = [
            (
                KeyLength::Aes128,
                "00112233445566778899AABBCCDDEEFF",
                "1FA68B0A8112B447 AEF34BD8FB5A7B82 9D3E862371D2CFE5",
            ),
            (
                KeyLength::Aes192,
                "00112233445566778899AABBCCDDEEFF",
                "96778B25AE6CA435 F92B5B97C050AED2 468AB8A17AD84E5D",
            ),
            (
                KeyLength::Aes256,
                "00112233445566778899AABBCCDDEEFF",
                "64E8C3F9CE0F5BA2 63E9777905818A2A 93C8191E7D6E8AE7",
            ),
            (
                KeyLength::Aes256,
                "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
                "28C9F404C4B810F4 CBCCB35CFB87F826 3F5786E2D80ED326 CBC7F0E71A99F43B FB988B9B7A02DD21",
            ),
        ];
        for (length, plain, wrapped) in table {
            let key: Vec<u8> = (0..length.bytes() as u8).collect();
            assert_eq!(wrap(&key, length, &hex(plain)), Some(hex(wrapped)), "{length:?}");
            assert_eq!(unwrap(&key, length, &hex(wrapped)), Some(hex(plain)), "{length:?}");
            let mut bad = hex(wrapped);
            bad[3] ^= 1;
            assert_eq!(unwrap(&key, length, &bad), None);
        }
    }

    #[test]
    fn a_message_carries_keys_to_who_knows_the_passphrase() {
        for length in LENGTHS {
            let mut keys = Keys::generate(length);
            keys.renew(ODD);
            let message = keys.message(&passphrase()).expect("AES works");
            assert_eq!(key_length_of(&message), Some(length));
            let told = Keys::parse(&message, &passphrase()).expect("the same passphrase");
            for which in [EVEN, ODD] {
                let mut payload = *b"a payload of some more than one block of AES";
                assert!(keys.apply(which, Seq::new(77), &mut payload));
                assert_ne!(&payload, b"a payload of some more than one block of AES");
                assert!(told.apply(which, Seq::new(77), &mut payload));
                assert_eq!(&payload, b"a payload of some more than one block of AES");
            }
            let other = Passphrase::new("another horse").expect("long enough");
            assert_eq!(Keys::parse(&message, &other).err(), Some(KeyError::WrongPassphrase));
        }
    }

    /// The counter's layout, checked against AES itself: the first block of
    /// the key stream is AES of the salt with the number in bytes 10 to 13.
    #[test]
    fn the_counter_is_salt_and_number() {
        let keys = Keys::generate(KeyLength::Aes128);
        let mut stream = [0; 16];
        assert!(keys.apply(EVEN, Seq::new(0x0102_0304), &mut stream));
        let mut block = keys.salt;
        block[14..].fill(0);
        for (at, byte) in [(10, 1), (11, 2), (12, 3), (13, 4)] {
            block[at] ^= byte;
        }
        let even = keys.even.as_ref().expect("there is one");
        let unbound = UnboundCipherKey::new(&AES_128, &even.key).expect("a key");
        let cipher = EncryptingKey::ecb(unbound).expect("AES");
        cipher.less_safe_encrypt(&mut block, EncryptionContext::None).expect("a block");
        assert_eq!(stream, block);
    }

    #[test]
    fn what_is_no_key_message_is_refused() {
        let good = Keys::generate(KeyLength::Aes128).message(&passphrase()).expect("AES works");
        let changed = |at: usize, value: u8| {
            let mut bad = good.clone();
            bad[at] = value;
            bad
        };
        let table = [
            ("short", good[..15].to_vec()),
            ("cut", good[..good.len() - 1].to_vec()),
            ("signature", changed(1, 0)),
            ("no key", changed(3, 0)),
            ("both keys", changed(3, 3)),
            ("cipher", changed(8, 1)),
            ("key length", changed(15, 5)),
            ("salt length", changed(14, 0)),
        ];
        for (name, bad) in table {
            assert_eq!(Keys::parse(&bad, &passphrase()).err(), Some(KeyError::Malformed), "{name}");
        }
    }

    #[test]
    fn passphrases_are_bounded_and_not_shown() {
        assert!(Passphrase::new("123456789").is_err() && Passphrase::new(&"x".repeat(80)).is_err());
        assert_eq!(format!("{:?}", passphrase()), "Passphrase(...)");
    }
}
