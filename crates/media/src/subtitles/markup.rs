//! ASS markup as WebVTT markup: bold, italic and underlined stay, and texts at the top stay there.
//! All other styling goes, and so do drawings.

/// References to characters that WebVTT knows and that texts of other formats hold as well.
const ENTITIES: &[&str] = &["&amp;", "&lt;", "&gt;", "&nbsp;", "&lrm;", "&rlm;", "&quot;", "&#39;"];

/// A text as a player shows it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// WebVTT cue text without blank lines; empty when there is nothing to see.
    pub(super) text: String,
    /// True when it stands at the top.
    pub(super) top: bool,
}

/// Reads the text field of an ASS event that was decoded from `codec`.
pub(super) fn webvtt(ass: &str, codec: &str) -> Shown {
    let mut reader = Reader { native: matches!(codec, "ass" | "ssa"), ..Reader::default() };
    reader.read(ass);
    Shown { text: written(&reader.runs), top: reader.top }
}

/// What WebVTT can say of a letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    bold: bool,
    italic: bool,
    underlined: bool,
}

impl Style {
    /// Tags that open and close it.
    fn tags(self) -> (String, String) {
        let tags = [(self.bold, 'b'), (self.italic, 'i'), (self.underlined, 'u')];
        let on = || tags.into_iter().filter(|(on, _)| *on).map(|(_, tag)| tag);
        let open = on().flat_map(|tag| ['<', tag, '>']).collect();
        (open, on().rev().flat_map(|tag| ['<', '/', tag, '>']).collect())
    }
}

#[derive(Debug, Default)]
struct Reader {
    /// True for a text somebody wrote as ASS; ffmpeg converts others and leaves some of the
    /// characters alone that are markup in ASS.
    native: bool,
    style: Style,
    /// Within drawing commands, which are no text.
    drawing: bool,
    top: bool,
    runs: Vec<(Style, String)>,
}

impl Reader {
    fn read(&mut self, ass: &str) {
        let mut at = 0;
        // Where the next `}` stands at or after `at`. Searched for again only once it is behind, so
        // that a text of opening braces alone costs one search and not one for each of them.
        let mut close = ass.find('}');
        while let Some(first) = ass[at..].chars().next() {
            if close.is_some_and(|close| close < at) {
                close = ass[at..].find('}').map(|found| at + found);
            }
            let tags = close.filter(|_| first == '{').map(|close| &ass[at + 1..close]);
            at += if let Some(tags) = tags.filter(|tags| self.native || tags.starts_with('\\')) {
                tags.split('\\').skip(1).for_each(|tag| self.tag(tag.trim()));
                tags.len() + 2
            } else if let Some(shown) = self.escape(&ass[at..]) {
                self.push(shown);
                2
            } else {
                self.push(first);
                first.len_utf8()
            };
        }
    }

    /// The character that two characters of markup stand for.
    fn escape(&self, text: &str) -> Option<char> {
        let second = text.strip_prefix('\\')?.chars().next()?;
        match second {
            'N' => Some('\n'),
            'n' if self.native => Some(' '),
            'h' => Some('\u{a0}'),
            '{' | '}' => Some(second),
            _ => None,
        }
    }

    fn tag(&mut self, tag: &str) {
        let (name, value) =
            tag.split_at(tag.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tag.len()));
        let number = value.parse::<u32>();
        // Without a number a tag returns to the style of the line, which is taken as plain.
        let on = if value.is_empty() { Ok(false) } else { number.clone().map(|number| number > 0) };
        match (name, on, number) {
            ("b", _, Ok(weight)) => self.style.bold = weight == 1 || weight >= 600,
            ("b", Ok(on), _) => self.style.bold = on,
            ("i", Ok(on), _) => self.style.italic = on,
            ("u", Ok(on), _) => self.style.underlined = on,
            ("p", Ok(on), _) => self.drawing = on,
            ("an", _, Ok(place)) => self.top = (7..=9).contains(&place),
            _ if name.starts_with('r') => self.style = Style::default(),
            _ => {}
        }
    }

    fn push(&mut self, shown: char) {
        let is_noise = shown.is_control() && shown != '\n' && shown != '\t';
        if self.drawing || is_noise {
            return;
        }
        match self.runs.last_mut() {
            Some((style, run)) if *style == self.style => run.push(shown),
            _ => self.runs.push((self.style, shown.to_string())),
        }
    }
}

