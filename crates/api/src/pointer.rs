//! JSON pointers (RFC 6901) as URI fragments: how a problem names a place in a body.

use std::fmt::Write as _;

use serde_path_to_error::Segment;

/// The pointer to a path as our own checks write it, such as `options.ladder[2].name`.
pub(crate) fn from_path(path: &str) -> String {
    let names = path.split(['.', '[']).map(|name| name.trim_end_matches(']'));
    pointer(names.filter(|name| !name.is_empty()))
}

/// The pointer to the place where deserialisation failed.
pub(crate) fn from_tracked(path: &serde_path_to_error::Path) -> String {
    let names: Vec<String> = path
        .iter()
        .map(|segment| match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.clone(),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => "?".to_owned(),
        })
        .collect();
    pointer(names.iter().map(String::as_str))
}

fn pointer<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut pointer = String::from("#");
    for name in names {
        pointer.push('/');
        for byte in name.bytes() {
            match byte {
                b'~' => pointer.push_str("~0"),
                b'/' => pointer.push_str("~1"),
                b if b.is_ascii_alphanumeric() || b"-._!$&'()*+,;=:@?".contains(&b) => {
                    pointer.push(char::from(b));
                }
                b => write!(pointer, "%{b:02X}").expect("writing to a string cannot fail"),
            }
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_pointers() {
        for (path, expected) in [
            ("", "#"),
            ("url", "#/url"),
            ("options.ladder[2].name", "#/options/ladder/2/name"),
            ("options.resolutions[0]", "#/options/resolutions/0"),
        ] {
            assert_eq!(from_path(path), expected);
        }
    }

    #[test]
    fn special_characters_are_escaped() {
        assert_eq!(
            pointer(["a/b", "~", "ü", "c d", "%"].into_iter()),
            "#/a~1b/~0/%C3%BC/c%20d/%25"
        );
    }
}
