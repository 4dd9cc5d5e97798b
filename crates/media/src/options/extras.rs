//! Options for what is made in addition to the ladder.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use utoipa::ToSchema;

use super::{InvalidOption, RUNGS_MAX, RungOption};

/// Longest preview in seconds.
const PREVIEW_SECONDS: std::ops::RangeInclusive<u32> = 1..=600;
/// Seconds between two sprites.
const SPRITE_INTERVAL: std::ops::RangeInclusive<u32> = 1..=600;
/// Width of a sprite in pixels.
const SPRITE_WIDTH: std::ops::RangeInclusive<u32> = 32..=640;

/// Which rungs also become one progressive MP4 file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Mp4Option {
    /// All rungs or none.
    Plain(bool),
    /// The rungs of these names; names that were not made are left out with a warning.
    Rungs(Vec<String>),
}

impl Mp4Option {
    /// True when rung `name` is requested.
    pub fn wants(&self, name: &str) -> bool {
        match self {
            Self::Plain(all) => *all,
            Self::Rungs(names) => names.iter().any(|wanted| wanted == name),
        }
    }

    pub(super) fn validate(&self, path: &str, rungs: &[RungOption]) -> Result<(), InvalidOption> {
        let Self::Rungs(names) = self else { return Ok(()) };
        if names.len() > RUNGS_MAX {
            let reason = format!("names {} rungs; at most {RUNGS_MAX}", names.len());
            return Err(InvalidOption::new(path, reason));
        }
        for (at, name) in names.iter().enumerate() {
            if names.iter().take(at).any(|before| before == name) {
                let reason = format!("`{name}` is there twice");
                return Err(InvalidOption::new(format!("{path}[{at}]"), reason));
            }
            if !rungs.iter().any(|rung| rung.name == *name) {
                let known: Vec<_> = rungs.iter().map(|rung| rung.name.as_str()).collect();
                let reason = format!("`{name}` is not a rung of this video: {}", known.join(", "));
                return Err(InvalidOption::new(format!("{path}[{at}]"), reason));
            }
        }
        Ok(())
    }
}

/// Written by hand because serde's untagged enums lose the path of a wrong item.
impl<'de> Deserialize<'de> for Mp4Option {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Mp4Visitor)
    }
}

struct Mp4Visitor;

impl<'de> Visitor<'de> for Mp4Visitor {
    type Value = Mp4Option;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or a list of rung names")
    }

    fn visit_bool<E>(self, all: bool) -> Result<Mp4Option, E> {
        Ok(Mp4Option::Plain(all))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Mp4Option, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(names)).map(Mp4Option::Rungs)
    }
}

/// A short clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PreviewOption {
    /// Length in seconds, rounded to whole segments.
    #[schema(minimum = 1, maximum = 600, default = 30)]
    pub seconds: u32,
}

impl Default for PreviewOption {
    fn default() -> Self {
        Self { seconds: 30 }
    }
}

impl PreviewOption {
    pub(super) fn validate(self, path: &str) -> Result<(), InvalidOption> {
        within(path, "seconds", self.seconds, PREVIEW_SECONDS)
    }
}

/// Storyboard pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpritesOption {
    /// Seconds between two pictures; by default at least 2, more for longer videos.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 600)]
    pub interval_seconds: Option<u32>,
    /// Width of one picture in pixels; default 160.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 32, maximum = 640)]
    pub width: Option<u32>,
}

impl SpritesOption {
    pub(super) fn validate(self, path: &str) -> Result<(), InvalidOption> {
        self.interval_seconds
            .map_or(Ok(()), |seconds| within(path, "interval_seconds", seconds, SPRITE_INTERVAL))?;
        self.width.map_or(Ok(()), |width| within(path, "width", width, SPRITE_WIDTH))
    }
}

/// Refuses a number outside its range.
fn within(
    path: &str,
    field: &str,
    value: u32,
    range: std::ops::RangeInclusive<u32>,
) -> Result<(), InvalidOption> {
    if range.contains(&value) {
        return Ok(());
    }
    let reason = format!("must be from {} to {}", range.start(), range.end());
    Err(InvalidOption::new(format!("{path}.{field}"), reason))
}