/// Tags are closed at the end of every run, so that they always nest; a blank line would end the
/// cue, so blank lines go.
fn written(runs: &[(Style, String)]) -> String {
    let mut lines = vec![(String::new(), false)];
    for (style, run) in runs {
        for (at, part) in run.split('\n').enumerate() {
            if at > 0 {
                lines.push((String::new(), false));
            }
            if let Some((line, visible)) = lines.last_mut()
                && !part.is_empty()
            {
                let (open, close) = style.tags();
                line.extend([open.as_str(), &escaped(part), &close]);
                *visible |= !part.trim().is_empty();
            }
        }
    }
    let lines: Vec<&str> =
        lines.iter().filter(|(_, visible)| *visible).map(|(line, _)| line.trim()).collect();
    lines.join("\n")
}

/// Hides characters that are markup in WebVTT, references to characters left as they are.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '&' if !ENTITIES.iter().any(|entity| text[at..].starts_with(entity)) => {
                escaped.push_str("&amp;");
            }
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(codec: &str, ass: &str, expected: &str) {
        assert_eq!(webvtt(ass, codec).text, expected, "{codec}: {ass}");
    }

    #[test]
    fn bold_italic_and_underlined_stay() {
        check("subrip", r"{\i1}it{\i0} {\b1}bo{\b0}", "<i>it</i> <b>bo</b>");
        check("ass", r"{\b1\i1}Hello{\i0}, world{\b}!", "<b><i>Hello</i></b><b>, world</b>!");
        check("ass", r"{\u1}a\Nb{\r}c", "<u>a</u>\n<u>b</u>c");
        check("ass", r"{\b700}a{\b400}b{\i1\rOther}c", "<b>a</b>bc");
    }

    #[test]
    fn other_styling_and_drawings_go() {
        check("ass", r"{\fnArial\fs20\bord2\blur3\be1\c&HFF&\pos(1,2)\fad(1,2)}text", "text");
        check("ass", r"{\p1}m 0 0 l 100 0 100 100{\p0}", "");
        check("ass", r"{\an5\p4}m 0 0{\p0}seen{a note}", "seen");
        check("subrip", r"{\c&HFF&}red{\c}", "red");
    }

    #[test]
    fn what_looks_like_markup_is_shown() {
        check("subrip", "Tom & Jerry <3 --> {x}", "Tom &amp; Jerry &lt;3 --&gt; {x}");
        check("mov_text", "<b> AT&T; &amp; &lt;", "&lt;b&gt; AT&amp;T; &amp; &lt;");
        check("webvtt", r"\{y\} a\hb", "{y} a\u{a0}b");
        check("subrip", r"C:\new {open", r"C:\new {open");
        check("ass", r"one\ntwo", "one two");
    }

    #[test]
    fn no_blank_line_is_left() {
        check("subrip", r"\N one \N\N {\i1} \N{\i0}two\N", "one\ntwo");
        check("subrip", "a\r\u{0}\u{7}b\tc", "ab\tc");
        check("subrip", r"  \N ", "");
    }

    #[test]
    fn braces_that_open_nothing_cost_one_search() {
        let text = "{".repeat(4 << 20);
        let begun = std::time::Instant::now();
        assert_eq!(webvtt(&text, "ass").text.len(), text.len());
        assert_eq!(webvtt(&format!("{text}}}"), "subrip").text.len(), text.len() + 1);
        // Half a second in a debug build; a search for each brace takes many minutes.
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }

    #[test]
    fn texts_at_the_top_stay_there() {
        for (text, top) in
            [(r"{\an8}a", true), (r"{\an2}a", false), ("a", false), (r"{\an}a", false)]
        {
            assert_eq!(webvtt(text, "ass").top, top, "{text}");
        }
    }

    proptest! {
        #[test]
        fn hostile_text_is_one_well_formed_cue(text in r"[ab&<>{}\\Nnhbiup10 \-\n\r\t]{0,40}", codec in 0usize..2) {
            let shown = webvtt(&text, ["ass", "subrip"][codec]).text;
            prop_assert!(!shown.contains("-->") && !shown.contains('\r'));
            prop_assert!(shown.is_empty() || shown.lines().all(|line| !line.trim().is_empty()));
            let mut open = Vec::new();
            for tag in shown.split('<').skip(1) {
                let (tag, _) = tag.split_once('>').unwrap();
                match tag.strip_prefix('/') {
                    Some(closed) => prop_assert_eq!(open.pop(), Some(closed)),
                    None => open.push(tag),
                }
            }
            prop_assert!(open.is_empty());
        }
    }
}
