//! What every stream of pictures goes through before it leaves: nothing before
//! a key picture that can be decoded, and whoever follows something lost says so.

use crate::depacketise::DropReason;
use crate::{Codec, ParameterSets};

#[derive(Debug)]
pub struct Gate {
    pub codec: Codec,
    /// What a decoder must know, as far as it is known.
    pub sets: ParameterSets,
    seen_key: bool,
    discontinuity: bool,
}

impl Gate {
    pub fn new(codec: Codec, sets: ParameterSets) -> Self {
        Self { codec, sets, seen_key: false, discontinuity: false }
    }

    /// Something was lost before the next picture.
    pub fn lost(&mut self) {
        self.discontinuity = true;
    }

    /// A picture is dropped for this reason.
    pub fn dropped(&mut self, reason: DropReason) -> DropReason {
        self.lost();
        reason
    }

    /// Lets a picture pass; tells whether something was lost before it.
    ///
    /// # Errors
    /// Before the first key picture that can be decoded.
    pub fn pass(&mut self, key: bool) -> Result<bool, DropReason> {
        self.seen_key |= key && self.sets.complete(&self.codec);
        if self.seen_key { Ok(std::mem::take(&mut self.discontinuity)) } else { Err(DropReason::NoKeyYet) }
    }
}
