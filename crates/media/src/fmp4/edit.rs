//! Corrections to what ffmpeg wrote. No byte of a fragment is moved, so every offset stays valid.
//!
//! Signed composition offsets are read in two ways: players show a sample at decode time plus
//! offset, while libavformat first adds the most negative offset of the track. Positive offsets are
//! unambiguous.

use std::ops::Range;

use super::{Error, boxes};

/// Flags of a `trun` box (ISO/IEC 14496-12, 8.8.8.1).
const DATA_OFFSET: u32 = 0x1;
const FIRST_FLAGS: u32 = 0x4;
const CTS: u32 = 0x800;
/// Duration, size, flags and composition offset: four bytes per sample each.
const PER_SAMPLE: u32 = 0xf00;

/// Adds `by` ticks to the composition offset of every sample of one fragment.
///
/// The run is marked as version 1, whose offsets are signed, so either direction is possible. Run
/// twice, it shifts twice. After an error the bytes are worthless.
pub fn shift_composition(fragment: &mut [u8], by: i64) -> Result<(), Error> {
    if by == 0 {
        return Ok(());
    }
    let whole = 0..fragment.len();
    // The index states the earliest presentation time, which the shift would make a lie.
    if let Ok(sidx) = boxes::child(fragment, whole.clone(), "sidx") {
        return Err(Error::Unexpected { kind: "sidx".to_owned(), at: sidx.at });
    }
    let moof = boxes::child(fragment, whole, "moof")?;
    let mut runs: Vec<Range<usize>> = Vec::new();
    for traf in boxes::boxes(fragment, moof.body) {
        let traf = traf?;
        if &traf.kind != b"traf" {
            continue;
        }
        for run in boxes::boxes(fragment, traf.body) {
            let run = run?;
            runs.extend((&run.kind == b"trun").then_some(run.body));
        }
    }
    if runs.is_empty() {
        return Err(Error::Missing("trun"));
    }
    for run in runs {
        let at = run.start;
        let have = fragment.len();
        shift_run(&mut fragment[run], by)?.ok_or(Error::Truncated { at, have })?;
    }
    Ok(())
}

/// Adds `by` ticks to the decode time of one fragment, for tracks whose samples are shown when they
/// are decoded and which therefore carry no composition offsets. Run twice, it shifts twice.
pub fn delay_decoding(fragment: &mut [u8], by: u64) -> Result<(), Error> {
    let moof = boxes::child(fragment, 0..fragment.len(), "moof")?;
    let traf = boxes::child(fragment, moof.body, "traf")?;
    let tfdt = boxes::child(fragment, traf.body, "tfdt")?;
    let cut = Error::Truncated { at: tfdt.at, have: fragment.len() };
    let body = &mut fragment[tfdt.body];
    // Version 0 has 32 bits, version 1 has 64 (ISO/IEC 14496-12, 8.8.12); ffmpeg writes version 1.
    match body.first() {
        Some(1) => {
            let time = body.get_mut(4..).and_then(|rest| rest.first_chunk_mut::<8>()).ok_or(cut)?;
            *time = u64::from_be_bytes(*time).saturating_add(by).to_be_bytes();
            Ok(())
        }
        Some(_) => Err(Error::Unexpected { kind: "tfdt of version 0".to_owned(), at: tfdt.at }),
        None => Err(cut),
    }
}

