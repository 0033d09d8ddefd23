//! Whether pictures are shown in another order than they are sent in: pure.

/// A step further back than this is the camera's clock (seconds).
const FARTHEST_S: i64 = 2;
/// One step back may be a camera's mistake.
const ENOUGH: u8 = 2;

/// What was seen of the order of one stream's pictures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Order {
    newest: Option<i64>,
    steps_back: u8,
}

impl Order {
    /// Takes the presentation time of the next picture that was sent.
    pub fn next(&mut self, pts: i64, clock_rate: u32) {
        let behind = self.newest.map_or(0, |newest| newest - pts);
        let moved = behind.abs() > FARTHEST_S * i64::from(clock_rate.max(1));
        if behind > 0 && !moved {
            self.steps_back = self.steps_back.saturating_add(1);
            return;
        }
        self.newest = Some(pts);
    }

    /// Pictures were shown before others that had been sent first (B-frames).
    #[must_use]
    pub fn changes(self) -> bool {
        self.steps_back >= ENOUGH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(times: &[i64]) -> bool {
        let mut order = Order::default();
        for &time in times {
            order.next(time * 3_600, 90_000);
        }
        order.changes()
    }

    #[test]
    fn b_frames_are_known_by_steps_back_and_a_clock_that_moves_is_none() {
        assert!(!seen(&[0, 1, 2, 3, 4]));
        assert!(seen(&[0, 3, 1, 2, 6, 4, 5]));
        assert!(!seen(&[0, 1, 2, 1, 3, 4]), "once is a camera's mistake");
        assert!(!seen(&[900, 901, 0, 1, 2, 900, 901, 0, 1]), "a clock that jumps");
    }
}
