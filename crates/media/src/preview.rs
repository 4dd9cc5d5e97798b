//! Which part of a video its preview shows, and where the parts begin on the preview's time line.

use std::ops::Range;

use crate::{
    ladder::Rung,
    manifest::{RenditionManifest, Segment},
    plan::{Plan, SAMPLE_RATE, VideoPlan},
    playlist::{AudioRendition, Master, Variant, bandwidth},
    rate::{FrameRate, Grid},
    source::AudioRole,
};

/// Folder of the pictures, beside the master playlist.
pub const VIDEO: &str = "video";
/// Folder of the sound.
pub const AUDIO: &str = "audio";

/// Largest short side of the rung a preview is taken from.
const SIDE_MAX: u32 = 720;
/// Share of the median bit rate under which a segment counts as black.
const BLACK: u64 = 5;
/// Part of the video that is passed over where possible: titles and fades stand there.
const OPENING: usize = 10;

/// The rung a preview is taken from: the highest of at most 720 lines, else the lowest.
pub fn rung(video: &VideoPlan) -> Option<&Rung> {
    let fits = |rung: &&Rung| rung.width.min(rung.height) <= SIDE_MAX;
    video.rungs.iter().find(fits).or(video.rungs.last())
}

/// How many segments last at least `seconds`.
pub fn segments_for(seconds: u32, grid: Grid) -> usize {
    let each = grid.seconds(u64::from(grid.segment_frames()));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 600")]
    let segments = (f64::from(seconds) / each - 0.01).ceil().max(1.0) as usize;
    segments
}

/// Chooses `count` segments that follow each other; all of them where there are no more.
///
/// A segment of less than a fifth of the median bit rate is taken for black. Of all places, the one
/// counts that does not begin with black, then the one with the least black (that the segment before
/// it is black, whose end it may begin with, counts half), then the first behind the first tenth of
/// the video, then the last one before that: the very beginning is the last resort. The same segments
/// give the same choice.
pub fn choose(segments: &[Segment], count: usize) -> Range<usize> {
    if segments.len() <= count {
        return 0..segments.len();
    }
    let rate = |segment: &Segment| segment.bytes.saturating_mul(1 << 20) / segment.duration.max(1);
    let mut rates: Vec<u64> = segments.iter().map(rate).collect();
    rates.sort_unstable();
    let black_below = rates[rates.len() / 2] / BLACK;
    let black: Vec<bool> = segments.iter().map(|segment| rate(segment) < black_below).collect();
    let opening = (segments.len() / OPENING).max(1);
    let rank = |start: &usize| {
        let blacks = black[*start..*start + count].iter().filter(|black| **black).count();
        let after_black = *start > 0 && black[*start - 1];
        let early = opening.saturating_sub(*start);
        (black[*start], 2 * blacks + usize::from(after_black), early, *start)
    };
    let start = (0..=segments.len() - count).min_by_key(rank).unwrap_or(0);
    start..start + count
}

/// A preview: the chosen parts of its tracks, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The pictures.
    pub video: Option<Part>,
    /// The sound.
    pub audio: Option<Part>,
}

/// The chosen part of one rendition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Folder of the rendition it is taken from, and its segments there.
    pub source: RenditionManifest,
    /// Ticks by which it goes back.
    pub back: u64,
    /// Segments of the whole rendition that come before it.
    before: Vec<Segment>,
}

/// Cuts finished renditions; `None` without any. Both go back by the same time, so that what is heard
/// with a picture stays with it: the time of the track that begins first, which then begins at zero;
/// the other one begins less than a packet of sound, or a lead of pictures, later.
pub fn cut(
    video: Option<RenditionManifest>,
    audio: Option<RenditionManifest>,
    count: usize,
) -> Option<Cut> {
    let main = video.as_ref().or(audio.as_ref())?;
    let (scale, chosen) = (main.timescale, choose(&main.segments, count));
    // The sound ends a lead later than the pictures, which may be in a segment of its own.
    let more = usize::from(video.is_some() && chosen.end == main.segments.len());
    let heard = chosen.start..chosen.end + more;
    let begins = |made: &RenditionManifest| made.segments.get(chosen.start).map(|s| s.decode_time);
    let picture = video.as_ref().and_then(begins);
    let sound = audio.as_ref().and_then(begins);
    let (video_back, audio_back) = match (picture, sound) {
        (Some(picture), Some(sound)) => {
            let at = rescaled(picture, scale, SAMPLE_RATE);
            if at <= sound { (picture, at) } else { (rescaled(sound, SAMPLE_RATE, scale), sound) }
        }
        (picture, sound) => (picture.unwrap_or(0), sound.unwrap_or(0)),
    };
    Some(Cut {
        video: video.map(|made| part(made, chosen, video_back)),
        audio: audio.map(|made| part(made, heard, audio_back)).filter(|part| !part.is_empty()),
    })
}

