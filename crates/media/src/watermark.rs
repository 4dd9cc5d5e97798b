//! How large a watermark is and where its ink ends, on paper: the text as an ASS script for libass,
//! and the arithmetic that makes it fit into a rung.
//!
//! Draws nothing. A text stays a text: what ASS would read as a command is escaped here.

use crate::{ladder::Rung, options::Position};

/// Distance from the edges as a share of the rung's short side.
const MARGIN: f64 = 0.03;
/// Smallest size of letters that is aimed at, in pixels per line.
const LINE_MIN: f64 = 8.0;
/// Width of the dark outline as a share of the line.
const OUTLINE: f64 = 1.0 / 16.0;
/// A text that could be larger by less than this factor is left as it is.
const GROWTH_MIN: f64 = 1.02;
/// Part of the room that is used when a text has to shrink: libass rounds to pixels.
const ROOM: f64 = 0.99;
/// After a backslash it keeps the next letter from making a command (`\N`), and it has neither ink
/// nor width; ffmpeg's own subtitle encoder does the same.
const WORD_JOINER: char = '\u{2060}';

/// Distance between a mark and the edges of its rung, in pixels.
pub fn margin(rung: &Rung) -> u32 {
    pixels(MARGIN * f64::from(rung.width.min(rung.height)))
}

/// Width and height between the margins.
pub fn room(rung: &Rung) -> (u32, u32) {
    let less = 2 * margin(rung);
    (rung.width.saturating_sub(less).max(1), rung.height.saturating_sub(less).max(1))
}

/// Width and height that an image is fitted into: so much of the rung's width, within the room.
pub fn image_box(rung: &Rung, share: f64) -> (u32, u32) {
    let (width, height) = room(rung);
    (pixels(share * f64::from(rung.width)).clamp(1, width), height)
}

/// The smallest box that holds everything visible, in pixels from the top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ink {
    /// Left edge.
    pub left: u32,
    /// Upper edge.
    pub top: u32,
    /// Width, at least 1.
    pub width: u32,
    /// Height, at least 1.
    pub height: u32,
}

/// One try at a text: letters of some size on a canvas that is larger than the rung, so that a text
/// which does not fit is seen to touch the canvas's edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lettering {
    /// Width and height of the canvas in pixels.
    pub canvas: (u32, u32),
    /// Height of one line in pixels.
    line: f64,
    /// Height of one line that was asked.
    asked: f64,
    room: (u32, u32),
    position: Position,
}

/// What a try showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fit {
    /// It is as it should be.
    Fits,
    /// This one will be nearer.
    Again(Lettering),
}

impl Lettering {
    /// The first try: lines of `share` of the rung's height.
    pub fn new(rung: &Rung, share: f64, position: Position) -> Self {
        let border = 2 * (rung.height / 8 + 8);
        let asked = (share * f64::from(rung.height)).max(LINE_MIN);
        Self {
            canvas: (rung.width + border, rung.height + border),
            line: asked,
            asked,
            room: room(rung),
            position,
        }
    }

    /// Judges a try by the ink it left.
    pub fn judge(self, ink: Ink) -> Fit {
        let again = |line: f64| Fit::Again(Self { line, ..self });
        let (width, height) = self.canvas;
        let inside = ink.left > 0
            && ink.top > 0
            && ink.left + ink.width < width
            && ink.top + ink.height < height;
        if !inside {
            return again(self.line / 2.0);
        }
        let ratio = |room: u32, ink: u32| f64::from(room) / f64::from(ink.max(1));
        let scale = ratio(self.room.0, ink.width).min(ratio(self.room.1, ink.height));
        // The size of a text is proportional to that of its letters.
        let best = (self.line * scale * ROOM).min(self.asked);
        if scale < 1.0 || best > self.line * GROWTH_MIN { again(best) } else { Fit::Fits }
    }

    /// The script that draws `text` in white with a thin dark outline, vertically in the middle, each
    /// line by its own direction. Lines are never wrapped.
    pub fn script(&self, text: &str) -> String {
        let (width, height) = self.canvas;
        let alignment = match self.position {
            Position::TopLeft | Position::BottomLeft => 4,
            Position::Center => 5,
            Position::TopRight | Position::BottomRight => 6,
        };
        let border = width.saturating_sub(self.room.0) / 2;
        let outline = (self.line * OUTLINE).max(1.0);
        format!(
            "[Script Info]\nScriptType: v4.00+\nPlayResX: {width}\nPlayResY: {height}\n\
             WrapStyle: 2\nScaledBorderAndShadow: yes\nYCbCr Matrix: None\n\n[V4+ Styles]\n\
             Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, \
             BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, \
             BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\n\
             Style: Mark,sans-serif,{:.3},&H00FFFFFF,&H00FFFFFF,&H00000000,&H00000000,0,0,0,0,\
             100,100,0,0,1,{outline:.3},0,{alignment},{border},{border},0,-1\n\n[Events]\n\
             Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
             Dialogue: 0,0:00:00.00,1:00:00.00,Mark,,0,0,0,,{}\n",
            self.line,
            escaped(text)
        )
    }
}

