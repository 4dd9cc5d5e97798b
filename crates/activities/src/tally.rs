//! Counts the failures of one call over all its tries, and decides when to give up.
//!
//! The count travels in the heartbeats: Temporal hands the last one of a try to the next, also when
//! the worker died. Failures of the work are few; a child that somebody killed, or a store that is being
//! restarted, says nothing about the work and is tried again far longer. A lost worker is not counted here at all: Temporal does it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a failure is attributed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The work: another try will most likely end the same way.
    Work,
    /// Something outside killed a child.
    Killer,
    /// The memory of the machine.
    Memory,
    /// The memory that a child is given: it needs less with one thread, and no less ever after.
    Allowance,
    /// The machine: a program is missing, or a disk is full.
    Machine,
    /// The store or the catalogue, which does not answer.
    Service,
}

/// Times that children of one call may be killed from outside. Ten in a row can happen during
/// deployments; this many, over two minutes, mean that the machine always kills them.
const KILLS_MAX: u32 = 40;
/// Times that one call may run out of memory. From the second on it encodes with one thread, and the
/// pauses between them, five minutes in all, let what runs beside it end.
const MEMORY_MAX: u32 = 8;

/// Times that one call may need more memory than a child is given: the second is with one thread.
const ALLOWANCE_MAX: u32 = 2;

/// Times that one call may meet a machine that cannot do its work, over three minutes in which another
/// may take it. Such a machine stops taking work (`fitness`), so few calls meet it twice.
const MACHINE_MAX: u32 = 8;

/// Times that one call may find the store or the catalogue away, over ten minutes: a restart or a failover
/// takes less, and an operator who is called has a chance. A call whose work may fail without limit has none
/// here either.
const SERVICE_MAX: u32 = 24;

/// First pause, which doubles with every failure of the kind, and the longest.
const PAUSES: [(Blame, Duration, Duration); 6] = [
    (Blame::Work, Duration::from_secs(1), Duration::from_mins(1)),
    (Blame::Killer, Duration::from_millis(250), Duration::from_secs(3)),
    (Blame::Memory, Duration::from_secs(2), Duration::from_mins(1)),
    (Blame::Allowance, Duration::from_secs(1), Duration::from_mins(1)),
    (Blame::Machine, Duration::from_secs(5), Duration::from_mins(1)),
    (Blame::Service, Duration::from_secs(1), Duration::from_secs(30)),
];

/// Failures of one call so far, by what they say something about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tally {
    work: u32,
    kills: u32,
    memory: u32,
    allowance: u32,
    machine: u32,
    service: u32,
    /// Times that it was handed back to let another tenant go first: no failures, but tries.
    turns: u32,
}

/// What comes after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another try, after a pause.
    Again(Duration),
    /// No more tries: there were so many failures of this kind.
    Enough(u32),
    /// No more tries: another cannot end differently.
    Hopeless,
}

impl Tally {
    /// True when memory ran out in an earlier try.
    pub(crate) fn short_of_memory(self) -> bool {
        self.memory > 0 || self.allowance > 0
    }

    /// Notes that the call was handed back for another tenant.
    pub(crate) fn pass(&mut self) {
        self.turns = self.turns.saturating_add(1);
    }

    /// How many of the tries really began the work.
    pub(crate) fn in_earnest(self, tries: u32) -> u32 {
        tries.saturating_sub(self.turns)
    }

    /// Adds a failure that another try may avoid; `work_max` is the limit of failures of the work.
    pub(crate) fn count(&mut self, blame: Blame, work_max: u32) -> Verdict {
        let (counter, max) = match blame {
            Blame::Work => (&mut self.work, work_max),
            Blame::Killer => (&mut self.kills, KILLS_MAX),
            Blame::Memory => (&mut self.memory, MEMORY_MAX),
            Blame::Allowance => (&mut self.allowance, ALLOWANCE_MAX),
            Blame::Machine => (&mut self.machine, MACHINE_MAX),
            Blame::Service => (&mut self.service, SERVICE_MAX.max(work_max)),
        };
        *counter = counter.saturating_add(1);
        if *counter >= max { Verdict::Enough(*counter) } else { again(blame, *counter) }
    }
}

