//! A track as it is decoded: blocks of samples, each with its time.
//!
//! Samples come through one pipe and their times through another, in the same order: `ashowinfo`
//! reports a block before it goes on. Both are read at once, so that neither can block the other.

use std::collections::VecDeque;
use std::time::Duration;

use media::alignment::{Block, Frame};
use media::source::AudioFacts;
use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStderr, ChildStdout};

use crate::args::{PLACED, SOURCE};
use crate::child::movement::Movement;
use crate::lines::Lines;
use crate::log::{Line, Log};
use crate::run::{NICE, unreadable};
use crate::{Child, Error, Input, Tools, args};

/// Longest wait for the next samples.
const STALL: Duration = Duration::from_secs(30);
/// Bytes read at once.
const BUFFER: usize = 64 << 10;
/// Bytes held at most before their times are known, or the block that they belong to is whole.
const BYTES_MAX: usize = 1 << 20;
/// Highest level that is passed on, where 1 is full scale: files of floats may hold anything, and the
/// encoder of AAC gives up at what is no number or far too large.
const LOUDEST: f32 = 16.0;
/// Bytes of one sample of both channels.
const FRAME: usize = 8;

/// A track being decoded.
#[derive(Debug)]
pub(super) struct Blocks {
    child: Child,
    movement: Movement,
    pipes: Pipes,
}

/// What a decoder says through its two pipes.
#[derive(Debug)]
struct Pipes {
    stdout: Option<ChildStdout>,
    stderr: Option<Lines<ChildStderr>>,
    log: Log,
    bytes: Vec<u8>,
    times: VecDeque<Time>,
    /// Channels of the sound as it is coded.
    channels: u32,
}

/// What is known of a block before its samples are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Time {
    stamp: Option<i64>,
    frames: usize,
    /// Channels it was coded with.
    channels: u32,
}

impl Blocks {
    /// Starts to decode.
    pub(super) fn start(
        tools: &Tools,
        input: &Input,
        facts: &AudioFacts,
        rate: u32,
    ) -> Result<Self, Error> {
        let command = tools.ffmpeg().args(args::samples(input, facts, rate));
        let mut child = command.nice(NICE).spawn()?;
        let (stdout, stderr) = (child.take_stdout(), child.take_stderr().map(Lines::new));
        let pipes = Pipes {
            stdout,
            stderr,
            log: Log::default(),
            bytes: Vec::new(),
            times: VecDeque::new(),
            channels: facts.channels,
        };
        Ok(Self { movement: Movement::of(&child, STALL), child, pipes })
    }

    /// The next block, or `None` at the end of the track. Its stamp is on the file's own clock.
    pub(super) async fn next(&mut self) -> Result<Option<Block>, Error> {
        loop {
            if let Some(block) = self.pipes.take() {
                return Ok(Some(block));
            }
            if self.pipes.stdout.is_none() && self.pipes.stderr.is_none() {
                self.ended().await?;
                return Ok(None);
            }
            // Whoever takes the samples may have been busy for long, with the silence between them.
            self.movement.moved();
            self.movement.wait(self.pipes.read()).await??;
        }
    }

    /// Errors that the container's reader and the decoder reported so far.
    pub(super) fn errors(&self) -> u64 {
        self.pipes.log.demux_errors + self.pipes.log.decode_errors
    }

    /// Judges how decoding ended.
    async fn ended(&mut self) -> Result<(), Error> {
        let status = self.movement.wait(self.child.wait()).await??;
        self.child.judge(status, &self.pipes.log)?;
        if !self.pipes.times.is_empty() || !self.pipes.bytes.is_empty() {
            let detail = format!("{} bytes of sound without a time", self.pipes.bytes.len());
            return Err(Error::Parse { program: self.child.program().to_owned(), detail });
        }
        Ok(())
    }
}

impl Pipes {
    /// The first block whose samples are all there.
    fn take(&mut self) -> Option<Block> {
        let time = *self.times.front()?;
        let count = time.frames * FRAME;
        let bytes = self.bytes.get(..count)?;
        // swresample puts one channel on both sides at -3 dB.
        let gain = if time.channels == 1 { std::f32::consts::SQRT_2 } else { 1.0 };
        let frame = |bytes: &[u8; FRAME]| -> Frame {
            let (left, right) = (bytes[..4].as_array(), bytes[4..].as_array());
            let level = |side: Option<&[u8; 4]>| {
                let level = f32::from_le_bytes(*side.unwrap_or(&[0; 4])) * gain;
                if level.is_finite() { level.clamp(-LOUDEST, LOUDEST) } else { 0.0 }
            };
            [level(left), level(right)]
        };
        let frames = bytes.as_chunks::<FRAME>().0.iter().map(frame).collect();
        self.bytes.drain(..count);
        self.times.pop_front();
        Some(Block { stamp: time.stamp, frames })
    }

    /// Reads some of either pipe.
    async fn read(&mut self) -> Result<(), Error> {
        // A block of lossless sound may be longer than that: 65535 samples at 8 kHz are 3 MB here.
        let wanted = self.times.front().map_or(0, |time| time.frames * FRAME);
        let room = self.bytes.len() < BYTES_MAX.max(wanted) || self.stderr.is_none();
        let samples = async {
            match &mut self.stdout {
                Some(pipe) => {
                    self.bytes.reserve(BUFFER);
                    pipe.read_buf(&mut self.bytes).await
                }
                None => std::future::pending().await,
            }
        };
        let line = async {
            match &mut self.stderr {
                Some(lines) => {
                    lines.next().await.map(|line| line.map(std::borrow::Cow::into_owned))
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = samples, if room => {
                if read.map_err(unreadable)? == 0 {
                    self.stdout = None;
                }
            }
            line = line => match line.map_err(unreadable)? {
                Some(line) => self.line(&line),
                None => self.stderr = None,
            },
        }
        Ok(())
    }

    fn line(&mut self, text: &str) {
        let line = Line::parse(text);
        match line.context {
            Some(SOURCE) => {
                self.channels = field(line.message, "channels").unwrap_or(self.channels);
            }
            Some(PLACED) => {
                if let Some(frames) = field(line.message, "nb_samples") {
                    let stamp = field(line.message, "pts");
                    self.times.push_back(Time { stamp, frames, channels: self.channels });
                }
            }
            _ => self.log.push(text),
        }
    }
}

/// A number in `n:12 pts:474112 pts_time:9.87733 … nb_samples:1024 …`; side data says other things.
fn field<T: std::str::FromStr>(message: &str, name: &str) -> Option<T> {
    if !message.starts_with("n:") {
        return None;
    }
    let mut fields = message.split_ascii_whitespace().filter_map(|field| field.split_once(':'));
    fields.find(|(key, _)| *key == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let text = "n:464 pts:475136 pts_time:9.89867 pos:675484 fmt:fltp channels:2 \
                    chlayout:stereo rate:48000 nb_samples:1024 checksum:5B19A91C";
        assert_eq!(field(text, "pts"), Some(475_136_i64));
        assert_eq!(field(text, "nb_samples"), Some(1024_usize));
        assert_eq!(field::<i64>(&text.replace("pts:475136", "pts:NOPTS"), "pts"), None);
        assert_eq!(field::<u32>("  side data - downmix: channels:6", "channels"), None);
    }
}
