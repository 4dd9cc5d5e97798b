//! Every packet of the played tracks, folded as it is read: memory does not grow with the text.

use std::time::Duration;

use media::rate::FrameRate;
use media::timeline::{Defects, TimeBase, Timeline, TimelineBuilder};

use tokio::process::ChildStdout;

use super::header::Stream;
use crate::child::movement::Movement;
use crate::failure::judge;
use crate::input::input_args;
use crate::lines::Lines;
use crate::run::{read_log, unreadable};
use crate::{Error, Input, Tools};

/// Packets between two signs of life.
const BEAT: u64 = 1000;

/// Longest wait for the next packet: a file or a store that says nothing this long is stuck.
const STALL: Duration = Duration::from_mins(1);

/// Stamps of sound that go back by more microseconds than this have started again.
const RESTART_US: i64 = 1_000_000;

/// The tracks being read.
pub(super) struct Tracks {
    video: Option<Pictures>,
    audio: Vec<Sound>,
}

/// A sound track being read.
struct Sound {
    stream: u32,
    base: TimeBase,
    packets: u64,
    /// Start of the first packet and end of the last, in ticks.
    span: Option<(i64, i64)>,
    /// Sum of the durations, in ticks.
    sum: i64,
    /// Start of the last packet, in ticks.
    last: Option<i64>,
    /// The stamps went back by more than packets out of order do.
    restarted: bool,
}

/// The picture track being read.
struct Pictures {
    stream: u32,
    builder: TimelineBuilder,
    packets: u64,
    shown: u64,
    /// Packets without presentation time.
    untimed: u64,
    /// A key frame that an edit list hides stands before the first picture shown.
    hidden_key: bool,
    /// When the next packet is due, should it not say.
    due: i64,
}

/// What the packets of the picture track say.
pub(super) struct VideoTrack {
    pub(super) timeline: Option<Timeline>,
    pub(super) defects: Defects,
    pub(super) packets: u64,
}

/// What the packets of a sound track say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AudioTrack {
    pub(super) start_us: i64,
    pub(super) end_us: i64,
    pub(super) packets: u64,
    /// Sum of the durations.
    pub(super) packets_us: i64,
    /// The stamps went back by more than [`RESTART_US`].
    pub(super) restarted: bool,
}

impl Tracks {
    pub(super) fn new(video: Option<&Stream>, audio: &[&Stream]) -> Self {
        let base = |stream: &Stream| parse_base(&stream.time_base);
        Self {
            video: video.map(|stream| Pictures::new(stream.index, base(stream))),
            audio: audio.iter().map(|s| Sound::new(s.index, base(s))).collect(),
        }
    }

    fn push(&mut self, packet: &Packet) {
        if let Some(pictures) = self.video.as_mut().filter(|it| it.stream == packet.stream) {
            pictures.push(packet);
            return;
        }
        if let Some(sound) = self.audio.iter_mut().find(|it| it.stream == packet.stream) {
            sound.push(packet);
        }
    }

    pub(super) fn finish(self, hints: &[FrameRate]) -> (Option<VideoTrack>, Vec<AudioTrack>) {
        let video = self.video.map(|pictures| pictures.finish(hints));
        let audio = self.audio.iter().map(Sound::finish).collect();
        (video, audio)
    }
}

impl Sound {
    fn new(stream: u32, base: TimeBase) -> Self {
        Self { stream, base, packets: 0, span: None, sum: 0, last: None, restarted: false }
    }

    fn push(&mut self, packet: &Packet) {
        self.packets += 1;
        if let Some(start) = packet.pts.filter(|_| !packet.discard) {
            let last = self.last.replace(start).unwrap_or(start);
            self.restarted |= self.base.micros(last.saturating_sub(start)) > RESTART_US;
            self.sum = self.sum.saturating_add(packet.duration.max(0));
            let end = start.saturating_add(packet.duration);
            let (first, last) = self.span.unwrap_or((start, end));
            self.span = Some((first.min(start), last.max(end)));
        }
    }

    fn finish(&self) -> AudioTrack {
        let (start, end) = self.span.unwrap_or_default();
        let (start_us, end_us) = (self.base.micros(start), self.base.micros(end));
        let packets_us = self.base.micros(self.sum);
        AudioTrack {
            start_us,
            end_us,
            packets: self.packets,
            packets_us,
            restarted: self.restarted,
        }
    }
}

impl Pictures {
    fn new(stream: u32, base: TimeBase) -> Self {
        let builder = TimelineBuilder::new(base);
        Self { stream, builder, packets: 0, shown: 0, untimed: 0, hidden_key: false, due: 0 }
    }

    /// A packet that does not say when it is shown (AVI, raw streams) is placed by its decode time,
    /// or else behind the one before it, so that at least count and rate are right.
    fn push(&mut self, packet: &Packet) {
        self.packets += 1;
        // What an edit list hides is in the file but is never shown.
        if packet.discard {
            self.hidden_key |= packet.key && self.shown == 0;
            return;
        }
        self.shown += 1;
        self.untimed += u64::from(packet.pts.is_none());
        let time = packet.pts.or(packet.dts).unwrap_or(self.due);
        self.due = time.saturating_add(packet.duration.max(1));
        self.builder.push(Some(time), packet.duration, packet.key);
    }

