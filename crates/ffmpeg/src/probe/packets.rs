//! Every packet of the played tracks, folded as it is read: memory does not grow with the text.

use std::collections::BTreeMap;
use std::time::Duration;

use media::epochs::{Correction, Laid, Runs, Stamps, lay};
use media::rate::FrameRate;
use media::timeline::{Defects, TimeBase, Timeline, TimelineBuilder};

use tokio::process::ChildStdout;

use super::header::Stream;
use crate::child::movement::Movement;
use crate::input::input_args;
use crate::lines::Lines;
use crate::run::{read_log, unreadable};
use crate::{Error, Input, Tools};

/// What is read of each packet.
const ENTRIES: &str = "packet=stream_index,pts,dts,duration,flags:packet_side_data=side_data_type";
/// Side data of a packet that has to be decrypted, as ffprobe names it.
const ENCRYPTED: &str = "Encryption info";

/// Packets between two signs of life.
const BEAT: u64 = 1000;

/// Longest wait for the next packet: a file or a store that says nothing this long is stuck.
const STALL: Duration = Duration::from_mins(1);

/// Stamps of sound that go back by more microseconds than this have started again.
const RESTART_US: i64 = 1_000_000;
/// Sound is missing where the next packet comes later by more microseconds than this.
const GAP_US: i64 = 1_000_000;
/// Gaps whose places are told at most.
const GAPS_TOLD: usize = 8;
/// Containers whose clocks may restart (`AVFMT_TS_DISCONT` of libavformat).
const RESTARTING: [&str; 6] = ["mpegts", "mpeg", "flv", "live_flv", "ogg", "wtv"];
/// Steps back in seconds that are no restart: what ffmpeg allows such clocks (ffmpeg.c), and what
/// stamps of arrival, or presentation times where there are no others, may go back.
const BACK: (f64, f64) = (0.1, 1.0);

/// How long after it is decoded a picture is shown, in microseconds: 16 pictures of H.264 at the most
/// (A.3.1), and offsets of old MOV files may be negative.
const DELAY_US: std::ops::Range<i64> = -2_000_000..20_000_000;

/// How a container keeps time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    restarts: bool,
    /// True when decode times are libavformat's guess from presentation times.
    guessed: bool,
}

impl Clock {
    pub(super) fn of(container: &str) -> Self {
        let is = |name: &str| container.split(',').any(|it| it == name);
        Self { restarts: RESTARTING.iter().any(|name| is(name)), guessed: is("matroska") }
    }

    /// Runs of pictures, or of sound. The decode times of pictures never go back in a healthy stream.
    fn runs(self, base: TimeBase, pictures: bool) -> Runs {
        let back = if self.restarts { BACK.0 } else { BACK.1 };
        Runs::new(base, if self.restarts && pictures { 0.0 } else { back })
    }
}

/// The tracks being read.
pub(super) struct Tracks {
    video: Vec<Pictures>,
    audio: Vec<Sound>,
    /// For each track of pictures, which sound is of the same programme.
    together: Vec<Vec<bool>>,
    /// Packets of each other stream.
    others: BTreeMap<u32, u32>,
    clock: Clock,
    read: u64,
}

/// What the tracks say, picture first, and what has to be done to their stamps.
pub(super) struct Found {
    pub(super) video: Option<VideoTrack>,
    pub(super) audio: Vec<AudioTrack>,
    pub(super) laid: Laid,
}

/// A sound track being read.
struct Sound {
    stream: u32,
    packets: u64,
    /// Start of the first packet and end of the last, in ticks, with the stamps they have.
    span: Option<(i64, i64)>,
    /// Sum of the durations, in ticks.
    sum: i64,
    /// Start of the last packet, in ticks.
    last: Option<i64>,
    /// The stamps went back by more than packets out of order do.
    restarted: bool,
    gaps: Gaps,
    runs: Runs,
}

/// Where sound is missing between two packets, in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gaps {
    /// How often.
    pub(super) count: u64,
    /// For how long in all.
    pub(super) us: i64,
    /// The first of them.
    pub(super) spans: Vec<(i64, i64)>,
}

impl Gaps {
    fn push(&mut self, from: i64, to: i64) {
        self.count += 1;
        self.us = self.us.saturating_add(to.saturating_sub(from));
        if self.spans.len() < GAPS_TOLD {
            self.spans.push((from, to));
        }
    }
}

/// The picture track being read.
struct Pictures {
    stream: u32,
    builder: TimelineBuilder,
    runs: Runs,
    packets: u64,
    shown: u64,
    /// Packets without presentation time.
    untimed: u64,
    /// A key frame that an edit list hides stands before the first picture shown.
    hidden_key: bool,
    /// When the next packet is due, should it not say.
    due: i64,
    /// Latest time so far, and the time covered by pictures up to it, in ticks.
    covered: Option<(i64, i64)>,
}

