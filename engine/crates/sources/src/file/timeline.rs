//! When what a file holds is due, without IO: files one behind the other on
//! one line of time that never jumps.

use vms_media::AccessUnit;

/// A step of a file's time beyond this, either way, is no pause of its camera.
const JUMP_US: i64 = 10_000_000;
/// Nor does the time of a track go back further but where it begins anew, as in
/// what was joined of several files.
const MOST_BACK_US: i64 = 1_000_000;
/// What a picture lasts where nothing tells.
const USUAL_STEP_US: i64 = 40_000;
/// What one picture lasts that is a file of its own.
const STILL_STEP_US: i64 = 1_000_000;
/// Units of a track are due at least so far apart, whatever the file says.
const LEAST_STEP_US: i64 = 1_000;

#[derive(Debug, Default)]
pub struct Timeline {
    /// From the file's time to ours.
    offset_us: i64,
    /// When the files before were shown no more; `None` before the first.
    end_us: Option<i64>,
    are_stills: bool,
    tracks: Vec<Line>,
}

/// What a file begins with, by its own times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct First {
    /// When its first unit is decoded.
    pub due_us: i64,
    /// What is shown first.
    pub shown_us: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// Of the unit before.
    at_us: Option<i64>,
    due_us: i64,
    dts: Option<i64>,
    /// Of the unit that is shown last.
    shown_us: i64,
    /// How long the unit before lasts.
    step_us: i64,
}

impl Line {
    fn end_us(&self) -> Option<i64> {
        self.at_us.map(|_| self.shown_us.saturating_add(self.step_us).max(self.due_us))
    }
}

impl Timeline {
    /// Whether the files that follow are single pictures.
    pub fn are_stills(&mut self, are_stills: bool) {
        self.are_stills = are_stills;
    }

    /// A file begins; it has so many tracks. Those of another kind than before
    /// are counted anew. What it shows first follows what was shown last: with
    /// B-frames that is decoded at another time.
    pub fn begin(&mut self, first: First, tracks: usize, anew: bool) {
        self.end_us = self.tracks.iter().filter_map(Line::end_us).max().max(self.end_us);
        self.offset_us = match self.end_us {
            None => first.due_us.saturating_neg(),
            Some(end_us) => end_us.saturating_sub(first.shown_us),
        };
        if anew {
            self.tracks.clear();
        }
        self.tracks.resize(tracks, Line::default());
    }

    /// Gives a unit its place, in ticks of its track too; returns when it is
    /// due, in microseconds from the beginning. `None` for what belongs to
    /// nothing. Track 0 is the video, which leads.
    pub fn place(&mut self, track: usize, rate: u32, unit: &mut AccessUnit) -> Option<i64> {
        let own_us = micros(unit.dts, rate);
        let newest = self.tracks.iter().filter_map(|line| line.at_us).max().or(self.end_us).unwrap_or(0);
        let at_us = own_us.saturating_add(self.offset_us);
        let before = self.tracks.get(track).and_then(|line| line.at_us);
        let goes_back = before.is_some_and(|before| at_us < before.saturating_sub(MOST_BACK_US));
        if goes_back || at_us.saturating_sub(newest).abs() > JUMP_US {
            if track != 0 {
                return None;
            }
            self.offset_us = newest.saturating_add(USUAL_STEP_US).saturating_sub(own_us);
        }
        let line = self.tracks.get_mut(track)?;
        let shift = ticks(self.offset_us, rate);
        let reorder = unit.timestamp.saturating_sub(unit.dts);
        unit.dts = unit.dts.saturating_add(shift).max(line.dts.map_or(i64::MIN, |last| last + 1));
        unit.timestamp = unit.dts.saturating_add(reorder);
        let at_us = own_us.saturating_add(self.offset_us);
        let step = match line.at_us {
            _ if self.are_stills => STILL_STEP_US,
            None => USUAL_STEP_US,
            Some(before) => (at_us - before).clamp(0, JUMP_US),
        };
        let least = line.at_us.map_or(i64::MIN, |_| line.due_us + LEAST_STEP_US);
        let shown_us = at_us.saturating_add(micros(reorder, rate));
        *line = Line {
            shown_us: line.at_us.map_or(shown_us, |_| shown_us.max(line.shown_us)),
            step_us: step,
            at_us: Some(at_us),
            due_us: at_us.max(least),
            dts: Some(unit.dts),
        };
        Some(line.due_us)
    }
}

/// Ticks of a clock in microseconds.
pub fn micros(time: i64, rate: u32) -> i64 {
    bounded(i128::from(time) * 1_000_000 / i128::from(rate.max(1)))
}

fn ticks(micros: i64, rate: u32) -> i64 {
    bounded((i128::from(micros) * i128::from(rate)).div_euclid(1_000_000))
}