/// A text as libass shows it letter by letter.
fn escaped(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let lines =
        text.trim_end().split(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']);
    let lines: Vec<String> = lines
        .map(|line| {
            // An empty line would be drawn at half its height.
            if line.trim().is_empty() {
                "\\h".to_owned()
            } else {
                line.chars().map(letter).collect()
            }
        })
        .collect();
    lines.join("\\N")
}

fn letter(letter: char) -> String {
    match letter {
        '{' => "\\{".to_owned(),
        '}' => "\\}".to_owned(),
        '\\' => format!("\\{WORD_JOINER}"),
        '\t' => " ".to_owned(),
        control if control.is_control() => String::new(),
        plain => plain.to_string(),
    }
}

/// The nearest whole number of pixels.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
fn pixels(length: f64) -> u32 {
    length.round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitrate::Bitrate;

    fn rung(width: u32, height: u32) -> Rung {
        let bitrate = Bitrate::kilobits(100);
        Rung { name: "x".to_owned(), width, height, bitrate, audio_bitrate: bitrate }
    }

    fn lettering(share: f64) -> Lettering {
        Lettering::new(&rung(1280, 720), share, Position::BottomRight)
    }

    #[test]
    fn everything_is_a_share_of_the_rung() {
        assert_eq!((margin(&rung(1280, 720)), margin(&rung(360, 640))), (22, 11));
        assert_eq!(image_box(&rung(1280, 720), 0.15), (192, 676));
        assert_eq!(image_box(&rung(1280, 720), 1.0), (1236, 676));
        assert_eq!(image_box(&rung(2, 2), 0.01), (1, 2));
    }

    #[test]
    fn a_text_is_never_a_command() {
        assert_eq!(escaped(r"{\b1}\N%{pts}"), "\\{\\\u{2060}b1\\}\\\u{2060}N%\\{pts\\}");
        assert_eq!(escaped("a\r\nb\n\nc\u{2028}d\n"), r"a\Nb\N\h\Nc\Nd");
        assert_eq!(escaped("a\tb\0\u{1b}[c"), "a b[c");
        let script = lettering(0.05).script("x\nDialogue: y\n[Events]");
        assert_eq!(script.lines().count(), lettering(0.05).script("x").lines().count());
        assert!(script.ends_with(",,x\\NDialogue: y\\N[Events]\n"), "{script}");
        assert!(script.contains(",sans-serif,36.000,") && script.contains(",6,120,120,0,-1\n"));
    }

    /// A text whose ink is `wide` times as wide as its line is high, cut where the canvas ends.
    fn drawn(lettering: Lettering, wide: f64) -> Ink {
        let (width, height) = (lettering.canvas.0, pixels(lettering.line));
        let right = width - 120;
        let ink = pixels(lettering.line * wide).min(right);
        Ink { left: right - ink, top: 300, width: ink, height }
    }

    fn fitted(mut lettering: Lettering, wide: f64) -> (f64, u32) {
        for tries in 1..12 {
            match lettering.judge(drawn(lettering, wide)) {
                Fit::Fits => return (lettering.line, tries),
                Fit::Again(next) => lettering = next,
            }
        }
        panic!("it never fits: {lettering:?}");
    }

    #[test]
    fn what_fits_stays_and_what_does_not_shrinks_to_the_room() {
        let (line, tries) = fitted(lettering(0.05), 10.0);
        assert_eq!((pixels(line * 1000.0), tries), (36_000, 1));
        let tiny = Lettering::new(&rung(64, 36), 0.05, Position::Center);
        assert!((tiny.line - LINE_MIN).abs() < 1e-9);
        for (share, wide) in [(0.05, 40.0), (0.05, 200.0), (1.0, 3.0), (1.0, 200.0)] {
            let (line, tries) = fitted(lettering(share), wide);
            let filled = line * wide / 1236.0;
            assert!((0.97..=1.0).contains(&filled), "{share} {wide}: {filled} in {tries}");
        }
    }
}
