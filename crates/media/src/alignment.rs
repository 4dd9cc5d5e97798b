//! Puts decoded sound on the time line of the output: gapless, and of exactly the planned length.
//!
//! Every block of samples says when it is to be heard, and is rarely exact. What is wrong for good is
//! corrected at once: a gap is filled with silence, an overlap is cut. What is wrong for a moment is
//! jitter and is ignored. Slow drift is followed by playing slightly faster or slower. To tell one
//! from the other, four seconds of sound are looked at before the first of them is placed.

mod clock;
mod resampler;

use std::collections::VecDeque;

use clock::{Clock, Verdict};
use resampler::Resampler;

/// Samples given at once beside what a block holds, so that silence of hours takes no memory.
const PIECE: usize = 1 << 16;

/// One sample of the left and the right channel.
pub type Frame = [f32; 2];

/// Samples as they were decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// When the first of them is to be heard, in samples since the output's zero; `None` behind the
    /// block before.
    pub stamp: Option<i64>,
    /// The samples.
    pub frames: Vec<Frame>,
}

/// What was done to the sound, in samples of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Samples decoded, heard or not.
    pub decoded: u64,
    /// Silence before the first sound.
    pub lead: u64,
    /// Silence in gaps.
    pub filled: u64,
    /// Silence behind the last sound.
    pub tail: u64,
    /// Samples cut out because others were to be heard at the same time.
    pub cut: u64,
    /// Samples whose stamps were of no use: they were laid behind what was there.
    pub stray: u64,
    /// Times the stamps went back for good; what followed was laid behind what was there.
    pub restarts: u32,
}

/// Sound being placed.
#[derive(Debug)]
pub struct Alignment {
    clock: Clock,
    end: u64,
    written: u64,
    blocks: VecDeque<Block>,
    /// Samples in `blocks`.
    held: u64,
    /// Samples still to be left out.
    excess: u64,
    /// Samples of silence that come next; `written` counts them already.
    silence: u64,
    /// True when the first block was judged, and waits for silence before it.
    judged: bool,
    /// True when all that comes after the last block is written or owed.
    ended: bool,
    begun: bool,
    resampler: Resampler,
    report: Report,
}

impl Alignment {
    /// Sound of `rate` samples a second that becomes `end` samples long. Without `stamped`, only the
    /// first stamp counts and everything else is laid behind it.
    pub fn new(rate: u32, end: u64, stamped: bool) -> Self {
        Self {
            clock: Clock::new(rate, stamped),
            end,
            written: 0,
            blocks: VecDeque::new(),
            held: 0,
            excess: 0,
            silence: 0,
            judged: false,
            ended: false,
            begun: false,
            resampler: Resampler::new(),
            report: Report::default(),
        }
    }

    /// Takes a block and appends to `out` what can be placed by now, as [`Self::advance`] does.
    pub fn push(&mut self, block: Block, out: &mut Vec<Frame>) {
        let count = block.frames.len() as u64;
        self.report.decoded += count;
        if count == 0 || self.is_full() {
            return;
        }
        self.held += count;
        self.blocks.push_back(block);
        self.advance(out);
    }

    /// Appends what can be placed without a further block, but not much more than 65,536 samples.
    pub fn advance(&mut self, out: &mut Vec<Frame>) {
        let most = out.len() + PIECE;
        while out.len() < most && self.owes() {
            if !self.rest(most, out) {
                self.place(false, out);
            }
        }
    }

    /// True while [`Self::advance`] has something to append.
    pub fn owes(&self) -> bool {
        self.silence > 0 || (self.held > self.clock.lookahead() && !self.is_full())
    }

    /// Appends what is left, and silence up to the end, in pieces as [`Self::advance`] does; called
    /// again until it gives the report.
    pub fn finish(&mut self, out: &mut Vec<Frame>) -> Option<Report> {
        let most = out.len() + PIECE;
        while out.len() < most {
            if self.rest(most, out) {
                continue;
            }
            if self.ended {
                return Some(self.report);
            }
            if self.blocks.is_empty() || self.is_full() {
                let room = self.end - self.written;
                self.written += within(room, out, |out| self.resampler.flush(out));
                self.report.tail = self.end - self.written;
                self.silence = self.report.tail;
                self.ended = true;
            } else {
                self.place(true, out);
            }
        }
        None
    }

    /// Appends silence that is owed, until `out` has `most` samples; false when there is none.
    fn rest(&mut self, most: usize, out: &mut Vec<Frame>) -> bool {
        let now = self.silence.min(most.saturating_sub(out.len()) as u64);
        out.resize(out.len() + length(now), [0.0; 2]);
        self.silence -= now;
        now > 0
    }

    /// True when the planned length is reached: nothing that follows will be heard.
    pub fn is_full(&self) -> bool {
        self.written >= self.end
    }

    /// Places the first block, or owes the silence before it.
    fn place(&mut self, ending: bool, out: &mut Vec<Frame>) {
        if self.excess == 0 && !std::mem::take(&mut self.judged) {
            match self.clock.judge(&self.blocks, ending) {
                Verdict::InStep => {}
                Verdict::Stray => {
                    self.report.stray += self.blocks.front().map_or(0, |it| it.frames.len() as u64);
                }
                Verdict::Late(gap) => {
                    self.fill(gap, out);
                    if self.silence > 0 {
                        self.judged = true;
                        return;
                    }
                }
                Verdict::Early(excess) => self.excess = excess,
                Verdict::Restarted => self.report.restarts += 1,
            }
        }
        let Some(block) = self.blocks.pop_front() else { return };
        let count = block.frames.len() as u64;
        self.held -= count;
        let cut = self.excess.min(count);
        self.excess -= cut;
        // What lies before the output's zero is not heard, but nothing takes its place either.
        self.report.cut += if self.begun { cut } else { 0 };
        self.begun |= cut < count;
        let heard = block.frames.get(length(cut)..).unwrap_or_default();
        let stretch = self.clock.played(count - cut);
        let play = |out: &mut Vec<Frame>| self.resampler.push(heard, stretch, out);
        self.written += within(self.end - self.written, out, play);
    }

    /// Owes silence of `gap` samples behind everything placed so far.
    fn fill(&mut self, gap: u64, out: &mut Vec<Frame>) {
        self.written += within(self.end - self.written, out, |out| self.resampler.flush(out));
        let gap = gap.min(self.end - self.written);
        let of = if self.begun { &mut self.report.filled } else { &mut self.report.lead };
        *of += gap;
        self.written += gap;
        self.silence = gap;
        self.clock.stands_at(self.written);
    }
}

/// Lets `play` append to `out`, cuts that to `room` samples, and gives how many they are.
fn within(room: u64, out: &mut Vec<Frame>, play: impl FnOnce(&mut Vec<Frame>)) -> u64 {
    let before = out.len();
    play(out);
    out.truncate(before + (out.len() - before).min(length(room)));
    (out.len() - before) as u64
}

fn length(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