fn part(mut source: RenditionManifest, range: Range<usize>, back: u64) -> Part {
    let length = source.segments.len();
    source.segments.truncate(range.end);
    let chosen = source.segments.split_off(range.start.min(length));
    let before = std::mem::replace(&mut source.segments, chosen);
    Part { source, back, before }
}

impl Part {
    /// The part as a rendition of its own, in folder `name`.
    pub fn rendition(&self, name: &str) -> RenditionManifest {
        let segments = (0..).zip(&self.source.segments).map(|(index, segment)| Segment {
            name: format!("seg-{index:05}.m4s"),
            index,
            decode_time: segment.decode_time.saturating_sub(self.back),
            ..segment.clone()
        });
        let segments = segments.collect();
        RenditionManifest { name: name.to_owned(), segments, ..self.source.clone() }
    }

    fn is_empty(&self) -> bool {
        self.source.segments.is_empty()
    }

    fn seconds(&self, segments: &[Segment]) -> f64 {
        let ticks: u64 = segments.iter().map(|segment| segment.duration).sum();
        ticks as f64 / f64::from(self.source.timescale.max(1))
    }
}

impl Cut {
    /// Where in the video it begins, and how long it lasts, in seconds.
    pub fn place(&self) -> (f64, f64) {
        let main = self.video.as_ref().or(self.audio.as_ref());
        main.map_or((0.0, 0.0), |part| {
            (part.seconds(&part.before), part.seconds(&part.source.segments))
        })
    }

    /// The master playlist over the folders `video` and `audio` beside it; `rate` is that of the
    /// pictures.
    pub fn master(&self, rate: FrameRate) -> Master {
        let measured = |part: &Part| bandwidth(&part.source.segments, part.source.timescale);
        let (video, audio) = (self.video.as_ref(), self.audio.as_ref());
        let parts = [video, audio].into_iter().flatten();
        let beside = video.and(audio);
        let variant = video.map(|part| (part, VIDEO)).or(audio.map(|part| (part, AUDIO)));
        let variant = variant.map(|(part, folder)| Variant {
            uri: format!("{folder}/index.m3u8"),
            bandwidth: measured(part),
            audio_bandwidth: beside.map(measured),
            codecs: parts.map(|part| part.source.codec.clone()).collect(),
            resolution: part.source.size,
            frame_rate: video.map(|_| rate),
            audio_group: beside.map(|_| AUDIO.to_owned()),
        });
        let sound = beside.map(|_| AudioRendition {
            group_id: AUDIO.to_owned(),
            name: AUDIO.to_owned(),
            uri: format!("{AUDIO}/index.m3u8"),
            channels: 2,
            language: None,
            default: true,
            autoselect: true,
            role: AudioRole::Main,
        });
        Master {
            variants: variant.into_iter().collect(),
            audio: sound.into_iter().collect(),
            ..Master::default()
        }
    }
}

/// The rendition of the main track's sound that goes with a rung, or the best one without pictures.
pub fn sound(plan: &Plan, rung: Option<&Rung>) -> Option<String> {
    let main = plan.audio.first()?;
    let bitrate = match rung {
        Some(rung) => main.bitrates.iter().find(|bitrate| **bitrate == rung.audio_bitrate)?,
        None => main.bitrates.first()?,
    };
    Some(main.folder(*bitrate))
}

