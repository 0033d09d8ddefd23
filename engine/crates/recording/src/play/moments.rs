//! When the frames of a playback were recorded: a sink that tells its viewer
//! looks it up by what it knows of a frame.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::head::Last;

/// More than a ring or a queue holds of frames that are still to be sent.
const MOST: usize = 4096;

/// When a frame was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub utc_us: i64,
    /// It does not follow the frame before it: something was jumped.
    pub jumped: bool,
    /// What ends with it.
    pub last: Option<Last>,
    /// Of the order that it follows, [`super::Steer::mark`].
    pub mark: u8,
}

#[derive(Debug, Default)]
pub struct Moments {
    /// Track and decode time of the newest frames.
    frames: Mutex<VecDeque<(u8, i64, Moment)>>,
}

impl Moments {
    pub fn add(&self, track: u8, dts: i64, moment: Moment) {
        let mut frames = self.frames.lock();
        if frames.len() == MOST {
            frames.pop_front();
        }
        frames.push_back((track, dts, moment));
    }

    pub fn of(&self, track: u8, dts: i64) -> Option<Moment> {
        let frames = self.frames.lock();
        let found = frames.iter().rev().find(|(known, at, _)| (*known, *at) == (track, dts));
        found.map(|(_, _, moment)| *moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_frames_are_known_and_the_oldest_forgotten() {
        let moments = Moments::default();
        let moment = |n| Moment { utc_us: n * 1_000, jumped: n == 0, last: None, mark: 0 };
        for n in 0..=MOST as i64 {
            moments.add(1, n, moment(n));
        }
        assert_eq!(moments.of(1, 0), None);
        assert_eq!(moments.of(1, 1), Some(moment(1)));
        assert_eq!(moments.of(2, 1), None, "of another track");
    }
}
