//! Who may open which stream. Every opening, by whatever protocol, is one call
//! of [`Access::enter`]; what that returns is a [`Ticket`] that holds the
//! viewer's place until it is dropped.
//!
//! Invariants: nothing is allowed that was not proved, but by the open policy;
//! the engine holds no key that can sign; an address opens one session; a
//! revoked viewer, session or camera has no running stream left, nor has who
//! would not be let in by the rules of now.

mod access;
mod address;
mod denied;
mod digest;
mod holder;
mod nonces;
mod over;
mod places;
mod plays;
mod rules;
mod ticket;
mod watches;

pub use access::{Access, Cut, Now, Proof, Revocation, Wish};
pub use address::{Address, Kind, ViewName};
pub use denied::Denied;
pub use digest::{Challenge, Digest};
pub use rules::{Limits, PublicKey, Rules, StreamKeyRule};
pub use ticket::{Ticket, Who};
