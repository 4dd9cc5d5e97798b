//! What a run that seeks says about where its decoding began.
//!
//! Decoders differ in what they do between a seek and the next key frame: `h264` and `mpeg2video`
//! keep pictures back whose references are missing, `hevc`, `mpeg4` and others show them (grey, or
//! built on nothing). So a run is believed only when a picture that needs no other was shown before
//! the first one wanted.

use media::source::VideoFacts;

use crate::log::Mark;

/// A filter that passes every picture and has ffmpeg print [`Mark::Whole`] when one is shown from
/// which on pictures are whole, if that is before the tick `whole_before`; and [`Mark::Begun`] at
/// the first picture at or after `begins`. Ticks count from the first picture of the video.
///
/// `print` writes at the level `error` (16), which every run shows; it is the only way for a filter
/// to leave something in the log at its place among the decoder's complaints.
pub(super) fn marks(facts: &VideoFacts, whole_before: i64, begins: i64) -> String {
    // The decoder of H.264 marks no picture as key where the stream is refreshed bit by bit, but it
    // shows none before it has recovered (libavcodec/h264_picture.c, `frame_recovered`).
    let whole = if facts.codec == "h264" { "" } else { "key*" };
    format!(
        "select='if({whole}lt(pts,{whole_before})*not(ld(0)),st(0,1+0*print({},16)));\
         if(gte(pts,{begins})*not(ld(1)),st(1,1+0*print({},16)));1'",
        Mark::Whole.number(),
        Mark::Begun.number(),
    )
}
