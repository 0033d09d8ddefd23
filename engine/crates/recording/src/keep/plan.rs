//! What goes, and why: decided from what there is, without touching it.
//!
//! Three things hold whatever is asked: nothing under a hold goes, nothing
//! younger than its camera's floor goes, and nothing that is written or played
//! goes. A camera whose ledger cannot be read keeps all it has.

use std::collections::{BTreeMap, BTreeSet};

use vms_format::PartId;
use vms_format::names::WHOLE_CAMERA;
use vms_format::time::HOUR_US;

use crate::config::{Keep, ThinTo, Tier};

pub const DAY_US: i64 = 24 * HOUR_US;

/// How much of a part is left. Each has less than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    #[default]
    Whole,
    /// What a trigger touched.
    Events,
    /// Key frames.
    Keys,
    /// A key frame a minute.
    Stills,
}

impl From<ThinTo> for Level {
    fn from(to: ThinTo) -> Self {
        match to {
            ThinTo::Events => Self::Events,
            ThinTo::Keys => Self::Keys,
            ThinTo::Stills => Self::Stills,
        }
    }
}

/// A part as the planner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub camera: String,
    pub id: PartId,
    pub volume: String,
    /// No fragment of it lies outside; it may be shorter.
    pub from_us: i64,
    pub to_us: i64,
    pub bytes: u64,
    /// Written or played at the moment.
    pub busy: bool,
    pub level: Level,
    /// The ledger says already that it was removed.
    pub removed: bool,
}

/// A time that must stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Of one stream, or [`WHOLE_CAMERA`].
    pub stream: u8,
    pub from_us: i64,
    pub to_us: i64,
}

impl Held {
    #[must_use]
    pub fn touches(&self, stream: u8, from_us: i64, to_us: i64) -> bool {
        (self.stream == WHOLE_CAMERA || self.stream == stream) && self.from_us < to_us && from_us < self.to_us
    }
}

/// A volume's room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes that may still be written.
    pub room: u64,
    /// Bytes that shall be free for what comes next.
    pub wanted: u64,
    /// Bytes that may still go by age alone in this hour.
    pub by_age: u64,
    /// Nothing went by age in the last hour: one part may, however large.
    pub first_by_age: bool,
    /// It takes no parts that are moved.
    pub closed: bool,
}

/// All that a plan depends on.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub now_us: i64,
    /// False after a step of the clock that nobody confirmed.
    pub age_rules: bool,
    pub items: Vec<Item>,
    /// A camera that is not here is kept as long as there is room.
    pub keeps: BTreeMap<String, Keep>,
    /// By camera; absent: its ledger cannot be read.
    pub holds: BTreeMap<String, Vec<Held>>,
    pub volumes: BTreeMap<String, Room>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Delete,
    Thin(Level),
    Move(String),
}

/// Why something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// It was removed already, but for its files.
    Finish,
    MaxDays,
    MaxBytes,
    /// The volume has no room.
    Room,
    Thin,
    Tier,
}

impl Cause {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finish => "finish",
            Self::MaxDays => "max_days",
            Self::MaxBytes => "max_bytes",
            Self::Room => "room",
            Self::Thin => "thin",
            Self::Tier => "tier",
        }
    }

    /// True where nothing but its age makes it go.
    #[must_use]
    pub fn is_age(self) -> bool {
        matches!(self, Self::MaxDays | Self::Thin)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub item: Item,
    pub what: What,
    pub cause: Cause,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub actions: Vec<Action>,
    /// Volumes that lack room, where all that could go must stay.
    pub held: BTreeSet<String>,
}

impl View {
    /// True where a part must stay, whoever asks.
    #[must_use]
    pub fn is_protected(&self, item: &Item) -> bool {
        self.is_held(item) || self.is_under_floor(item)
    }

    fn is_held(&self, item: &Item) -> bool {
        match self.holds.get(&item.camera) {
            None => true,
            Some(holds) => holds.iter().any(|held| held.touches(item.id.stream, item.from_us, item.to_us)),
        }
    }

    fn is_under_floor(&self, item: &Item) -> bool {
        let days = self.keeps.get(&item.camera).map_or(0, |keep| keep.min_days);
        item.to_us > self.now_us.saturating_sub(i64::from(days) * DAY_US) && days > 0
    }