/// What the packets of the picture track say.
pub(super) struct VideoTrack {
    pub(super) timeline: Option<Timeline>,
    pub(super) defects: Defects,
    pub(super) packets: u64,
}

/// What the packets of a sound track say.
#[derive(Clone, Debug, Default)]
pub(super) struct AudioTrack {
    pub(super) start_us: i64,
    pub(super) end_us: i64,
    pub(super) packets: u64,
    /// Sum of the durations.
    pub(super) packets_us: i64,
    /// The stamps went back by more than [`RESTART_US`].
    pub(super) restarted: bool,
    /// None where stamps are corrected: a clock that leaps is no gap.
    pub(super) gaps: Gaps,
}

impl Tracks {
    pub(super) fn new(
        clock: Clock,
        video: &[&Stream],
        audio: &[&Stream],
        together: impl Fn(&Stream, &Stream) -> bool,
    ) -> Self {
        let beside = |picture: &&Stream| audio.iter().map(|it| together(picture, it)).collect();
        Self {
            together: video.iter().map(beside).collect(),
            others: BTreeMap::new(),
            video: video.iter().map(|s| Pictures::new(s.index, clock, s.time_base())).collect(),
            audio: audio.iter().map(|s| Sound::new(s.index, clock, s.time_base())).collect(),
            clock,
            read: 0,
        }
    }

    fn push(&mut self, packet: &Packet) {
        let order = self.read;
        self.read += 1;
        let guessed = self.clock.guessed;
        let mut pictures = self.video.iter_mut().zip(&self.together);
        if let Some((pictures, together)) = pictures.find(|(it, _)| it.stream == packet.stream) {
            // What follows in the file belongs to the new clock, however little it differs.
            if pictures.push(packet, order, guessed) && self.clock.restarts {
                let sound = self.audio.iter_mut().zip(together).filter(|(_, together)| **together);
                sound.for_each(|(sound, _)| sound.runs.cut());
            }
            return;
        }
        if let Some(sound) = self.audio.iter_mut().find(|it| it.stream == packet.stream) {
            sound.push(packet, order, guessed);
            return;
        }
        let others = self.others.entry(packet.stream).or_default();
        *others = others.saturating_add(1);
    }

    /// Packets of a stream that is neither picture nor sound.
    pub(super) fn others(&self, stream: u32) -> u32 {
        self.others.get(&stream).copied().unwrap_or(0)
    }

    /// Seconds covered by the pictures of each track. A picture counts for half a second at the most:
    /// a still or a few slides beside a film do not cover what they stand for.
    pub(super) fn covered_seconds(&self) -> Vec<f64> {
        let ticks = |it: &Pictures| it.covered.map_or(0, |(_, covered)| covered.max(1));
        self.video.iter().map(|it| it.runs.base.seconds(ticks(it))).collect()
    }

    /// What was found, of the picture track `chosen` and the sound of its programme. Sound alone is left as it is: its decoder's
    /// filters follow a clock that restarts.
    pub(super) fn finish(mut self, chosen: Option<usize>, hints: &[FrameRate]) -> Found {
        if let Some(track) = chosen {
            let mut together = self.together[track].iter().copied();
            self.audio.retain(|_| together.next().unwrap_or(true));
        }
        let video = chosen.map(|track| self.video.swap_remove(track));
        let cuttable = video.as_ref().is_some_and(|it| it.shown == it.packets);
        let laid = match &video {
            Some(pictures) if cuttable => {
                let sound = self.audio.iter().map(|it| it.runs.clone());
                let runs: Vec<Runs> = [pictures.runs.clone()].into_iter().chain(sound).collect();
                let mut laid = lay(&runs, Some(0), self.clock.restarts);
                pictures.builder.fill_holes(&mut laid.tracks[0]);
                laid
            }
            _ => Laid::default(),
        };
        let of = |track: usize| laid.tracks.get(track).map_or(&[][..], Vec::as_slice);
        let video = video.map(|pictures| pictures.finish(of(0), hints));
        let sound = self.audio.iter().enumerate();
        let audio = sound.map(|(at, sound)| sound.finish(of(at + 1))).collect();
        Found { video, audio, laid }
    }
}

impl Sound {
    fn new(stream: u32, clock: Clock, base: TimeBase) -> Self {
        let runs = clock.runs(base, false);
        let (restarted, gaps) = (false, Gaps::default());
        Self { stream, packets: 0, span: None, sum: 0, last: None, restarted, gaps, runs }
    }