/// So far that nothing which is added to it overflows.
fn bounded(value: i128) -> i64 {
    const MOST: i128 = 1 << 60;
    value.clamp(-MOST, MOST) as i64
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn first(us: i64) -> First {
        First { due_us: us, shown_us: us }
    }

    fn unit(timestamp: i64, dts: i64) -> AccessUnit {
        AccessUnit { timestamp, dts, key: false, discontinuity: false, data: Bytes::new() }
    }

    /// When pictures with these times in ms are due, in ms, and their decode
    /// times in ticks.
    fn played(line: &mut Timeline, times: &[i64]) -> Vec<(i64, i64)> {
        let place = |ms: &i64| {
            let mut unit = unit(ms * 90, ms * 90);
            line.place(0, 90_000, &mut unit).map(|due| (due / 1000, unit.dts))
        };
        times.iter().filter_map(place).collect()
    }

    #[test]
    fn a_loop_goes_on_without_a_jump() {
        let mut line = Timeline::default();
        line.begin(first(5_000_000), 1, true);
        assert_eq!(played(&mut line, &[5000, 5040, 5080]), [(0, 0), (40, 3600), (80, 7200)]);
        line.begin(first(5_000_000), 1, false);
        assert_eq!(played(&mut line, &[5000, 5040]), [(120, 10_800), (160, 14_400)]);
        line.begin(first(0), 1, false);
        assert_eq!(played(&mut line, &[0]), [(200, 18_000)], "another file");
    }

    #[test]
    fn sound_that_lasts_longer_is_waited_for_and_keeps_its_place() {
        let mut line = Timeline::default();
        line.begin(first(0), 2, true);
        played(&mut line, &[0, 40]);
        let mut sound = unit(8_000, 8_000);
        assert_eq!(line.place(1, 8_000, &mut sound), Some(1_000_000));
        line.begin(first(0), 2, false);
        assert_eq!(played(&mut line, &[0]), [(1_040, 93_600)]);
        let mut sound = unit(0, 0);
        assert_eq!((line.place(1, 8_000, &mut sound), sound.dts), (Some(1_040_000), 8_320));
    }

    #[test]
    fn jumps_inside_a_file_are_no_pauses() {
        let mut line = Timeline::default();
        line.begin(first(0), 2, true);
        let due: Vec<_> = played(&mut line, &[0, 40, 9_000_000, 9_000_040, 40]).iter().map(|(due, _)| *due).collect();
        assert_eq!(due, [0, 40, 80, 120, 160]);
        let due =
            played(&mut line, &[4_000, 4_040, 2_000, 2_040, 2_000]).iter().map(|(due, _)| *due).collect::<Vec<_>>();
        assert_eq!(due, [4_120, 4_160, 4_200, 4_240, 4_241], "it goes back two seconds, and then a little");
        let mut astray = unit(80_000_000, 80_000_000);
        assert_eq!(line.place(1, 8_000, &mut astray), None, "sound follows the picture");
    }

    #[test]
    fn pictures_that_are_files_last_a_second_each() {
        let mut line = Timeline::default();
        line.are_stills(true);
        for second in 0..3 {
            line.begin(first(0), 1, second == 0);
            assert_eq!(played(&mut line, &[0]), [(second * 1000, second * 90_000)]);
        }
    }

    #[test]
    fn a_file_that_says_one_time_for_all_is_not_played_at_once() {
        let mut line = Timeline::default();
        line.begin(first(0), 1, true);
        assert_eq!(played(&mut line, &[0, 0, 0]), [(0, 0), (1, 1), (2, 2)]);
        line.begin(first(i64::MIN), 1, false);
        let mut far = unit(i64::MAX, i64::MAX);
        assert!(line.place(0, 90_000, &mut far).is_some());
    }

    #[test]
    fn pictures_that_are_shown_later_stay_so() {
        let mut line = Timeline::default();
        line.begin(First { due_us: -80_000, shown_us: 0 }, 1, true);
        let mut first = unit(0, -7_200);
        assert_eq!((line.place(0, 90_000, &mut first), first.timestamp, first.dts), (Some(0), 7_200, 0));
    }

    /// When the pictures of a file are shown, in ms: of each its time, and how
    /// much later than it is decoded.
    fn shown(line: &mut Timeline, pictures: &[(i64, i64)]) -> Vec<i64> {
        let due = pictures.iter().map(|(ms, later)| (ms - later) * 1000).min().expect("a picture");
        let of_all = pictures.iter().map(|(ms, _)| ms * 1000).min().expect("a picture");
        line.begin(First { due_us: due, shown_us: of_all }, 1, false);
        let place = |(ms, later): &(i64, i64)| {
            let mut unit = unit(ms * 90, (ms - later) * 90);
            line.place(0, 90_000, &mut unit).expect("a place");
            unit.timestamp / 90
        };
        let mut times: Vec<i64> = pictures.iter().map(place).collect();
        times.sort_unstable();
        times
    }

    #[test]
    fn a_loop_of_b_frames_shows_no_picture_before_one_of_the_pass_before() {
        // Whether the file tells of the delay from its first picture on or not.
        for pictures in [[(0, 40), (120, 120), (40, 0), (80, 0)], [(0, 0), (120, 119), (40, 0), (80, 0)]] {
            let mut line = Timeline::default();
            let passes = [shown(&mut line, &pictures), shown(&mut line, &pictures)].concat();
            assert!(passes.windows(2).all(|pair| pair[1] - pair[0] == 40), "{passes:?}");
        }
    }
}
