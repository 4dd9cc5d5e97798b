//! The samples of one fragment, with every default resolved.

use mp4_atom::{Decode, Moof, Traf, TrunEntry};

use super::{Error, Init, boxes};

/// `sample_is_non_sync_sample` of ISO/IEC 14496-12, 8.8.3.1.
const NOT_A_KEY: u32 = 0x0001_0000;

/// One `moof` with its `mdat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Sequence number of the `mfhd`.
    pub sequence: u32,
    /// Decode time of the first sample in ticks.
    pub decode_time: u64,
    /// Samples in decode order; at least one.
    pub samples: Vec<Sample>,
}

/// One frame of video or packet of audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Size in bytes.
    pub size: u32,
    /// Duration in ticks.
    pub duration: u32,
    /// Presentation time minus decode time, in ticks.
    pub cts: i32,
    /// True when decoding can start here.
    pub key: bool,
}

impl Fragment {
    /// Reads one fragment as [`split`](super::split) cuts it, and checks that its samples account
    /// for every byte of its media.
    pub fn parse(bytes: &[u8], init: &Init) -> Result<Self, Error> {
        let place = boxes::child(bytes, 0..bytes.len(), "moof")?;
        let payload = boxes::child(bytes, 0..bytes.len(), "mdat")?.body.len() as u64;
        let moof = Moof::decode(&mut &bytes[place.whole()])
            .map_err(|source| Error::Unreadable { kind: "moof", source })?;
        let [traf] = moof.traf.as_slice() else {
            return Err(Error::Tracks(moof.traf.len()));
        };
        let tfdt = traf.tfdt.as_ref().ok_or(Error::Missing("tfdt"))?;
        Ok(Self {
            sequence: moof.mfhd.sequence_number,
            decode_time: tfdt.base_media_decode_time,
            samples: samples(traf, init, payload)?,
        })
    }

    /// Sum of the sample durations in ticks.
    pub fn duration(&self) -> u64 {
        self.samples.iter().map(|sample| u64::from(sample.duration)).sum()
    }

    /// Earliest presentation time of a sample in ticks, before the edit list ([`Init::start`]).
    pub fn first_presentation(&self) -> i64 {
        let mut decode = i64::try_from(self.decode_time).unwrap_or(i64::MAX);
        let mut first = i64::MAX;
        for sample in &self.samples {
            first = first.min(decode.saturating_add(i64::from(sample.cts)));
            decode = decode.saturating_add(i64::from(sample.duration));
        }
        first
    }

    /// Positions of the key samples.
    pub fn key_samples(&self) -> Vec<u32> {
        (0..).zip(&self.samples).filter(|(_, sample)| sample.key).map(|(at, _)| at).collect()
    }
}

fn samples(traf: &Traf, init: &Init, payload: u64) -> Result<Vec<Sample>, Error> {
    let count: u64 = traf.trun.iter().map(|run| run.samples.len() as u64).sum();
    let differ = |bytes| Error::SizesDiffer { samples: count, bytes, payload };
    // A run may state any count in four bytes; a sample is at least one byte of media.
    if count == 0 || count > payload {
        return Err(differ(0));
    }
    let entries = traf.trun.iter().flat_map(|run| run.samples.iter());
    let samples: Vec<Sample> =
        entries.map(|entry| resolved(entry, traf, init)).collect::<Result<_, _>>()?;
    let bytes = samples.iter().map(|sample| u64::from(sample.size)).sum();
    if bytes == payload { Ok(samples) } else { Err(differ(bytes)) }
}

