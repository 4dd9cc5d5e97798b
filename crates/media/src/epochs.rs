//! Clocks that restart, and stray stamps, as recorders, splices and damaged packets leave them.
//!
//! The stamps of each track fold into runs that advance. Runs of all tracks that share a clock are an
//! epoch; epochs are laid end to end, sound with its picture. A run of one or a few packets beside
//! the run of their neighbours, or of packets that all bear one stamp, says nothing about time: its
//! packets are placed by their position in the file.

mod lay;
mod runs;

pub use lay::{Laid, lay};
pub use runs::{Run, Runs};

/// New stamps for packets `from..to` of a track, counted in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    /// First packet.
    pub from: u64,
    /// First packet behind.
    pub to: u64,
    /// What becomes of their stamps.
    pub stamps: Stamps,
}

/// What becomes of stamps, in ticks of the track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// All move by so much.
    Moved(i64),
    /// Packet `from + i` is stamped `first + i · step`.
    Counted {
        /// Stamp of the first.
        first: i64,
        /// From one to the next.
        step: Step,
    },
}

/// The mean distance of packets, exact: one of 21⅓ ms that is counted as 21 is two frames of a film
/// early after four seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Ticks in which `packets` pass.
    pub ticks: i64,
    /// At least 1.
    pub packets: i64,
}

impl Step {
    /// Ticks in which `count` packets pass, to the nearest.
    pub fn times(self, count: i64) -> i64 {
        let (above, below) = (i128::from(self.ticks) * i128::from(count), i128::from(self.packets));
        i64::try_from((2 * above + below).div_euclid(2 * below)).unwrap_or(i64::MAX)
    }
}

impl Stamps {
    /// True when the stamps there are play no part.
    pub fn is_counted(&self) -> bool {
        matches!(self, Self::Counted { .. })
    }
}

impl Correction {
    /// The new stamp of packet `index`, which must be one of these.
    pub fn apply(&self, index: u64, stamp: i64) -> i64 {
        match self.stamps {
            Stamps::Moved(by) => stamp + by,
            Stamps::Counted { first, step } => {
                first + step.times(i64::try_from(index - self.from).unwrap_or(0))
            }
        }
    }
}

#[cfg(test)]
mod tests;
