//! ffmpeg's `-progress` protocol: blocks of `key=value` lines, each closed by a `progress` line.

use std::time::Duration;

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Frames written to the first video output.
    pub frame: u64,
    /// End of what was written, on the output's clock; zero while ffmpeg does not know.
    pub out_time: Duration,
    /// Media seconds per second of work, when ffmpeg knows.
    pub speed: Option<f64>,
    /// Bytes written to the first output, when ffmpeg knows.
    pub total_size: Option<u64>,
}

impl Progress {
    /// `out_time` in microseconds.
    pub(crate) fn micros(&self) -> u64 {
        u64::try_from(self.out_time.as_micros()).unwrap_or(u64::MAX)
    }

    /// True when anything but the speed has changed since `before`.
    pub(crate) fn moved_since(&self, before: &Self) -> bool {
        (self.frame, self.out_time, self.total_size)
            != (before.frame, before.out_time, before.total_size)
    }
}

/// Puts blocks together from lines.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    block: Progress,
}

impl Parser {
    /// Takes one line; gives the block when this line closed it. Values that are not known (`N/A`)
    /// or not understood leave what the block before said.
    pub(crate) fn line(&mut self, line: &str) -> Option<&Progress> {
        let (key, value) = line.split_once('=')?;
        let value = value.trim();
        match key.trim() {
            "frame" => set(&mut self.block.frame, value.parse().ok()),
            // In ffmpeg 5.1 `out_time_ms` holds microseconds too; this key says what it means.
            "out_time_us" => set(
                &mut self.block.out_time,
                value.parse::<i64>().ok().map(|us| Duration::from_micros(us.max(0).unsigned_abs())),
            ),
            "total_size" => {
                self.block.total_size = value.parse().ok().or(self.block.total_size);
            }
            "speed" => {
                let speed = value.strip_suffix('x').unwrap_or(value).trim().parse().ok();
                self.block.speed = speed.filter(|speed: &f64| speed.is_finite());
            }
            "progress" => return Some(&self.block),
            _ => {}
        }
        None
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn blocks(text: &str) -> Vec<Progress> {
        let mut parser = Parser::default();
        text.lines().filter_map(|line| parser.line(line).cloned()).collect()
    }

    #[test]
    fn recorded_blocks_are_read() {
        let found = blocks(include_str!("../testdata/progress.txt"));
        let last = found.last().unwrap();
        assert_eq!(found.len(), 4);
        assert_eq!((last.frame, last.out_time), (30, Duration::from_millis(1200)));
        assert_eq!(found[0].speed, None);
        assert_eq!((last.speed, last.total_size), (Some(0.994), None));
    }

    #[test]
    fn unknown_values_keep_the_last_known_ones() {
        let found = blocks(
            "frame=5\nout_time_us=40\ntotal_size=48\nprogress=continue\n\
             frame=5\nout_time_us=N/A\ntotal_size=N/A\nspeed= 2.5x\nprogress=end\n",
        );
        assert!(!found[1].moved_since(&found[0]));
        assert_eq!((found[1].total_size, found[1].speed), (Some(48), Some(2.5)));
    }

    #[test]
    fn time_before_zero_is_zero() {
        let found = blocks("out_time_us=-21000\nprogress=continue\n");
        assert_eq!(found[0].out_time, Duration::ZERO);
    }

    proptest! {
        #[test]
        fn hostile_progress_is_no_number_or_one(
            lines in vec(
                r"(frame|out_time_us|out_time_ms|out_time|progress|total_size|speed|fps|dup_frames|drop_frames)?=?(-?[0-9]{0,22}(\.[0-9]{0,3}x?)?|N/A|end|continue|.{0,6})",
                0..40,
            ),
        ) {
            let mut reader = Parser::default();
            for line in lines {
                if let Some(progress) = reader.line(&line) {
                    let _ = (progress.micros(), progress.moved_since(&Progress::default()));
                }
            }
        }
    }
}