/// A sample's own value, else its fragment's, else its track's.
fn resolved(entry: TrunEntry, traf: &Traf, init: &Init) -> Result<Sample, Error> {
    let (tfhd, trex) = (&traf.tfhd, init.defaults);
    let cts = entry.cts.unwrap_or(0);
    let flags = entry.flags.or(tfhd.default_sample_flags).unwrap_or(trex.flags);
    Ok(Sample {
        size: entry.size.or(tfhd.default_sample_size).unwrap_or(trex.size),
        duration: entry.duration.or(tfhd.default_sample_duration).unwrap_or(trex.duration),
        cts: i32::try_from(cts).map_err(|_| Error::CompositionRange(cts))?,
        key: flags & NOT_A_KEY == 0,
    })
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Encode, Mdat, Mfhd, Tfdt, Tfhd, Trun, TrunSamples};

    use super::{super::testdata, *};

    const TICKS: i64 = 512;

    fn init() -> Init {
        Init::parse(testdata::VIDEO).unwrap()
    }

    #[test]
    fn a_chunk_stands_where_its_frames_do() {
        let [first, second] =
            [0, 1].map(|index| Fragment::parse(&testdata::video_fragment(index), &init()).unwrap());
        assert_eq!((first.sequence, second.sequence), (1, 2));
        assert_eq!((first.samples.len(), second.samples.len()), (150, 50));
        assert_eq!(first.decode_time, 300 * 512);
        assert_eq!(first.decode_time + first.duration(), second.decode_time);
        assert_eq!(second.duration(), 50 * 512);
        assert_eq!(first.key_samples(), [0, 50, 100]);
        assert_eq!(second.key_samples(), [0]);
        assert_eq!(first.first_presentation(), 300 * TICKS);
        assert_eq!(second.first_presentation(), 450 * TICKS);
    }

    #[test]
    fn every_frame_is_shown_one_step_after_another() {
        let mut times = Vec::new();
        for index in [0, 1] {
            let fragment = Fragment::parse(&testdata::video_fragment(index), &init()).unwrap();
            let mut decode = i64::try_from(fragment.decode_time).unwrap();
            for sample in &fragment.samples {
                times.push(decode + i64::from(sample.cts));
                decode += i64::from(sample.duration);
            }
        }
        times.sort_unstable();
        let expected: Vec<i64> = (300..500).map(|frame| frame * TICKS).collect();
        assert_eq!(times, expected);
    }

    #[test]
    fn sound_is_all_key_samples() {
        let init = Init::parse(testdata::AUDIO_INIT).unwrap();
        let [first, second] = testdata::AUDIO.map(|bytes| Fragment::parse(bytes, &init).unwrap());
        assert_eq!((first.decode_time, second.decode_time), (0, 47 * 1024));
        assert_eq!((first.duration(), first.key_samples().len()), (47 * 1024, 47));
        assert_eq!(first.first_presentation(), 0);
    }

    /// A fragment built box by box.
    fn built(tfhd: Tfhd, samples: TrunSamples, media: usize) -> Vec<u8> {
        let trun = vec![Trun { data_offset: Some(0), samples }];
        let tfdt = Some(Tfdt { base_media_decode_time: 7 });
        let traf = vec![Traf { tfhd, tfdt, trun, ..Traf::default() }];
        let mut bytes = Vec::new();
        Moof { mfhd: Mfhd { sequence_number: 9 }, traf }.encode(&mut bytes).unwrap();
        Mdat { data: vec![0; media] }.encode(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_a_sample_leaves_out_comes_from_its_fragment_then_its_track() {
        let track = Init {
            defaults: super::super::Defaults { duration: 1, size: 2, flags: NOT_A_KEY },
            ..init()
        };
        let inherited = || TrunSamples::Inherited { count: 3, first_flags: Some(0) };
        let fragment = Fragment::parse(&built(Tfhd::default(), inherited(), 6), &track).unwrap();
        let other = Sample { size: 2, duration: 1, cts: 0, key: false };
        assert_eq!(fragment.samples, [Sample { key: true, ..other }, other, other]);

        let tfhd = Tfhd {
            default_sample_duration: Some(5),
            default_sample_size: Some(4),
            default_sample_flags: Some(0),
            ..Tfhd::default()
        };
        let fragment = Fragment::parse(&built(tfhd.clone(), inherited(), 12), &track).unwrap();
        assert_eq!(fragment.samples, [Sample { size: 4, duration: 5, cts: 0, key: true }; 3]);

        let own = TrunEntry { duration: Some(6), size: Some(3), flags: Some(0), cts: Some(-1) };
        let fragment = Fragment::parse(&built(tfhd, vec![own].into(), 3), &track).unwrap();
        assert_eq!(fragment.samples, [Sample { size: 3, duration: 6, cts: -1, key: true }]);
        assert_eq!((fragment.sequence, fragment.first_presentation()), (9, 6));
    }

    #[test]
    fn samples_and_media_must_agree() {
        let sized = |size| Tfhd { default_sample_size: Some(size), ..Tfhd::default() };
        let refused = |size, count, media| {
            let samples = TrunSamples::Inherited { count, first_flags: None };
            Fragment::parse(&built(sized(size), samples, media), &init()).unwrap_err().to_string()
        };
        assert_eq!(refused(5, 2, 11), "2 samples of 10 bytes in an mdat of 11 bytes");
        assert_eq!(refused(5, 0, 0), "0 samples of 0 bytes in an mdat of 0 bytes");
        assert!(refused(0, u32::MAX, 9).starts_with("4294967295 samples"));
        let mut cut = testdata::video_fragment(1);
        let end = cut.len() - 1;
        cut.truncate(end);
        assert!(matches!(Fragment::parse(&cut, &init()), Err(Error::Truncated { .. })));
    }
}
