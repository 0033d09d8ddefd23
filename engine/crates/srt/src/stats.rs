//! What a connection counts.

use std::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub sent_packets: u64,
    pub sent_bytes: u64,
    pub resent_packets: u64,
    /// Given up by the sender, because they were too old.
    pub dropped_to_send: u64,
    pub received_packets: u64,
    pub received_bytes: u64,
    /// Came again though they were there.
    pub doubles: u64,
    /// Came after they had been given up.
    pub belated: u64,
    /// Found missing.
    pub lost_packets: u64,
    /// Never came in time.
    pub dropped_packets: u64,
    /// Could not be decrypted.
    pub undecrypted: u64,
    /// Packets that came under another key than the one before them.
    pub key_changes: u64,
    pub rtt: Duration,
    /// As both sides agreed.
    pub latency: Duration,
}
