//! SRT in: `address` reads what is to be called, `line` is the thin shell
//! around a socket, `call` a camera at its other end, `intake` makes frames of MPEG-TS, `given` carries them
//! from a listener to the source that waits for its publisher.

mod address;
mod call;
mod given;
mod intake;
mod line;

pub use call::SrtCall;
pub use given::{Given, Giver, give};
pub use intake::Intake;
pub use line::Line;