/// Ticks of one scale in another, rounded down: nothing may go back beyond zero.
fn rescaled(ticks: u64, from: u32, to: u32) -> u64 {
    let scaled = u128::from(ticks) * u128::from(to) / u128::from(from.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rendition(timescale: u32, parts: &[(u64, u64)]) -> RenditionManifest {
        let mut decode_time = 0;
        let segments = (0..).zip(parts).map(|(index, &(duration, bytes))| {
            let at = decode_time;
            decode_time += duration;
            Segment {
                name: format!("{index}"),
                index,
                bytes,
                decode_time: at,
                duration,
                samples: 1,
                key_samples: vec![],
                odd_packets: 0,
            }
        });
        let segments = segments.collect();
        let (name, init_sha256, codec) = (String::new(), String::new(), String::new());
        RenditionManifest { name, init_sha256, codec, timescale, size: None, segments }
    }

    /// Segments of six seconds with so many kilobytes.
    fn chosen(kilobytes: &[u64], count: usize) -> Range<usize> {
        let parts: Vec<_> = kilobytes.iter().map(|kb| (6, kb * 1000)).collect();
        choose(&rendition(1, &parts).segments, count)
    }

    #[test]
    fn black_and_the_very_beginning_are_avoided() {
        assert_eq!(chosen(&[500, 500, 500, 500, 500, 500], 3), 1..4);
        assert_eq!(chosen(&[9, 9, 500, 9, 400, 600, 500, 9], 3), 4..7);
        assert_eq!(chosen(&[500, 500, 500, 9, 500, 9], 3), 0..3);
        assert_eq!(chosen(&[9, 500, 500, 9, 9, 500], 3), 1..4);
        assert_eq!(chosen(&[500, 9, 9, 9, 500, 500], 5), 0..5);
        assert_eq!(chosen(&[9, 9, 9, 9], 2), 1..3);
        let mut long = vec![500; 40];
        long[5] = 1;
        assert_eq!(chosen(&long, 5), 7..12);
    }

    #[test]
    fn a_short_video_is_its_own_preview() {
        assert_eq!(chosen(&[500, 9], 5), 0..2);
        assert_eq!(chosen(&[], 5), 0..0);
    }

    #[test]
    fn a_short_last_segment_is_not_taken_for_black() {
        let parts = [(1000, 1000), (1000, 1000), (10, 10)];
        assert_eq!(choose(&rendition(1, &parts).segments, 2), 1..3);
    }

    /// Segments and ticks back, of pictures and of sound.
    fn parts(cut: Option<Cut>) -> [Option<(Range<usize>, u64)>; 2] {
        let cut = cut.unwrap();
        [cut.video, cut.audio].map(|part| {
            let part = part?;
            let start = part.before.len();
            Some((start..start + part.source.segments.len(), part.back))
        })
    }

    #[test]
    fn both_tracks_go_back_by_the_same_time() {
        let video = rendition(30_000, &[(180_180, 9); 9]);
        let cut = |audio| parts(cut(Some(video.clone()), Some(audio), 3));
        let early = rendition(48_000, &[(287_744, 9); 9]);
        assert_eq!(cut(early), [Some((1..4, 179_840)), Some((1..4, 287_744))]);
        let late = rendition(48_000, &[(288_768, 9); 9]);
        assert_eq!(cut(late), [Some((1..4, 180_180)), Some((1..4, 288_288))]);
    }

    #[test]
    fn the_end_of_the_sound_belongs_to_the_end_of_the_pictures() {
        let video = rendition(30_000, &[(180_000, 9); 2]);
        let audio = rendition(48_000, &[(288_000, 9), (288_000, 9), (4000, 9)]);
        let whole = cut(Some(video.clone()), Some(audio.clone()), 5);
        assert_eq!(parts(whole), [Some((0..2, 0)), Some((0..3, 0))]);
        assert_eq!(parts(cut(None, Some(audio), 2)), [None, Some((1..3, 288_000))]);
        let silent = cut(Some(video.clone()), None, 1);
        assert_eq!(parts(silent), [Some((1..2, 180_000)), None]);
        let ended = cut(Some(video), Some(rendition(48_000, &[(9, 9)])), 1);
        assert_eq!(parts(ended), [Some((1..2, 180_000)), None]);
        assert_eq!(cut(None, None, 1), None);
    }

    #[test]
    fn a_part_is_a_rendition_of_its_own() {
        let cut = cut(Some(rendition(10, &[(60, 9), (60, 8), (30, 7)])), None, 2).unwrap();
        assert_eq!(cut.place(), (6.0, 9.0));
        let made = cut.video.unwrap().rendition("preview/video");
        let lines: Vec<_> =
            made.segments.iter().map(|s| (&s.name[..], s.index, s.decode_time, s.bytes)).collect();
        assert_eq!(lines, [("seg-00000.m4s", 0, 0, 8), ("seg-00001.m4s", 1, 60, 7)]);
    }

    proptest! {
        #[test]
        fn a_choice_is_always_whole(sizes in prop::collection::vec(0_u64..900, 0..60), count in 1_usize..20) {
            let range = chosen(&sizes, count);
            prop_assert_eq!(range.len(), count.min(sizes.len()));
            prop_assert!(range.end <= sizes.len());
        }
    }

    #[test]
    fn whole_segments_last_at_least_as_long_as_asked() {
        let grid = |rate: &str| Grid { rate: rate.parse().unwrap(), frames: 9000 };
        let of = |seconds, rate| segments_for(seconds, grid(rate));
        assert_eq!((of(30, "25"), of(30, "30000/1001"), of(1, "25")), (5, 5, 1));
        assert_eq!((of(6, "25"), of(7, "25"), of(600, "25")), (1, 2, 100));
    }
}
