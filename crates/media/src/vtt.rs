//! WebVTT: timed texts, as one file.
//!
//! It writes cues and nothing else; what a cue says, and how subtitles are cut into segments, is
//! decided by its users.

use std::fmt::Write as _;

/// A text and when it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// First moment in milliseconds.
    pub start_ms: u64,
    /// End in milliseconds; later than the start.
    pub end_ms: u64,
    /// Plain text; several lines are kept, blank ones are not.
    pub text: String,
    /// WebVTT cue settings, such as `line:0 align:start`.
    pub settings: Option<String>,
}

/// A WebVTT file of these cues, in the order given. Text is escaped, so that nothing in it is
/// taken for markup, for a time line or for the end of its cue.
pub fn write(cues: &[Cue]) -> String {
    let mut file = "WEBVTT\n".to_owned();
    for cue in cues {
        push(&mut file, cue, &escaped(&cue.text));
    }
    file
}

/// Adds a cue whose text is `markup`: WebVTT already, without blank lines.
pub(crate) fn push(file: &mut String, cue: &Cue, markup: &str) {
    let _ = write!(file, "\n{} --> {}", time(cue.start_ms), time(cue.end_ms));
    if let Some(settings) = &cue.settings {
        let _ = write!(file, " {settings}");
    }
    let _ = writeln!(file, "\n{markup}");
}

/// A moment as `hh:mm:ss.mmm`; hours take more digits when they need them.
pub fn time(ms: u64) -> String {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    format!("{:02}:{:02}:{:02}.{ms:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Text that WebVTT shows as it stands. A blank line would end the cue, so blank lines go; `&`,
/// `<` and `>` are written as entities, which also hides `-->`.
pub fn escaped(text: &str) -> String {
    let text = text.replace('\0', "\u{fffd}").replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn cue(start_ms: u64, end_ms: u64, text: &str) -> Cue {
        Cue { start_ms, end_ms, text: text.to_owned(), settings: None }
    }

    #[test]
    fn cues_are_written_in_order() {
        let settings = Some("line:0".to_owned());
        let cues = [
            cue(0, 1500, "Hello"),
            Cue { settings, ..cue(3_599_999, 360_000_000, "two\r\n\r\nlines") },
        ];
        expect![[r"
            WEBVTT

            00:00:00.000 --> 00:00:01.500
            Hello

            00:59:59.999 --> 100:00:00.000 line:0
            two
            lines
        "]]
        .assert_eq(&write(&cues));
        assert_eq!(write(&[]), "WEBVTT\n");
    }

    #[test]
    fn no_text_is_taken_for_markup_or_time() {
        assert_eq!(escaped("a --> b <i> & \0"), "a --&gt; b &lt;i&gt; &amp; \u{fffd}");
        assert_eq!(escaped("\n \r\rx\u{2028}y\n"), "x\u{2028}y");
    }
}