    /// After no hours at all it goes as soon as nobody writes it.
    fn is_due(&self, item: &Item, tier: &Tier) -> bool {
        tier.after_hours == 0 || item.to_us < self.now_us.saturating_sub(i64::from(tier.after_hours) * HOUR_US)
    }

    fn keep(&self, item: &Item) -> Option<&Keep> {
        self.keeps.get(&item.camera)
    }

    /// What of it may be touched at all, oldest first.
    fn free(&self) -> Vec<&Item> {
        let mut free: Vec<&Item> =
            self.items.iter().filter(|item| !item.busy && !item.removed && !self.is_protected(item)).collect();
        free.sort_by_key(|item| (item.from_us, &item.camera, item.id, &item.volume));
        free
    }

    /// What goes: deletions, then thinning, then moves, each oldest first.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let mut making = Making { view: self, rooms: self.volumes.clone(), gone: BTreeMap::new() };
        let free = self.free();
        making.finish();
        if self.age_rules {
            making.by_age(&free);
        }
        making.by_bytes(&free);
        let held = making.by_room(&free);
        let mut actions: Vec<Action> = making.deleted(&free);
        if self.age_rules {
            actions.extend(making.thin(&free));
        }
        actions.extend(making.moves());
        Plan { actions, held }
    }
}

type Key<'a> = (&'a str, PartId, &'a str);

fn key(item: &Item) -> Key<'_> {
    (&item.camera, item.id, &item.volume)
}

struct Making<'a> {
    view: &'a View,
    rooms: BTreeMap<String, Room>,
    gone: BTreeMap<Key<'a>, Cause>,
}

impl<'a> Making<'a> {
    fn delete(&mut self, item: &'a Item, cause: Cause) {
        if self.gone.insert(key(item), cause).is_none()
            && let Some(room) = self.rooms.get_mut(&item.volume)
        {
            room.room = room.room.saturating_add(item.bytes);
        }
    }

    fn is_gone(&self, item: &Item) -> bool {
        self.gone.contains_key(&key(item))
    }

    /// What the ledger says is gone goes, played or not: it may not come back.
    fn finish(&mut self) {
        for item in self.view.items.iter().filter(|item| item.removed) {
            self.delete(item, Cause::Finish);
        }
    }

    /// Takes from the volume's share of this hour; false where that is spent.
    fn spend(&mut self, item: &Item) -> bool {
        let Some(room) = self.rooms.get_mut(&item.volume) else { return false };
        let first = std::mem::take(&mut room.first_by_age);
        let allowed = first || room.by_age >= item.bytes;
        room.by_age = if allowed { room.by_age.saturating_sub(item.bytes) } else { room.by_age };
        allowed
    }

