//! A good set passes; broken in one way, it gives exactly the finding for that way.

use proptest::prelude::*;

use super::*;
use crate::{
    manifest::{DecodedSound, Segment},
    options::Options,
    plan::{Limits, SAMPLE_RATE, VideoPlan, plan},
    source::fixtures,
};

/// A plan and everything that was made for it, ready to be broken.
struct Set {
    plan: Plan,
    chunks: Vec<ChunkManifest>,
    audio: Vec<AudioManifest>,
    sizes: BTreeMap<(String, String), u64>,
    inits: BTreeMap<String, String>,
}

impl Set {
    fn good(rate: &str, frames: u64, limits: Limits) -> Self {
        let mut source = fixtures::source(rate, frames);
        source.audio = vec![fixtures::audio(0, 1)];
        let plan = plan(&source, &Options::default(), limits).unwrap();
        let video = plan.video.as_ref().unwrap();
        let chunks = (0..video.chunks).map(|index| chunk(video, index)).collect();
        let audio = &plan.audio[0];
        let renditions =
            audio.bitrates.iter().map(|b| sound(b.kbps(), audio.duration_us)).collect();
        let audio = AudioManifest {
            fingerprint: "b".to_owned(),
            renditions,
            decoded: DecodedSound::default(),
        };
        let mut set = Self {
            plan,
            chunks,
            audio: vec![audio],
            sizes: BTreeMap::new(),
            inits: BTreeMap::new(),
        };
        set.store();
        set
    }

    /// Puts what the manifests name into the store.
    fn store(&mut self) {
        let video = self.chunks.iter().flat_map(|chunk| &chunk.renditions);
        for rendition in video.chain(self.audio.iter().flat_map(|audio| &audio.renditions)) {
            self.inits.insert(rendition.name.clone(), rendition.init_sha256.clone());
            let key = |segment: &Segment| (rendition.name.clone(), segment.name.clone());
            self.sizes.extend(rendition.segments.iter().map(|s| (key(s), s.bytes)));
        }
    }

    fn verify(&self) -> Result<Report, Vec<Finding>> {
        let stored = Stored {
            segment_bytes: &|rendition, name| {
                self.sizes.get(&(rendition.to_owned(), name.to_owned())).copied()
            },
            init_sha256: &self.inits,
        };
        let made = Made { chunks: &self.chunks, audio: &self.audio, stored };
        verify(&self.plan, &made)
    }

    /// Segment `at` of rung `rung` in chunk `chunk`.
    fn segment(&mut self, chunk: usize, rung: usize, at: usize) -> &mut Segment {
        &mut self.chunks[chunk].renditions[rung].segments[at]
    }

    /// Audio rendition `at`.
    fn sound(&mut self, at: usize) -> &mut RenditionManifest {
        &mut self.audio[0].renditions[at]
    }
}

fn chunk(plan: &VideoPlan, index: u32) -> ChunkManifest {
    let (range, grid) = (plan.chunk(index), plan.grid);
    let segment = |index: u32| {
        let first = grid.segment_start(index);
        let frames = grid.segment_start(index + 1) - first;
        Segment {
            name: format!("seg-{index}-1.m4s"),
            index,
            bytes: 1000 + frames,
            decode_time: first * u64::from(grid.ticks_per_frame()),
            duration: frames * u64::from(grid.ticks_per_frame()),
            samples: u32::try_from(frames).unwrap(),
            key_samples: (0..u32::try_from(frames).unwrap())
                .filter(|frame| frame % grid.gop_frames() == 0)
                .collect(),
            odd_packets: 0,
        }
    };
    let renditions = plan.rungs.iter().map(|rung| RenditionManifest {
        name: rung.name.clone(),
        init_sha256: format!("init of {}", rung.name),
        codec: "avc1.640028".to_owned(),
        timescale: grid.timescale(),
        size: Some((rung.width, rung.height)),
        segments: plan.chunk_segments(index).map(segment).collect(),
    });
    ChunkManifest {
        chunk: index,
        fingerprint: "a".to_owned(),
        first_frame: range.start,
        frames: range.end - range.start,
        decoded: range.end - range.start,
        decode_errors: 1,
        damaged: 2,
        renditions: renditions.collect(),
    }
}

