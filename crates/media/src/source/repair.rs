//! What is said of a source that made no sense, or of which something is missing.

use serde::{Deserialize, Serialize};

/// Something about a source that made no sense and is put right, for the video's `warnings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// Clocks restarted; what was recorded by each follows the one before.
    EpochsJoined {
        /// How often a clock restarted.
        count: u64,
        /// Where, in microseconds from the start; the first eight.
        places_us: Vec<i64>,
    },
    /// Packets whose stamps are far from those of their neighbours were put beside these.
    StraysPlaced {
        /// How many.
        packets: u64,
    },
    /// Programmes with other streams follow the first; the first sound of each is heard.
    ProgrammesJoined {
        /// How many follow.
        count: u64,
    },
    /// Sound is missing for more than a second at once; there is silence in its place.
    SoundMissing {
        /// How often.
        count: u64,
        /// For how long in all, in microseconds.
        missing_us: u64,
        /// Where, in microseconds from the start; the first eight.
        places_us: Vec<i64>,
        /// True when pictures are missing there too: the one before is shown.
        pictures: bool,
    },
    /// The file is shorter than its header says.
    CutShort {
        /// Microseconds that the header promises.
        promised_us: u64,
        /// Microseconds that the file holds.
        held_us: u64,
    },
    /// Tracks that begin too late in the file to be found by ffmpeg are left out.
    TracksUnread {
        /// How many.
        tracks: u64,
    },
    /// A sample aspect ratio that no picture has was taken as 1:1.
    AspectIgnored {
        /// Width of a sample.
        num: u32,
        /// Height of a sample.
        den: u32,
    },
}

impl Repair {
    /// True when it is about stamps: in a file whose stamps were put right there is none.
    pub fn is_of_clocks(&self) -> bool {
        matches!(
            self,
            Self::EpochsJoined { .. } | Self::StraysPlaced { .. } | Self::ProgrammesJoined { .. }
        )
    }
}

impl std::fmt::Display for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EpochsJoined { count, places_us } => {
                write!(
                    f,
                    "the clock of the source restarts {}; its parts follow each other, \
                     joined at {}",
                    times(*count),
                    places(*count, places_us)
                )
            }
            Self::SoundMissing { count, missing_us, places_us, pictures } => write!(
                f,
                "{} missing for {:.1} s in all, from {} on",
                if *pictures { "picture and sound are" } else { "the sound is" },
                *missing_us as f64 / 1e6,
                places(*count, places_us)
            ),
            Self::CutShort { promised_us, held_us } => write!(
                f,
                "the source is cut short: its header promises {:.1} s, the file holds {:.1} s",
                *promised_us as f64 / 1e6,
                *held_us as f64 / 1e6
            ),
            Self::ProgrammesJoined { count } => write!(
                f,
                "the source changes to other streams {}; its parts follow each other, each with its \
                 first sound",
                times(*count)
            ),
            Self::AspectIgnored { num, den } => write!(
                f,
                "the source states samples of {num}:{den}, which no picture has; they were taken \
                 as square"
            ),
            Self::TracksUnread { tracks } => write!(
                f,
                "tracks of picture or sound that begin behind the first 256 MiB of the file were left \
                 out: {tracks}"
            ),
            Self::StraysPlaced { packets } => write!(
                f,
                "packets with time stamps far from those of their neighbours were put beside these, \
                 and the stamps left out: {packets}"
            ),
        }
    }
}

/// Places in seconds, and whether there are more than these.
fn places(count: u64, places_us: &[i64]) -> String {
    let places: Vec<String> =
        places_us.iter().map(|&us| format!("{:.1} s", us as f64 / 1e6)).collect();
    let more = if count > places_us.len() as u64 { ", …" } else { "" };
    places.join(", ") + more
}

/// How often, in words.
fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_in_seconds() {
        let missing = |count, pictures| {
            let places_us = vec![8_040_000, 12_000_000];
            Repair::SoundMissing { count, missing_us: 4_000_000, places_us, pictures }.to_string()
        };
        assert_eq!(
            missing(2, false),
            "the sound is missing for 4.0 s in all, from 8.0 s, 12.0 s on"
        );
        assert!(missing(3, true).starts_with("picture and sound are missing"));
        assert!(missing(3, true).ends_with("12.0 s, … on"));
        let cut = Repair::CutShort { promised_us: 10_040_000, held_us: 6_000_000 }.to_string();
        assert!(cut.contains("promises 10.0 s, the file holds 6.0 s"), "{cut}");
        let joined = Repair::EpochsJoined { count: 1, places_us: vec![5_000_000] }.to_string();
        assert!(joined.contains("restarts once; its parts follow each other, joined at 5.0 s"));
    }
}
