//! What the rewriting decoded: from the times that it listed, and from what the decoders said.

use std::path::Path;

use fs_err::tokio as fs;
use media::manifest::{DecodedPictures, DecodedSource};
use media::source::{AudioFacts, NonStandard, Scan, SourceFacts, VideoFacts};

use crate::args::{LIST_SECONDS, listed_times};
use crate::lines::Lines;
use crate::run::unreadable;
use crate::{Error, Finished};

/// Pictures whose distances tell whether a packet holds a whole one.
const LOOKED_AT: usize = 1000;
/// Pictures further apart than their packets by this factor are made of two packets each.
const PAIRED: f64 = 1.5;

/// The pictures that a run listed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Listed {
    /// How many.
    pub(super) count: u64,
    /// The first ones' times in seconds, in order.
    first: Vec<f64>,
}

impl Listed {
    /// Reads a list and removes it; there is none where there were no pictures to list.
    pub(super) async fn take(list: &Path) -> Result<Self, Error> {
        let file = match fs::File::open(list).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            file => file.map_err(Error::io("read the list of pictures"))?,
        };
        let (mut lines, mut listed) = (Lines::new(file), Self::default());
        while let Some(line) = lines.next().await.map_err(unreadable)? {
            for time in listed_times(&line) {
                listed.count += 1;
                if listed.first.len() < LOOKED_AT {
                    listed.first.push(time as f64 * LIST_SECONDS);
                }
            }
        }
        fs::remove_file(list).await.map_err(Error::io("remove the list of pictures"))?;
        listed.first.sort_by(f64::total_cmp);
        Ok(listed)
    }

    /// The usual distance of two pictures in seconds; `None` for fewer than two.
    fn step(&self) -> Option<f64> {
        let mut steps: Vec<f64> = self.first.windows(2).map(|pair| pair[1] - pair[0]).collect();
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied()
    }
}

/// What a run decoded that rewrote a source from its beginning to its end.
pub(super) fn of(facts: &SourceFacts, listed: &Listed, finished: &Finished) -> DecodedSource {
    let usable: Vec<_> = facts.audio.iter().filter(|audio| audio.is_usable()).collect();
    let pictures = facts.video.as_ref().map(|video| {
        let from_start = video.timeline.start_us() - facts.container_start_us;
        let late = listed.first.first().map_or(0.0, |first| first - from_start as f64 / 1e6);
        let expected = expected(video, listed);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let leading = (late * video.timeline.rate.as_f64()).round().max(0.0) as u64;
        let found = DecodedPictures {
            expected,
            decoded: listed.count.min(expected),
            leading: leading.min(expected.saturating_sub(listed.count)),
            ..spoilt(&[video], &usable, finished)
        };
        let begins_late = facts.non_standard.contains(&NonStandard::NoLeadingKeyFrame);
        believed(found, begins_late)
    });
    DecodedSource { pictures, sound_errors: usable.iter().map(|it| errors(it, finished)).collect() }
}

/// What decoders said of the pictures of these tracks.
pub(super) fn spoilt(
    pictures: &[&VideoFacts],
    sound: &[&AudioFacts],
    finished: &Finished,
) -> DecodedPictures {
    let of_sound = |decoder: &str| sound.iter().any(|it| decodes(decoder, &it.codec));
    let errors = finished.by_decoder.iter().filter(|(decoder, _)| !of_sound(decoder));
    let damaged = pictures.iter().filter_map(|it| finished.by_stream.get(&it.stream));
    DecodedPictures {
        damaged: damaged.map(|it| it.damaged).sum(),
        errors: errors.map(|(_, count)| count).sum(),
        ..DecodedPictures::default()
    }
}

/// Packets and frames of a track of sound that did not decode or were made up.
pub(super) fn errors(track: &AudioFacts, finished: &Finished) -> u64 {
    finished.by_stream.get(&track.stream).map_or(0, |it| it.refused + it.damaged)
}

/// Pictures that nobody misses are none that were lost: some packets say that the picture before
/// stays, and hold none.
pub(super) fn believed(found: DecodedPictures, begins_late: bool) -> DecodedPictures {
    if begins_late || found.leading > 0 || found.errors > 0 || found.damaged > 0 {
        return found;
    }
    DecodedPictures { expected: found.decoded, ..found }
}

/// Pictures that the packets hold, or that the header promises where it speaks of more. Where lines may belong to two moments, two packets may be the
/// fields of one picture: then pictures come at half the rate of the packets.
fn expected(video: &VideoFacts, listed: &Listed) -> u64 {
    let packets = video.timeline.frames.max(video.frames_promised.unwrap_or(0));
    let paired = |step: f64| step * video.timeline.rate.as_f64() > PAIRED;
    let may_be_fields = video.scan() != Scan::Progressive;
    if may_be_fields && listed.step().is_some_and(paired) { packets.div_ceil(2) } else { packets }
}

/// True for the decoder of a codec, which mostly begins with the codec's name, as `mp3float` does.
fn decodes(decoder: &str, codec: &str) -> bool {
    decoder.starts_with(if codec == "dts" { "dca" } else { codec })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::test_facts;

    fn listed(count: u64, step: f64) -> Listed {
        Listed { count, first: (0..count).map(|at| at as f64 * step).collect() }
    }

    #[test]
    fn two_fields_are_one_picture() {
        let mut video = test_facts("50", 500).video.unwrap();
        video.field_order = Some("tt".into());
        assert_eq!(expected(&video, &listed(250, 0.04)), 250);
        assert_eq!(expected(&video, &listed(400, 0.02)), 500);
        video.field_order = Some("progressive".into());
        assert_eq!(expected(&video, &listed(250, 0.04)), 500);
    }

    #[test]
    fn pictures_that_nobody_misses_are_none() {
        let found = DecodedPictures { expected: 300, decoded: 290, ..DecodedPictures::default() };
        assert_eq!(believed(found, false).lost(), 0);
        assert_eq!(believed(found, true).lost(), 10);
        assert_eq!(believed(DecodedPictures { errors: 1, ..found }, false).lost(), 10);
    }

    #[test]
    fn decoders_are_known_by_their_codec() {
        assert!(decodes("mp3float", "mp3") && decodes("ac3", "ac3") && decodes("dca", "dts"));
        assert!(!decodes("mpeg4", "mp3") && !decodes("NULL", "aac"));
    }
}
