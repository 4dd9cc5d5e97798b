//! Texts that Temporal keeps with a workflow, each within the server's limit.
//!
//! A text over its limit is refused with the command that carries it, again and again: a workflow
//! that says too much hangs forever. So every text that is not fixed goes through one of these; a
//! test of the checkout sees to it.

use uuid::Uuid;

/// Longest summary, in bytes of JSON. The server takes 400 (`limit.userMetadataSummarySize`) for the
/// whole payload, its encoding's name included.
const SUMMARY_BYTES_MAX: usize = 200;
/// Longest details, in bytes of JSON; the server takes 20,000 (`limit.userMetadataDetailsSize`).
const DETAILS_BYTES_MAX: usize = 2000;
/// Longest message of a failure or a warning, in bytes: the last lines of a child's log and more.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// Longest fairness key, in bytes: the server's own limit.
const FAIRNESS_KEY_BYTES_MAX: usize = 64;
/// Longest keyword, in characters: the width of the column in which SQL stores keep it.
const KEYWORD_CHARS_MAX: usize = 255;
/// Takes the place of what is cut.
const CUT: char = '…';

/// A summary of a workflow, an activity or a timer: cut at the end of a character.
pub fn summary(text: &str) -> String {
    cut(text, SUMMARY_BYTES_MAX)
}

/// What a workflow is doing: cut at the end of a character.
pub fn details(text: &str) -> String {
    cut(text, DETAILS_BYTES_MAX)
}

/// What went wrong, in words for people: cut at the end of a character, lines kept.
pub fn message(text: &str) -> String {
    if text.len() <= MESSAGE_BYTES_MAX {
        return text.to_owned();
    }
    let mut end = MESSAGE_BYTES_MAX - CUT.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT}", &text[..end])
}

/// The key under which tenants take turns. One that is too long ends in its digest, so that no two
/// tenants share a turn.
pub fn fairness_key(tenant: &str) -> String {
    digested(tenant, FAIRNESS_KEY_BYTES_MAX, tenant.len())
}

/// The value of a search attribute that is looked for as a whole. One that is too long ends in its
/// digest.
pub fn keyword(text: &str) -> String {
    digested(text, KEYWORD_CHARS_MAX, text.chars().count())
}

/// The beginning of a text, in at most so many bytes once it is a JSON string. What is no character
/// to be read becomes a space.
fn cut(text: &str, bytes_max: usize) -> String {
    let readable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let whole: String = readable.collect();
    if whole.chars().map(json_bytes).sum::<usize>() <= bytes_max {
        return whole;
    }
    let mut left = bytes_max - CUT.len_utf8();
    let fits = |c: &char| {
        let bytes = json_bytes(*c);
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    };
    let mut kept: String = whole.chars().take_while(fits).collect();
    kept.push(CUT);
    kept
}

/// Quotation marks and backslashes are escaped.
fn json_bytes(c: char) -> usize {
    if matches!(c, '"' | '\\') { 2 } else { c.len_utf8() }
}

/// The text, or as much of it as fits before a digest of all of it. `length` is in the unit of
/// `length_max`; a character has at least one of it, so bytes are the safe one to cut by.
fn digested(text: &str, length_max: usize, length: usize) -> String {
    if length <= length_max {
        return text.to_owned();
    }
    let digest = Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).simple().to_string();
    let mut end = length_max - digest.len() - 1;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{digest}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_stay_as_they_are() {
        for text in ["", "download example.com/a.mp4", "größe \"1\"", &"é".repeat(100)] {
            assert_eq!(summary(text), text);
        }
        for tenant in ["acme", &"é".repeat(32), &"x".repeat(64)] {
            assert_eq!(fairness_key(tenant), tenant);
        }
        assert_eq!(keyword(&"視".repeat(255)), "視".repeat(255));
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_fit_as_json() {
        for part in ["a", "é", "視", "\u{1f3ac}", "\"", "\\", "a\"é\u{1f3ac}", "\u{1}"] {
            for count in [1, 49, 50, 51, 66, 67, 99, 100, 101, 199, 200, 201, 4096] {
                let text = part.repeat(count);
                for (cut, most) in [(summary(&text), 200), (details(&text), 2000)] {
                    let json = serde_json::to_string(&cut).unwrap();
                    assert!(json.len() - 2 <= most, "{part:?} × {count}: {}", json.len());
                    let readable = text.replace('\u{1}', " ");
                    let kept = cut.trim_end_matches(CUT);
                    assert!(readable.starts_with(kept), "{part:?} × {count}");
                    assert!(cut == readable || kept.len() + 12 > most / 2, "{part:?} × {count}");
                }
            }
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters_and_keep_their_lines() {
        assert_eq!(message("a\nb"), "a\nb");
        for part in ["a", "é\n", "視", "\u{1f3ac}"] {
            let text = part.repeat(9000);
            let cut = message(&text);
            assert!((MESSAGE_BYTES_MAX - 4..=MESSAGE_BYTES_MAX).contains(&cut.len()), "{part:?}");
            assert!(text.starts_with(cut.trim_end_matches(CUT)), "{part:?}");
        }
    }

    #[test]
    fn long_keys_stay_different_and_fit() {
        let long = |last: &str| format!("{}{last}", "視é\u{1f3ac}".repeat(100));
        for key in [fairness_key, keyword] {
            assert_ne!(key(&long("a")), key(&long("b")));
            assert_eq!(key(&long("a")), key(&long("a")));
        }
        assert!(fairness_key(&long("a")).len() <= 64);
        assert!(keyword(&long("a")).chars().count() <= 255);
    }
}
