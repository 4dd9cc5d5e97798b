//! Whether the picture keeps its shape: size, sample aspect and pixel format of every key frame.
//!
//! A stream changes its parameters at key frames only, and no container has to say so: the header
//! only describes the first. So the key frames are decoded, as far as their shape needs it.

use std::time::Duration;

use super::header::Stream;
use crate::child::movement::Movement;
use crate::input::input_args;
use crate::lines::Lines;
use crate::run::{read_log, unreadable};
use crate::{Error, Input, Tools};

/// Longest standstill on the way to the next key frame.
const STALL: Duration = Duration::from_secs(30);
/// Key frames this close together cost as much as decoding everything.
const CLOSE: u64 = 4;
/// Codecs in which pictures say for themselves what shape they have. Those of the others that hold key
/// frames close together are described by the container.
const SELF_DESCRIBED: [&str; 12] = [
    "h264",
    "hevc",
    "vvc",
    "av1",
    "vp8",
    "vp9",
    "vc1",
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "mjpeg",
    "h263",
];

/// Width, height, pixel format, sample aspect.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape(u32, u32, String, String);

impl Shape {
    /// Reads `width|height|pix_fmt|sample_aspect_ratio`; side data may follow.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('|');
        let (width, height) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let form = fields.next()?.to_owned();
        // What is not said is square.
        let aspect = fields.next().filter(|text| !matches!(*text, "N/A" | "0:1" | ""));
        Some(Self(width, height, form, aspect.unwrap_or("1:1").to_owned()))
    }
}

/// True when the shape of the picture changes within the track `stream`. A track that cannot be
/// decoded has no shape to change.
pub(super) async fn change(
    tools: &Tools,
    input: &Input,
    stream: &Stream,
    key_interval_max: u64,
) -> Result<bool, Error> {
    let describes_itself = |codec: &String| SELF_DESCRIBED.contains(&codec.as_str());
    if key_interval_max < CLOSE && !stream.codec_name.as_ref().is_some_and(describes_itself) {
        return Ok(false);
    }
    let command = tools
        .ffprobe()
        .args(["-v", "repeat+level+error", "-of", "compact=p=0:nk=1", "-threads", "1"])
        .args(["-select_streams".to_owned(), stream.index.to_string()])
        // Only the headers of a picture matter.
        .args(["-skip_frame", "nokey", "-skip_loop_filter", "all", "-skip_idct", "all"])
        .args(["-show_entries", "frame=width,height,pix_fmt,sample_aspect_ratio"])
        .args(input_args(input));
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    let shapes = async {
        let mut movement = Movement::of(&child, STALL);
        let (mut first, mut changed) = (None, false);
        if let Some(stdout) = stdout {
            let mut lines = Lines::new(stdout);
            while let Some(line) = movement.wait(lines.next()).await?.map_err(unreadable)? {
                movement.moved();
                let Some(shape) = Shape::parse(&line) else { continue };
                changed |= *first.get_or_insert_with(|| shape.clone()) != shape;
            }
        }
        movement.wait(child.wait()).await??;
        Ok(changed)
    };
    let (changed, _) = tokio::try_join!(shapes, read_log(stderr))?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_read_with_or_without_side_data() {
        let shape = |line: &str| Shape::parse(line).unwrap();
        assert_eq!(shape("640|360|yuv420p|N/A|"), shape("640|360|yuv420p|1:1"));
        assert_ne!(shape("720|576|yuv420p|16:15|"), shape("720|576|yuv420p|64:45|"));
        assert_ne!(shape("640|360|yuv420p|1:1"), shape("640|360|yuv420p10le|1:1"));
        assert!(Shape::parse("").is_none() && Shape::parse("H.26[45] User Data").is_none());
    }
}