    fn push(&mut self, packet: &Packet, order: u64, guessed: bool) {
        self.packets += 1;
        let clock = packet.clock(guessed, self.runs.base);
        self.runs.push(order, clock, packet.pts, packet.duration);
        if let Some(start) = packet.pts.filter(|_| !packet.discard) {
            let last = self.last.replace(start).unwrap_or(start);
            self.restarted |= self.runs.base.micros(last.saturating_sub(start)) > RESTART_US;
            self.sum = self.sum.saturating_add(packet.duration.max(0));
            let end = start.saturating_add(packet.duration);
            let (first, last) = self.span.unwrap_or((start, end));
            if self.runs.base.micros(start.saturating_sub(last)) > GAP_US {
                self.gaps.push(self.runs.base.micros(last), self.runs.base.micros(start));
            }
            self.span = Some((first.min(start), last.max(end)));
        }
    }

    fn finish(&self, corrections: &[Correction]) -> AudioTrack {
        let (mut start, mut end) = self.span.unwrap_or_default();
        if !corrections.is_empty() {
            let spans = self.runs.runs().iter().map(|run| {
                let correction =
                    corrections.iter().find(|it| (it.from..it.to).contains(&run.first));
                match correction.map(|it| it.stamps) {
                    None => (run.start, run.end),
                    Some(Stamps::Moved(by)) => (run.start + by, run.end + by),
                    Some(Stamps::Counted { first, step }) => {
                        (first, first + step.times(i64::try_from(run.packets).unwrap_or(0)))
                    }
                }
            });
            let whole = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
            (start, end) = whole.unwrap_or_default();
        }
        let base = self.runs.base;
        let (start_us, end_us) = (base.micros(start), base.micros(end));
        let packets_us = base.micros(self.sum);
        // What is corrected no longer restarts.
        let restarted = self.restarted && corrections.is_empty();
        let gaps = if corrections.is_empty() { self.gaps.clone() } else { Gaps::default() };
        AudioTrack { start_us, end_us, packets: self.packets, packets_us, restarted, gaps }
    }
}

impl Pictures {
    fn new(stream: u32, clock: Clock, base: TimeBase) -> Self {
        let builder = TimelineBuilder::new(base);
        let runs = clock.runs(base, true);
        Self {
            stream,
            builder,
            runs,
            packets: 0,
            shown: 0,
            untimed: 0,
            hidden_key: false,
            due: 0,
            covered: None,
        }
    }

    /// A packet that does not say when it is shown (AVI, raw streams) is placed by its decode time, or
    /// behind the one before it, so that at least count and rate are right. True when the clock went
    /// back.
    fn push(&mut self, packet: &Packet, order: u64, guessed: bool) -> bool {
        self.packets += 1;
        let most = i64::from(self.runs.base.den / self.runs.base.num / 2).max(1);
        let decoded = |dts: i64| if (dts..dts + most).contains(&self.due) { self.due } else { dts };
        let stamped = packet.pts.or(packet.dts.map(decoded));
        let time = stamped.unwrap_or(self.due);
        self.due = time.saturating_add(packet.duration.max(1));
        let clock = packet.clock(guessed, self.runs.base);
        let back = self.runs.push(order, clock, stamped, packet.duration);
        // What an edit list hides is in the file but is never shown.
        if packet.discard {
            self.hidden_key |= packet.key && self.shown == 0;
            return back;
        }
        self.shown += 1;
        self.untimed += u64::from(packet.pts.is_none());
        let own = packet.duration.clamp(0, most);
        self.covered = Some(match self.covered {
            None => (time, own),
            Some((last, covered)) => {
                (last.max(time), covered + time.saturating_sub(last).clamp(0, most))
            }
        });
        self.builder.push(Some(time), packet.duration, packet.key);
        back
    }

    fn finish(mut self, corrections: &[Correction], hints: &[FrameRate]) -> VideoTrack {
        self.builder.correct(corrections);
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
    /// The time by which packets of a track follow each other: when they are decoded, where the
    /// container says that and it goes together with when they are shown.
    fn clock(&self, guessed: bool, base: TimeBase) -> Option<i64> {
        let (Some(pts), Some(dts)) = (self.pts, self.dts) else {
            return if guessed { self.pts } else { self.dts.or(self.pts) };
        };
        let strays = !DELAY_US.contains(&base.micros(pts.saturating_sub(dts)));
        Some(if guessed || strays { pts } else { dts })
    }

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
        .args(["-show_entries", ENTRIES])
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
    child.judge(status, &log)?;
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
        if line.ends_with(ENCRYPTED) {
            return Err(Error::Encrypted);
        }
        if let Some(packet) = Packet::parse(&line) {
            tracks.push(&packet);
            count += 1;
            if count % BEAT == 0 {
                on_packets(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(lines: &str) -> VideoTrack {
        let mut pictures = Pictures::new(0, Clock::of("mov"), TimeBase { num: 1, den: 25 });
        let packets = lines.lines().filter_map(Packet::parse);
        for (order, packet) in (0..).zip(packets) {
            pictures.push(&packet, order, false);
        }
        pictures.finish(&[], &[])
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
