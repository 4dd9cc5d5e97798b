//! Reads the chapters a container lists.

use std::time::Duration;

use media::chapters::Listed;
use media::source::SourceFacts;
use serde::Deserialize;

use crate::failure::judge_output;
use crate::input::input_args;
use crate::{Error, Input, Tools};

/// Longest a look at the header may take.
const TIMEOUT: Duration = Duration::from_mins(1);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Header {
    chapters: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    start_time: Option<String>,
    end_time: Option<String>,
    tags: Tags,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tags {
    title: Option<String>,
}

/// The chapters of a source on the output's clock, as listed: not sorted, not checked.
pub async fn chapters(
    tools: &Tools,
    input: &Input,
    source: &SourceFacts,
) -> Result<Vec<Listed>, Error> {
    let command = tools
        .ffprobe()
        .args(["-v", "repeat+level+error", "-of", "json", "-show_chapters"])
        .args(input_args(input));
    let output = command.output(TIMEOUT).await?;
    let program = tools.ffprobe.display().to_string();
    judge_output(&program, &output)?;
    let header: Header = serde_json::from_slice(&output.stdout)
        .map_err(|error| Error::Parse { program, detail: error.to_string() })?;
    let zero_us = source.start_us();
    let listed = header.chapters.into_iter().filter_map(|entry| {
        let start_us = micros(entry.start_time.as_deref())? - zero_us;
        let end_us = micros(entry.end_time.as_deref()).map(|end| end - zero_us);
        Some(Listed { start_us, end_us, title: entry.tags.title })
    });
    Ok(listed.collect())
}

#[expect(clippy::cast_possible_truncation, reason = "microseconds of any file fit")]
fn micros(seconds: Option<&str>) -> Option<i64> {
    let seconds: f64 = seconds?.parse().ok()?;
    Some((seconds * 1e6).round() as i64)
}
