//! Addresses that were used, until they would have run out anyway.

use std::collections::HashMap;

/// Ten thousand openings a minute for five minutes fill half of it.
const MAX: usize = 100_000;

#[derive(Debug, Default)]
pub struct Nonces {
    expiry_s: HashMap<String, u64>,
}

impl Nonces {
    /// False when the nonce was used, or when no more can be remembered: an
    /// address that may have been used opens nothing.
    pub fn take(&mut self, nonce: &str, expires_s: u64, now_s: u64) -> bool {
        if self.expiry_s.len() >= MAX {
            self.sweep(now_s);
        }
        if self.expiry_s.len() >= MAX || self.expiry_s.contains_key(nonce) {
            return false;
        }
        self.expiry_s.insert(nonce.to_owned(), expires_s);
        true
    }

    pub fn sweep(&mut self, now_s: u64) {
        self.expiry_s.retain(|_, expires_s| *expires_s >= now_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_taken_once_and_forgotten_after_its_time() {
        let mut nonces = Nonces::default();
        assert!(nonces.take("a", 100, 50));
        assert!(!nonces.take("a", 100, 50));
        assert!(nonces.take("b", 100, 50));
        nonces.sweep(100);
        assert!(!nonces.take("a", 100, 100), "an address may be used up to its last second");
        nonces.sweep(101);
        assert!(nonces.expiry_s.is_empty());
    }

    #[test]
    fn a_full_memory_opens_nothing_rather_than_twice() {
        let mut nonces = Nonces::default();
        for i in 0..MAX {
            assert!(nonces.take(&i.to_string(), 100, 50));
        }
        assert!(!nonces.take("one more", 100, 50));
        assert!(nonces.take("one more", 200, 101), "room is made when the old ones ran out");
    }
}