/// Applies an edit to every fragment of a segment.
pub fn each_fragment(
    segment: &mut [u8],
    mut edit: impl FnMut(&mut [u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let parts = super::split(segment)?.fragments;
    parts.into_iter().try_for_each(|part| edit(&mut segment[part]))
}

/// Takes `by` ticks from the decode time of one fragment, and from the presentation time its index
/// states, so that a later fragment can begin a new presentation. Run twice, it goes back twice. After
/// an error the bytes are worthless.
pub fn set_back(fragment: &mut [u8], by: u64) -> Result<(), Error> {
    let whole = 0..fragment.len();
    let moof = boxes::child(fragment, whole.clone(), "moof")?;
    let traf = boxes::child(fragment, moof.body, "traf")?;
    let tfdt = boxes::child(fragment, traf.body, "tfdt")?;
    take(fragment, &tfdt, 4, by)?;
    // After version and flags, the track's number and its time scale (ISO/IEC 14496-12, 8.16.3).
    match boxes::child(fragment, whole, "sidx") {
        Ok(sidx) => take(fragment, &sidx, 12, by),
        Err(Error::Missing(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes `by` from a time at `at` of a box, which has 64 bits in version 1 and 32 in version 0.
fn take(fragment: &mut [u8], placed: &boxes::Placed, at: usize, by: u64) -> Result<(), Error> {
    let cut = Error::Truncated { at: placed.at, have: fragment.len() };
    let early = Error::CompositionRange(-by.cast_signed());
    let body = &mut fragment[placed.body.clone()];
    let long = body.first() == Some(&1);
    let Some(field) = body.get_mut(at..) else { return Err(cut) };
    if long {
        let time = field.first_chunk_mut::<8>().ok_or(cut)?;
        *time = u64::from_be_bytes(*time).checked_sub(by).ok_or(early)?.to_be_bytes();
    } else {
        let time = field.first_chunk_mut::<4>().ok_or(cut)?;
        let by = u32::try_from(by).unwrap_or(u32::MAX);
        *time = u32::from_be_bytes(*time).checked_sub(by).ok_or(early)?.to_be_bytes();
    }
    Ok(())
}

/// Writes the sequence number of one fragment: its index over the whole rendition plus one. Run
/// twice, it changes nothing.
pub fn renumber(fragment: &mut [u8], sequence: u32) -> Result<(), Error> {
    let moof = boxes::child(fragment, 0..fragment.len(), "moof")?;
    let mfhd = boxes::child(fragment, moof.body, "mfhd")?;
    let cut = Error::Truncated { at: mfhd.at, have: fragment.len() };
    // After one byte of version and three of flags.
    let number = fragment[mfhd.body].get_mut(4..8).ok_or(cut)?;
    number.copy_from_slice(&sequence.to_be_bytes());
    Ok(())
}

/// Shifts one `trun` body; `None` when it is shorter than it says.
fn shift_run(run: &mut [u8], by: i64) -> Result<Option<()>, Error> {
    let word =
        |at: usize| run.get(at..)?.first_chunk().map(|bytes: &[u8; 4]| u32::from_be_bytes(*bytes));
    let (Some(head), Some(count)) = (word(0), word(4)) else { return Ok(None) };
    let (signed, flags) = (head >> 24 != 0, head & 0x00ff_ffff);
    if flags & CTS == 0 {
        return Err(Error::NoComposition(by));
    }
    let before = 8 + 4 * (flags & (DATA_OFFSET | FIRST_FLAGS)).count_ones() as usize;
    let stride = 4 * (flags & PER_SAMPLE).count_ones() as usize;
    let Some(table) = run.get_mut(before..) else { return Ok(None) };
    if table.len() as u64 != u64::from(count) * stride as u64 {
        return Ok(None);
    }
    for sample in table.chunks_exact_mut(stride) {
        // The composition offset is the last of a sample's fields.
        let Some(field) = sample.last_chunk_mut::<4>() else { return Ok(None) };
        let old = if signed {
            i64::from(i32::from_be_bytes(*field))
        } else {
            i64::from(u32::from_be_bytes(*field))
        };
        let new = old.saturating_add(by);
        *field = i32::try_from(new).map_err(|_| Error::CompositionRange(new))?.to_be_bytes();
    }
    if let Some(version) = run.first_mut() {
        *version = 1;
    }
    Ok(Some(()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{Fragment, Init, testdata},
        *,
    };

    fn parsed(bytes: &[u8]) -> Fragment {
        Fragment::parse(bytes, &Init::parse(testdata::VIDEO).unwrap()).unwrap()
    }

    /// Two frames, the longest any x264 preset delays a picture.
    const DELAY: u64 = 2 * 512;

    #[test]
    fn delayed_decoding_moves_the_decode_time_and_nothing_else() {
        let mut bytes = testdata::video_fragment(1);
        let before = parsed(&bytes);
        delay_decoding(&mut bytes, DELAY).unwrap();
        let after = parsed(&bytes);
        assert_eq!(after.decode_time, before.decode_time + DELAY);
        assert_eq!(after.samples, before.samples);
    }

    #[test]
    fn moved_up_by_the_longest_delay_no_offset_is_negative() {
        for index in [0, 1] {
            let original = testdata::video_fragment(index);
            let mut bytes = original.clone();
            shift_composition(&mut bytes, DELAY.cast_signed()).unwrap();
            let (before, after) = (parsed(&original), parsed(&bytes));
            assert_eq!(after.samples.iter().map(|sample| sample.cts).min(), Some(0));
            assert_eq!(after.first_presentation(), (before.decode_time + DELAY).cast_signed());
            assert_eq!(bytes.len(), original.len());
        }
    }

    proptest! {
        #[test]
        fn a_shift_changes_offsets_only_and_can_be_undone(by in -100_000_i64..100_000, index in 0_usize..2) {
            let original = testdata::video_fragment(index);
            let mut bytes = original.clone();
            shift_composition(&mut bytes, by).unwrap();
            let mut expected = parsed(&original);
            for sample in &mut expected.samples {
                sample.cts += i32::try_from(by).unwrap();
            }
            prop_assert_eq!(parsed(&bytes), expected);
            shift_composition(&mut bytes, -by).unwrap();
            prop_assert_eq!(bytes, original);
        }
    }

    #[test]
    fn unsigned_runs_become_signed() {
        let mut bytes = testdata::video_fragment(1);
        shift_composition(&mut bytes, 4096).unwrap();
        let version = bytes.windows(4).position(|four| four == b"trun").unwrap() + 4;
        bytes[version] = 0;
        shift_composition(&mut bytes, -4096).unwrap();
        assert_eq!(bytes, testdata::video_fragment(1));
    }

    #[test]
    fn what_cannot_be_shifted_is_refused() {
        let refused = |bytes: &[u8], by| shift_composition(&mut bytes.to_vec(), by).unwrap_err();
        let video = testdata::video_fragment(1);
        assert!(matches!(refused(&video, 1 << 31), Error::CompositionRange(_)));
        assert!(matches!(refused(testdata::AUDIO[0], 1), Error::Unexpected { at: 24, .. }));
        let unindexed = &testdata::AUDIO[0][76..];
        assert!(matches!(refused(unindexed, 1), Error::NoComposition(1)));
        shift_composition(&mut unindexed.to_vec(), 0).unwrap();
        let mut miscounted = video.clone();
        let run = video.windows(4).position(|four| four == b"trun").unwrap();
        miscounted[run + 11] += 1;
        assert!(matches!(refused(&miscounted, 1), Error::Truncated { .. }));
        let mut without = video;
        without[run..run + 4].copy_from_slice(b"free");
        assert!(matches!(refused(&without, 1), Error::Missing("trun")));
    }

    #[test]
    fn a_fragment_set_back_begins_earlier_and_is_otherwise_the_same() {
        let mut bytes = testdata::video_fragment(1);
        let before = parsed(&bytes);
        set_back(&mut bytes, before.decode_time - 7).unwrap();
        assert_eq!(parsed(&bytes), Fragment { decode_time: 7, ..before });
        assert!(matches!(set_back(&mut bytes, 8), Err(Error::CompositionRange(-8))));
        set_back(&mut bytes, 7).unwrap();
        assert_eq!(parsed(&bytes).decode_time, 0);
    }

    #[test]
    fn the_index_goes_back_with_its_fragment() {
        let mut bytes = testdata::AUDIO[1].to_vec();
        let sidx = bytes.windows(4).position(|four| four == b"sidx").unwrap();
        let stated = |bytes: &[u8]| bytes[sidx + 16..sidx + 24].to_vec();
        assert_eq!(stated(&bytes), (47 * 1024_u64).to_be_bytes());
        set_back(&mut bytes, 47 * 1024 - 5).unwrap();
        assert_eq!(stated(&bytes), 5_u64.to_be_bytes());
        let init = Init::parse(testdata::AUDIO_INIT).unwrap();
        assert_eq!(Fragment::parse(&bytes, &init).unwrap().decode_time, 5);
    }

    #[test]
    fn a_number_is_all_that_changes() {
        let original = testdata::video_fragment(1);
        let mut bytes = original.clone();
        renumber(&mut bytes, 0x0102_0304).unwrap();
        let expected = Fragment { sequence: 0x0102_0304, ..parsed(&original) };
        assert_eq!(parsed(&bytes), expected);
        let changed = bytes.iter().zip(&original).filter(|(a, b)| a != b).count();
        assert_eq!((changed, bytes.len()), (4, original.len()));
        assert!(matches!(renumber(&mut [], 1), Err(Error::Missing("moof"))));
    }
}