/// Segments of 281 AAC frames (5.995 s) until the sound is over.
fn sound(kbps: u32, duration_us: i64) -> RenditionManifest {
    let packets = duration_us.unsigned_abs() * u64::from(SAMPLE_RATE) / 1_000_000 / 1024 + 1;
    let starts = (0..packets).step_by(281);
    let segment = |(index, start): (u32, u64)| Segment {
        name: format!("seg-{index}-1.m4s"),
        index,
        bytes: 500,
        decode_time: start * 1024,
        duration: 281.min(packets - start) * 1024,
        samples: u32::try_from(281.min(packets - start)).unwrap(),
        key_samples: vec![],
        odd_packets: 0,
    };
    RenditionManifest {
        name: format!("audio-{kbps}"),
        init_sha256: format!("init of {kbps}"),
        codec: "mp4a.40.2".to_owned(),
        timescale: SAMPLE_RATE,
        size: None,
        segments: (0..).zip(starts).map(segment).collect(),
    }
}

/// 40 s in four chunks of two segments each but the last, four rungs and four bit rates.
fn good() -> Set {
    Set::good(
        "25",
        1000,
        Limits { parallel_chunks: 2, chunk_seconds: Some(12), ..Limits::default() },
    )
}

/// Breaks a good set and compares what is found, one line per finding.
#[track_caller]
fn found(break_it: impl FnOnce(&mut Set), expected: &[&str]) {
    let mut set = good();
    break_it(&mut set);
    let findings = set.verify().err().unwrap_or_default();
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_good_set_is_measured() {
    let report = good().verify().unwrap();
    assert_eq!((report.frames, report.decoded, report.decode_errors), (1000, 1000, 4));
    assert_eq!(report.damaged, 8);
    assert!((report.duration_seconds() - 40.0).abs() < 1e-9);
    let names = |of: &[Rendition]| of.iter().map(|r| r.name.clone()).collect::<Vec<_>>().join(" ");
    assert_eq!(names(&report.video), "1080p 720p 480p 360p");
    assert_eq!(names(&report.audio), "audio-192 audio-128 audio-96 audio-64");
    let rendition = &report.video[1];
    assert_eq!((rendition.size, rendition.timescale), (Some((1280, 720)), 12_800));
    assert_eq!((rendition.segments.len(), rendition.duration()), (7, 1000 * 512));
    assert_eq!(rendition.bytes(), 7 * 1000 + 1000);
    assert!(rendition.segments.is_sorted_by_key(|segment| segment.index));
    assert_eq!(rendition.bandwidth, bandwidth(&rendition.segments, 12_800));
}

#[test]
fn the_order_of_manifests_does_not_matter() {
    let mut set = good();
    set.chunks.reverse();
    set.chunks[1].renditions.reverse();
    assert_eq!(set.verify().unwrap(), good().verify().unwrap());
}

#[test]
fn sound_alone_and_silence_are_complete() {
    let mut silent = good();
    (silent.plan.audio, silent.audio) = (Vec::new(), Vec::new());
    assert_eq!(silent.verify().unwrap().audio, []);
    let mut sound = good();
    (sound.plan.video, sound.chunks) = (None, vec![]);
    let report = sound.verify().unwrap();
    assert_eq!((report.frames, report.video.len()), (0, 0));
    assert!((report.duration_seconds() - 40.08).abs() < 0.03);
}

#[test]
fn chunks_are_there_once() {
    found(|set| drop(set.chunks.remove(2)), &["chunk 2 is missing"]);
    found(|set| set.chunks.push(set.chunks[1].clone()), &["chunk 1 is there more than once"]);
    found(
        |set| set.chunks.push(ChunkManifest { chunk: 4, ..set.chunks[3].clone() }),
        &["chunk 4 is not planned: there are 4"],
    );
    found(
        |set| {
            set.plan.video = None;
            set.chunks.truncate(1);
        },
        &["chunk 0 is not planned: there are 0"],
    );
}

#[test]
fn chunks_are_the_planned_range() {
    found(
        |set| set.chunks[1].first_frame += 1,
        &["chunk 1 is 300 frames from 301, not 300 from 300"],
    );
    found(|set| set.chunks[3].frames = 99, &["chunk 3 is 99 frames from 900, not 100 from 900"]);
}

#[test]
fn every_chunk_has_every_rung_once() {
    found(|set| drop(set.chunks[1].renditions.remove(2)), &["480p: not made in chunk 1"]);
    found(
        |set| {
            let twice = set.chunks[1].renditions[2].clone();
            set.chunks[1].renditions.push(twice);
        },
        &["480p: made in chunk 1 although not planned"],
    );
    found(
        |set| set.chunks[0].renditions[3].size = Some((640, 358)),
        &["360p: chunk 0 is 640x358, not 640x360"],
    );
    found(
        |set| set.chunks[0].renditions[3].size = None,
        &["360p: chunk 0 is no picture, not 640x360"],
    );
}

#[test]
fn segments_are_numbered_and_counted() {
    found(|set| set.segment(1, 1, 0).index = 3, &["720p: segment 2 is numbered 3"]);
    found(
        |set| drop(set.chunks[1].renditions[1].segments.pop()),
        &["720p: chunk 1 has 1 segments, not 2"],
    );
    found(|set| set.sound(3).segments[2].index = 0, &["audio-64: segment 2 is numbered 0"]);
}

#[test]
fn frames_in_are_frames_out() {
    found(
        |set| set.segment(2, 3, 1).samples = 149,
        &["360p: segment 5 of chunk 2 has 149 frames, not 150"],
    );
    found(
        |set| set.segment(3, 0, 0).samples = 101,
        &["1080p: segment 6 of chunk 3 has 101 frames, not 100"],
    );
}

#[test]
fn decode_times_are_continuous_over_every_joint() {
    found(
        |set| set.segment(1, 0, 0).decode_time += 1,
        &["1080p: segment 2 starts at tick 153601, not 153600"],
    );
    found(
        |set| set.segment(0, 0, 1).decode_time -= 512,
        &["1080p: segment 1 starts at tick 76288, not 76800"],
    );
    found(
        |set| set.segment(3, 2, 0).duration -= 512,
        &["480p: segment 6 lasts 50688 ticks, not 51200"],
    );
    found(
        |set| set.chunks[2].renditions[0].timescale = 90_000,
        &["1080p: times are in 1/90000 s in chunk 2, not in 1/12800 s"],
    );
}

#[test]
fn key_frames_stand_at_the_same_frames_in_every_rung() {
    found(
        |set| set.segment(1, 2, 1).key_samples = vec![0, 50, 99],
        &["480p: segment 3 has key frames at [0, 50, 99], not [0, 50, 100]"],
    );
    found(
        |set| set.segment(3, 2, 0).key_samples.push(75),
        &["480p: segment 6 has key frames at [0, 50, 75], not [0, 50]"],
    );
}

#[test]
fn one_initialisation_segment_serves_all_chunks() {
    found(
        |set| set.chunks[2].renditions[1].init_sha256.push('x'),
        &["720p: the initialisation segment differs in chunk 2"],
    );
    found(
        |set| set.sound(0).init_sha256.push('x'),
        &["audio-192: the initialisation segment differs"],
    );
    found(|set| drop(set.inits.remove("720p")), &["720p: the initialisation segment is missing"]);
}

#[test]
fn every_segment_is_stored_whole() {
    let key = |rendition: &str, name: &str| (rendition.to_owned(), name.to_owned());
    found(
        |set| assert!(set.sizes.remove(&key("360p", "seg-6-1.m4s")).is_some()),
        &["360p: seg-6-1.m4s is missing"],
    );
    found(
        |set| assert!(set.sizes.insert(key("360p", "seg-6-1.m4s"), 12).is_some()),
        &["360p: seg-6-1.m4s has 12 bytes, not 1100"],
    );
    found(
        |set| assert!(set.sizes.remove(&key("audio-96", "seg-0-1.m4s")).is_some()),
        &["audio-96: seg-0-1.m4s is missing"],
    );
}

#[test]
fn sound_has_no_gaps_and_the_planned_length() {
    found(
        |set| set.sound(1).segments[0].decode_time = 1024,
        &[
            "audio-128: segment 0 starts at tick 1024, not 0",
            "audio-128: segment 1 starts at tick 287744, not 288768",
        ],
    );
    found(
        |set| {
            for segment in &mut set.sound(1).segments[3..] {
                segment.decode_time += 1;
            }
        },
        &["audio-128: segment 3 starts at tick 863233, not 863232"],
    );
    // 40.08 s are 1,923,840 samples: 1,879 packets of 1,024 samples, the last one partly filled.
    let lasting = |packets: i64| {
        move |set: &mut Set| {
            let last = set.sound(2).segments.last_mut().unwrap();
            last.duration = last.duration.saturating_add_signed(packets * 1024);
            last.samples = last.samples.saturating_add_signed(i32::try_from(packets).unwrap());
        }
    };
    found(lasting(1), &[]);
    found(lasting(2), &["audio-96: the sound lasts 1926144 samples, too long for 1923840"]);
    found(lasting(-2), &[]);
    found(lasting(-3), &["audio-96: the sound lasts 1921024 samples, too short for 1923840"]);
    found(
        |set| set.sound(2).segments.clear(),
        &["audio-96: the sound lasts 0 samples, too short for 1923840"],
    );
    found(
        |set| set.sound(2).timescale = 44_100,
        &["audio-96: times are in 1/44100 s, not in 1/48000 s"],
    );
}

#[test]
fn every_packet_lasts_as_long_as_its_samples() {
    // The last of all may be cut short.
    found(|set| set.sound(0).segments.last_mut().unwrap().duration -= 1023, &[]);
    let last = set_last(1024);
    found(last, &["audio-192: segment 6 lasts 196608 samples, not 197632 (0 odd packets)"]);
    // As many ticks as planned, but from packets of one tick.
    found(
        |set| set.sound(0).segments[2].samples += 200,
        &["audio-192: segment 2 lasts 287744 samples, not 492544 (0 odd packets)"],
    );
    found(
        |set| set.sound(0).segments[2].odd_packets = 2,
        &["audio-192: segment 2 lasts 287744 samples, not 287744 (2 odd packets)"],
    );
}

fn set_last(shorter: u64) -> impl Fn(&mut Set) {
    move |set| set.sound(0).segments.last_mut().unwrap().duration -= shorter
}

#[test]
fn every_bit_rate_is_there_and_no_other() {
    found(|set| drop(set.audio[0].renditions.remove(1)), &["audio-128: not made"]);
    found(
        |set| {
            set.audio[0].renditions.truncate(1);
            set.plan.audio.clear();
        },
        &["audio-192: made although not planned"],
    );
    found(
        |set| {
            set.audio.clear();
            set.plan.audio[0].bitrates.truncate(1);
        },
        &["audio-192: not made"],
    );
}

#[test]
fn a_finding_names_what_must_not_be_published() {
    let mut set = good();
    set.segment(1, 2, 1).samples -= 1;
    let chunk = set.chunks.remove(3).chunk;
    let findings = set.verify().unwrap_err();
    let concerned: Vec<_> = findings.iter().map(Finding::rendition).collect();
    assert_eq!((concerned, chunk), (vec![Some("480p"), None], 3));
}

proptest! {
    #[test]
    fn any_plan_can_be_met_and_any_lost_frame_is_found(
        rate in 0_usize..5,
        frames in 1_u64..20_000,
        parallel_chunks in 1_u32..9,
        pick in any::<prop::sample::Index>(),
    ) {
        let rate = ["25", "30000/1001", "24000/1001", "179/6", "60"][rate];
        let mut set = Set::good(rate, frames, Limits { parallel_chunks, chunk_seconds: None, ..Limits::default() });
        prop_assert_eq!(set.verify().unwrap().frames, frames);

        let ticks = u64::from(set.plan.video.as_ref().unwrap().grid.ticks_per_frame());
        let chunk = pick.index(set.chunks.len());
        let segment = set.segment(chunk, 0, 0);
        segment.samples -= 1;
        segment.duration -= ticks;
        let findings = set.verify().unwrap_err();
        let both = matches!(
            findings.as_slice(),
            [Finding::WrongFrames { .. }, Finding::DurationOff { .. }]
        );
        prop_assert!(both, "{:?}", findings);
    }
}