    fn finish(self, hints: &[FrameRate]) -> VideoTrack {
        let (timeline, defects) = self.builder.finish(hints);
        let no_leading_key = defects.no_leading_key && !self.hidden_key;
        let defects = Defects { missing: self.untimed, no_leading_key, ..defects };
        VideoTrack { timeline, defects, packets: self.packets }
    }
}

struct Packet {
    stream: u32,
    pts: Option<i64>,
    dts: Option<i64>,
    duration: i64,
    key: bool,
    discard: bool,
}

impl Packet {
    /// Reads `stream|pts|dts|duration|flags`; side data may follow.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('|');
        let stream = fields.next()?.parse().ok()?;
        let pts = fields.next()?.parse().ok();
        let dts = fields.next()?.parse().ok();
        let duration = fields.next()?.parse().unwrap_or(0);
        let flags = fields.next()?;
        let (key, discard) = (flags.contains('K'), flags.contains('D'));
        Some(Self { stream, pts, dts, duration, key, discard })
    }
}

/// Reads every packet; gives the number of errors the demuxer reported.
pub(super) async fn read(
    tools: &Tools,
    input: &Input,
    tracks: &mut Tracks,
    on_packets: &mut (impl FnMut(u64) + Send),
) -> Result<u64, Error> {
    let command = tools
        .ffprobe()
        .args(["-v", "repeat+level+error", "-of", "compact=p=0:nk=1"])
        .args(["-show_entries", "packet=stream_index,pts,dts,duration,flags"])
        .args(input_args(input));
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    let packets = async {
        let mut movement = Movement::of(&child, STALL);
        if let Some(stdout) = stdout {
            follow(&mut movement, stdout, tracks, on_packets).await?;
        }
        movement.wait(child.wait()).await?
    };
    let (status, log) = tokio::try_join!(packets, read_log(stderr))?;
    judge(child.program(), status, &log)?;
    Ok(log.demux_errors)
}

async fn follow(
    movement: &mut Movement,
    pipe: ChildStdout,
    tracks: &mut Tracks,
    on_packets: &mut (impl FnMut(u64) + Send),
) -> Result<(), Error> {
    let (mut lines, mut count) = (Lines::new(pipe), 0);
    loop {
        let line = movement.wait(lines.next()).await?.map_err(unreadable)?;
        let Some(line) = line else { return Ok(()) };
        movement.moved();
        if let Some(packet) = Packet::parse(&line) {
            tracks.push(&packet);
            count += 1;
            if count % BEAT == 0 {
                on_packets(count);
            }
        }
    }
}

fn parse_base(text: &str) -> TimeBase {
    let parts =
        text.split_once('/').and_then(|(num, den)| Some((num.parse().ok()?, den.parse().ok()?)));
    let (num, den) = parts.filter(|&(num, den)| num > 0 && den > 0).unwrap_or((1, 1_000_000));
    TimeBase { num, den }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(lines: &str) -> VideoTrack {
        let mut pictures = Pictures::new(0, TimeBase { num: 1, den: 25 });
        lines.lines().filter_map(Packet::parse).for_each(|packet| pictures.push(&packet));
        pictures.finish(&[])
    }

    #[test]
    fn a_packet_line_is_read_with_or_without_side_data() {
        let packet = Packet::parse("1|-1024|N/A|1024|KD|").unwrap();
        assert_eq!((packet.stream, packet.pts, packet.dts), (1, Some(-1024), None));
        assert!(packet.key && packet.discard && packet.duration == 1024);
        assert!(Packet::parse("").is_none() && Packet::parse("side_data|Skip Samples").is_none());
    }

    #[test]
    fn pictures_without_presentation_time_are_still_counted_and_paced() {
        let avi = fold("0|N/A|0|1|K_\n0|N/A|1|1|__\n0|2|2|1|__\n0|N/A|3|1|__");
        let raw = fold("0|N/A|N/A|1|K_\n0|N/A|N/A|1|__\n0|N/A|N/A|1|__\n0|N/A|N/A|1|__");
        for (track, untimed) in [(avi, 3), (raw, 4)] {
            let timeline = track.timeline.unwrap();
            assert_eq!((timeline.frames, timeline.constant), (4, true));
            assert_eq!(
                (timeline.rate.to_string().as_str(), track.defects.missing),
                ("25", untimed)
            );
        }
    }

    #[test]
    fn what_an_edit_list_hides_counts_as_packet_but_not_as_picture() {
        let track = fold("0|-2|-2|1|KD\n0|-1|-1|1|_D\n0|0|0|1|__\n0|1|1|1|__");
        assert_eq!((track.packets, track.timeline.unwrap().frames), (4, 2));
        assert!(!track.defects.no_leading_key);
        assert!(fold("0|0|0|1|__\n0|1|1|1|K_").defects.no_leading_key);
    }
}