    fn by_age(&mut self, free: &[&'a Item]) {
        for item in free {
            let Some(days) = self.view.keep(item).and_then(|keep| keep.max_days) else { continue };
            let old = item.to_us < self.view.now_us.saturating_sub(i64::from(days) * DAY_US);
            if old && self.spend(item) {
                self.delete(item, Cause::MaxDays);
            }
        }
    }

    /// The cap of a camera counts all it has; only what is free can go.
    fn by_bytes(&mut self, free: &[&'a Item]) {
        let mut bytes: BTreeMap<&str, u64> = BTreeMap::new();
        for item in self.view.items.iter().filter(|item| !self.is_gone(item)) {
            *bytes.entry(&item.camera).or_default() += item.bytes;
        }
        for item in free {
            let cap = self.view.keep(item).and_then(|keep| keep.max_bytes);
            let has = bytes.get(&*item.camera).copied().unwrap_or(0);
            if cap.is_some_and(|cap| has > cap) && !self.is_gone(item) {
                self.delete(item, Cause::MaxBytes);
                bytes.insert(&item.camera, has.saturating_sub(item.bytes));
            }
        }
    }

    /// Makes room, and says where there is none to be made because what lies
    /// there must stay.
    fn by_room(&mut self, free: &[&'a Item]) -> BTreeSet<String> {
        let short =
            |rooms: &BTreeMap<String, Room>, name: &str| rooms.get(name).is_some_and(|room| room.room < room.wanted);
        for item in free {
            if short(&self.rooms, &item.volume) && !self.is_gone(item) {
                self.delete(item, Cause::Room);
            }
        }
        let protected = |name: &str| {
            let mut own = self.view.items.iter().filter(|item| item.volume == name && !self.is_gone(item));
            own.any(|item| !item.busy && self.view.is_protected(item))
        };
        let names = self.rooms.keys().filter(|name| short(&self.rooms, name) && protected(name));
        names.cloned().collect()
    }

    fn deleted(&self, free: &[&'a Item]) -> Vec<Action> {
        let finished = self.view.items.iter().filter(|item| item.removed);
        let all = finished.chain(free.iter().copied());
        let action = |item: &Item| {
            let cause = *self.gone.get(&key(item))?;
            Some(Action { item: item.clone(), what: What::Delete, cause })
        };
        all.filter_map(action).collect()
    }

    fn thin(&mut self, free: &[&'a Item]) -> Vec<Action> {
        let mut actions = Vec::new();
        for item in free {
            let Some(keep) = self.view.keep(item).filter(|_| !self.is_gone(item)) else { continue };
            let due = keep
                .thin
                .iter()
                .filter(|thin| item.to_us < self.view.now_us.saturating_sub(i64::from(thin.after_days) * DAY_US));
            let Some(level) = due.map(|thin| Level::from(thin.to)).max() else { continue };
            if level > item.level && self.spend(item) {
                actions.push(Action { item: (*item).clone(), what: What::Thin(level), cause: Cause::Thin });
            }
        }
        actions
    }

    /// Nothing is moved to where it makes other video go.
    fn moves(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        // What is held is moved like all else: it stays.
        let own = self.view.items.iter().filter(|item| !item.busy && !self.is_gone(item));
        let mut all: Vec<&Item> = own.collect();
        all.sort_by_key(|item| (item.from_us, &item.camera, item.id));
        for item in all {
            let Some(keep) = self.view.keep(item) else { continue };
            let tiers = keep.tiers();
            // It has come so far already; nothing goes back.
            let next = tiers.iter().rposition(|tier| tier.volume == item.volume).map_or(0, |at| at + 1);
            let due = tiers[next..].iter().rev().filter(|tier| self.view.is_due(item, tier));
            for tier in due {
                let Some(room) = self.rooms.get_mut(&tier.volume) else { continue };
                if !room.closed && room.room >= room.wanted.saturating_add(item.bytes) {
                    room.room -= item.bytes;
                    let what = What::Move(tier.volume.clone());
                    actions.push(Action { item: item.clone(), what, cause: Cause::Tier });
                    break;
                }
            }
        }
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Thin;

    const NOW: i64 = 1_000 * DAY_US;
    const GB: u64 = 1 << 30;

    /// A part of a GB on `one`, so many hours old.
    fn item(camera: &str, hours: i64) -> Item {
        let hour = u32::try_from(NOW / HOUR_US - hours).expect("a time after 1970");
        let from_us = i64::from(hour) * HOUR_US;
        Item {
            camera: camera.to_owned(),
            id: PartId { hour, part: 0, stream: 0 },
            volume: "one".to_owned(),
            from_us,
            to_us: from_us + HOUR_US,
            bytes: GB,
            busy: false,
            level: Level::Whole,
            removed: false,
        }
    }

    fn view(items: Vec<Item>) -> View {
        let plenty = Room { room: 1000 * GB, wanted: GB, by_age: 1000 * GB, ..Room::default() };
        View {
            now_us: NOW,
            age_rules: true,
            holds: items.iter().map(|item| (item.camera.clone(), Vec::new())).collect(),
            items,
            keeps: BTreeMap::new(),
            volumes: [("one".to_owned(), plenty.clone()), ("two".to_owned(), plenty)].into(),
        }
    }

    /// What is done to whom, in hours of age, with its cause.
    fn told(view: &View) -> Vec<(String, i64, &'static str)> {
        let age = |item: &Item| (view.now_us - item.from_us) / HOUR_US;
        let plan = view.plan();
        plan.actions.iter().map(|a| (a.item.camera.clone(), age(&a.item), a.cause.as_str())).collect()
    }

    fn of(expected: &[(&str, i64, &'static str)]) -> Vec<(String, i64, &'static str)> {
        expected.iter().map(|(camera, age, cause)| ((*camera).to_owned(), *age, *cause)).collect()
    }

    fn kept(view: &mut View, camera: &str, keep: Keep) {
        view.keeps.insert(camera.to_owned(), keep);
    }

    #[test]
    fn age_caps_and_room_take_the_oldest_first() {
        let hours = [1, 30, 50, 80];
        let both = || hours.iter().flat_map(|h| [item("gate", *h), item("yard", h + 1)]).collect::<Vec<_>>();
        let mut days = view(both());
        kept(&mut days, "gate", Keep { max_days: Some(2), ..Keep::default() });
        assert_eq!(told(&days), of(&[("gate", 80, "max_days"), ("gate", 50, "max_days")]));
        days.age_rules = false;
        assert_eq!(told(&days), of(&[]), "the clock is in doubt");

        let mut bytes = view(both());
        kept(&mut bytes, "yard", Keep { max_bytes: Some(2 * GB + 1), ..Keep::default() });
        assert_eq!(told(&bytes), of(&[("yard", 81, "max_bytes"), ("yard", 51, "max_bytes")]));

        let mut room = view(both());
        room.volumes.get_mut("one").expect("a volume").room = 0;
        room.volumes.get_mut("one").expect("a volume").wanted = 3 * GB;
        room.age_rules = false;
        assert_eq!(told(&room), of(&[("yard", 81, "room"), ("gate", 80, "room"), ("yard", 51, "room")]));
        kept(&mut room, "yard", Keep { min_days: 3, ..Keep::default() });
        assert_eq!(told(&room), of(&[("yard", 81, "room"), ("gate", 80, "room"), ("gate", 50, "room")]));
        // What goes by age makes room too.
        room.age_rules = true;
        kept(&mut room, "gate", Keep { max_days: Some(1), ..Keep::default() });
        let expected = [("gate", 80, "max_days"), ("gate", 50, "max_days"), ("gate", 30, "max_days")];
        assert_eq!(told(&room), of(&expected));
    }

    #[test]
    fn holds_ledgers_that_cannot_be_read_and_players_keep_what_they_touch() {
        let mut held = view(vec![item("gate", 80), item("gate", 50), item("yard", 90), item("dock", 95)]);
        let room = held.volumes.get_mut("one").expect("a volume");
        (room.room, room.wanted) = (0, 100 * GB);
        let at = held.items[0].from_us;
        held.holds.insert("gate".to_owned(), vec![Held { stream: WHOLE_CAMERA, from_us: at + 1, to_us: at + 2 }]);
        held.holds.remove("yard");
        held.items[3].busy = true;
        assert_eq!(told(&held), of(&[("gate", 50, "room")]));
        assert_eq!(held.plan().held, ["one".to_owned()].into());
        // A hold on the other stream is none.
        held.holds.insert("gate".to_owned(), vec![Held { stream: 1, from_us: at + 1, to_us: at + 2 }]);
        assert_eq!(told(&held), of(&[("gate", 80, "room"), ("gate", 50, "room")]));
        // Only what is played is left: that is not held.
        held.items.retain(|item| item.camera == "dock");
        assert!(held.plan().held.is_empty() && held.plan().actions.is_empty());
    }

    #[test]
    fn what_was_removed_is_finished_whatever_else_holds() {
        let mut view = view(vec![item("gate", 80)]);
        view.items[0].removed = true;
        view.holds.clear();
        view.age_rules = false;
        assert_eq!(told(&view), of(&[("gate", 80, "finish")]));
    }

    #[test]
    fn age_alone_takes_no_more_than_the_share_of_the_hour() {
        let mut view = view((60..70).map(|hours| item("gate", hours)).collect());
        kept(&mut view, "gate", Keep { max_days: Some(1), ..Keep::default() });
        view.volumes.get_mut("one").expect("a volume").by_age = 2 * GB + 5;
        assert_eq!(told(&view), of(&[("gate", 69, "max_days"), ("gate", 68, "max_days")]));
        let room = view.volumes.get_mut("one").expect("a volume");
        (room.by_age, room.first_by_age) = (GB / 2, true);
        assert_eq!(told(&view), of(&[("gate", 69, "max_days")]), "a part that is more than the share");
    }

    #[test]
    fn the_ladder_takes_the_lowest_step_that_is_due_once() {
        let thin = |after_days, to| Thin { after_days, to };
        let mut view = view([10, 30, 80, 200].map(|hours| item("gate", hours)).into());
        let ladder = vec![thin(1, ThinTo::Events), thin(2, ThinTo::Keys), thin(7, ThinTo::Stills)];
        kept(&mut view, "gate", Keep { thin: ladder, ..Keep::default() });
        view.items[2].level = Level::Keys;
        let plan = view.plan();
        let what: Vec<_> = plan.actions.iter().map(|action| action.what.clone()).collect();
        assert_eq!(what, [What::Thin(Level::Stills), What::Thin(Level::Events)]);
        view.keeps.get_mut("gate").expect("a rule").min_days = 30;
        assert!(view.plan().actions.is_empty(), "the floor keeps whole video");
    }

    #[test]
    fn parts_move_where_there_is_room_and_holds_do_not_stop_that() {
        let mut view = view(vec![item("gate", 80), item("gate", 50), item("gate", 2)]);
        let tier = vec![Tier { after_hours: 24, volume: "two".to_owned() }];
        kept(&mut view, "gate", Keep { tier, min_days: 100, ..Keep::default() });
        assert_eq!(told(&view), of(&[("gate", 80, "tier"), ("gate", 50, "tier")]));
        view.volumes.get_mut("two").expect("a volume").room = 2 * GB;
        assert_eq!(told(&view), of(&[("gate", 80, "tier")]));
        view.items[0].volume = "two".to_owned();
        view.volumes.get_mut("two").expect("a volume").closed = true;
        assert!(told(&view).is_empty());
    }

    /// Numbers that look random and are the same in every run (xorshift).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, end: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % end
        }
    }

    fn any_view(dice: &mut Dice) -> View {
        let cameras = ["gate", "yard", "dock"];
        let mut items = Vec::new();
        for _ in 0..dice.below(60) {
            let mut one = item(cameras[dice.below(3) as usize], dice.below(400) as i64);
            one.id.stream = dice.below(2) as u8;
            one.id.part = items.len() as u16;
            one.volume = ["one", "two"][dice.below(2) as usize].to_owned();
            one.bytes = dice.below(3 * GB);
            one.busy = dice.below(8) == 0;
            one.level = [Level::Whole, Level::Keys][dice.below(2) as usize];
            items.push(one);
        }
        let mut view = view(items);
        view.age_rules = dice.below(4) > 0;
        for camera in cameras {
            let some = |dice: &mut Dice, end| (dice.below(2) == 0).then(|| dice.below(end));
            let keep = Keep {
                min_days: dice.below(12) as u32,
                max_days: some(dice, 15).map(|days| days as u32),
                max_bytes: some(dice, 20 * GB),
                thin: vec![Thin { after_days: dice.below(10) as u32, to: ThinTo::Keys }],
                tier: Vec::new(),
            };
            kept(&mut view, camera, keep);
            let holds = (0..dice.below(3)).map(|_| {
                let from_us = NOW - dice.below(400) as i64 * HOUR_US;
                Held { stream: [0, 1, WHOLE_CAMERA][dice.below(3) as usize], from_us, to_us: from_us + HOUR_US / 2 }
            });
            view.holds.insert(camera.to_owned(), holds.collect());
            if dice.below(10) == 0 {
                view.holds.remove(camera);
            }
        }
        for room in view.volumes.values_mut() {
            (room.room, room.wanted, room.by_age) = (dice.below(9 * GB), dice.below(30 * GB), dice.below(9 * GB));
        }
        view
    }

    #[test]
    fn no_plan_touches_what_is_held_or_under_a_floor_or_in_use() {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let mut touched = 0;
        for _ in 0..3_000 {
            let view = any_view(&mut dice);
            let plan = view.plan();
            let mut seen = BTreeSet::new();
            for action in &plan.actions {
                let item = &action.item;
                let floor = i64::from(view.keeps[&item.camera].min_days) * DAY_US;
                assert!(floor == 0 || item.to_us <= view.now_us - floor, "{action:?} is under the floor");
                let holds = view.holds.get(&item.camera).expect("a ledger that can be read");
                let held = holds.iter().any(|h| {
                    [item.id.stream, WHOLE_CAMERA].contains(&h.stream)
                        && h.from_us < item.to_us
                        && item.from_us < h.to_us
                });
                assert!(!held && !item.busy, "{action:?}");
                assert!(view.age_rules || !action.cause.is_age(), "{action:?}");
                assert!(seen.insert((item.camera.clone(), item.id)), "{action:?} twice");
                touched += 1;
            }
            let order = |cause: fn(&Cause) -> bool| {
                let times = plan.actions.iter().filter(|a| cause(&a.cause)).map(|a| a.item.from_us);
                times.collect::<Vec<_>>()
            };
            assert!(
                order(|cause| *cause == Cause::Room).is_sorted() && order(|cause| *cause == Cause::Thin).is_sorted()
            );
        }
        assert!(touched > 10_000, "{touched} actions are too few to show anything");
    }
}