fn again(blame: Blame, failures: u32) -> Verdict {
    let of_kind = PAUSES.into_iter().find(|row| row.0 == blame);
    let (_, first, longest) = of_kind.expect("every kind has a row");
    let doubled = first.saturating_mul(1_u32.checked_shl(failures - 1).unwrap_or(u32::MAX));
    Verdict::Again(doubled.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses of one kind of failure until it is enough.
    fn pauses(blame: Blame, work_max: u32) -> (Vec<f64>, u32) {
        let mut tally = Tally::default();
        let mut pauses = Vec::new();
        loop {
            match tally.count(blame, work_max) {
                Verdict::Again(pause) => pauses.push(pause.as_secs_f64()),
                Verdict::Enough(failures) => return (pauses, failures),
                Verdict::Hopeless => unreachable!("it was not asked"),
            }
        }
    }

    #[test]
    fn the_work_may_fail_a_few_times() {
        assert_eq!(pauses(Blame::Work, 3), (vec![1.0, 2.0], 3));
        assert_eq!(pauses(Blame::Work, 2), (vec![1.0], 2));
    }

    #[test]
    fn ten_kills_in_a_row_cost_half_a_minute_and_no_failure() {
        let (pauses, failures) = pauses(Blame::Killer, 2);
        assert_eq!(failures, KILLS_MAX);
        assert!(pauses[..10].iter().sum::<f64>() < 30.0, "{pauses:?}");
        assert!(pauses.iter().sum::<f64>() < 150.0, "{pauses:?}");
    }

    #[test]
    fn memory_gets_time_to_come_back() {
        let (pauses, failures) = pauses(Blame::Memory, 3);
        assert_eq!(failures, MEMORY_MAX);
        assert!((180.0..600.0).contains(&pauses.iter().sum()), "{pauses:?}");
    }

    #[test]
    fn more_memory_than_a_child_is_given_is_needed_twice_at_most() {
        assert_eq!(pauses(Blame::Allowance, 5), (vec![1.0], 2));
        let mut tally = Tally::default();
        tally.count(Blame::Allowance, 5);
        assert!(tally.short_of_memory());
    }

    #[test]
    fn a_service_may_be_away_for_ten_minutes() {
        let (pauses, failures) = pauses(Blame::Service, 2);
        assert_eq!(failures, SERVICE_MAX);
        // It is found again soon after a short absence.
        assert!(pauses[..4].iter().all(|pause| *pause <= 8.0), "{pauses:?}");
        assert!((540.0..660.0).contains(&pauses.iter().sum()), "{pauses:?}");
        let mut unlimited = Tally { service: 5000, ..Tally::default() };
        let pause = Duration::from_secs(30);
        assert_eq!(unlimited.count(Blame::Service, u32::MAX), Verdict::Again(pause));
    }

    #[test]
    fn kinds_are_counted_apart() {
        let mut tally = Tally::default();
        for _ in 0..10 {
            assert!(matches!(tally.count(Blame::Killer, 3), Verdict::Again(_)));
        }
        assert!(matches!(tally.count(Blame::Work, 3), Verdict::Again(_)));
        assert!(matches!(tally.count(Blame::Work, 3), Verdict::Again(_)));
        assert_eq!(tally.count(Blame::Work, 3), Verdict::Enough(3));
        assert!(!tally.short_of_memory());
    }

    #[test]
    fn a_call_without_limit_pauses_a_minute_at_most() {
        let mut tally = Tally { work: u32::MAX - 1, ..Tally::default() };
        assert_eq!(tally.count(Blame::Work, u32::MAX), Verdict::Enough(u32::MAX));
        let mut tally = Tally { work: 100, ..Tally::default() };
        let pause = Duration::from_mins(1);
        assert_eq!(tally.count(Blame::Work, u32::MAX), Verdict::Again(pause));
    }
}
