//! Keeping what must stay, and making room.
//!
//! Data flow: `stock` lists the folders, `book` reads the ledgers, `plan`
//! decides from both without touching anything, `keeper` and `moves` carry it
//! out by `act`. `holds`, `forecast`, `proof` and `check` answer calls.

mod act;
mod book;
mod check;
mod clock;
mod forecast;
mod holds;
pub mod keeper;
mod moves;
pub mod plan;
mod proof;
#[cfg(test)]
mod s3_tests;
mod stock;
#[cfg(test)]
mod tests;
pub(crate) mod triggers;

use crate::calls::{Answer, CallError, request};
use crate::service::Recording;

pub use keeper::{Keeper, Keeping};

#[derive(serde::Serialize)]
struct Confirmed {
    /// It was in doubt until now.
    confirmed: bool,
}

impl Recording {
    /// Answers the calls about keeping; `None` for a call of others.
    pub fn keep_call(&self, call: &str, json: &[u8]) -> Option<Result<Answer, CallError>> {
        match call {
            "hold" => Some(request(call, json).and_then(|asked| self.hold(&asked))),
            "holds" => Some(request(call, json).and_then(|asked| self.holds(&asked))),
            "forecast" => Some(request(call, json).and_then(|asked| self.forecast(&asked))),
            "verify" => Some(request(call, json).and_then(|asked| self.verify(&asked))),
            "sign" => Some(request(call, json).and_then(|asked| self.sign(&asked))),
            "check" => Some(request(call, json).and_then(|asked| self.check(&asked))),
            "rebuild" => Some(request(call, json).and_then(|asked| self.rebuild(&asked))),
            "confirm_clock" => Some(Answer::of(&Confirmed { confirmed: self.keeping().confirm_clock() })),
            _ => None,
        }
    }
}
