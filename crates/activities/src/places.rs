//! Removes paths of this machine, and URLs, which may contain signatures, from messages that users
//! see.
//! The log keeps them.

/// The message with the last name of each path in its place, and without addresses.
pub(crate) fn without_places(message: &str) -> String {
    let (mut told, mut rest, mut before) = (String::new(), message, None);
    while let Some(next) = rest.chars().next() {
        let begins = before.is_none_or(|it: char| it.is_whitespace() || "'\"`(=,<".contains(it));
        if let Some((place, kind)) = begins.then(|| place(rest, before)).flatten() {
            told.push_str(match kind {
                Kind::Path => place.trim_end_matches('/').rsplit('/').next().unwrap_or_default(),
                Kind::Address => "an address",
            });
            rest = &rest[place.len()..];
            before = place.chars().next_back();
            continue;
        }
        told.push(next);
        rest = &rest[next.len_utf8()..];
        before = Some(next);
    }
    told
}

enum Kind {
    Path,
    Address,
}

/// The place that a text begins with, behind this character.
fn place(text: &str, before: Option<char>) -> Option<(&str, Kind)> {
    let behind = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let scheme = behind.len() < text.len() && behind.starts_with("://");
    let named = text.starts_with("file:/");
    let path = text.starts_with('/')
        && text[1..].starts_with(|c: char| c.is_alphanumeric() || "._-".contains(c));
    let kind = match () {
        () if scheme && !named => Kind::Address,
        () if named || path => Kind::Path,
        () => return None,
    };
    let quoted = before.filter(|it| "'\"`".contains(*it));
    let end = match quoted {
        Some(quote) => text.find(quote),
        // ffmpeg does not quote names, and says something after a colon.
        None if named => text.find(": "),
        None => text.find(|c: char| c.is_whitespace() || ",;)>".contains(c)),
    };
    let found = &text[..end.unwrap_or(text.len())];
    Some((found.trim_end_matches([':', '.']), kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_keep_their_last_name_and_addresses_none() {
        for (message, told) in [
            (
                "program `/usr/bin/ffmpeg` failed (exit code 1): no message",
                "program `ffmpeg` failed (exit code 1): no message",
            ),
            ("file:/data/my films/x.mp4: Invalid argument", "x.mp4: Invalid argument"),
            ("Error opening input file file:/data/scratch/a.mp4", "Error opening input file a.mp4"),
            (
                "failed to open file `/data/a b/catalog.db`: no",
                "failed to open file `catalog.db`: no",
            ),
            ("cannot use /data/scratch/", "cannot use scratch"),
            ("there is no file /home/me/a.mp4", "there is no file a.mp4"),
            (
                "http://127.0.0.1:9/v/a?X-Amz-Signature=b: Server returned 403",
                "an address: Server returned 403",
            ),
            ("see 'https://u:p@h/a?b c'", "see 'an address'"),
        ] {
            assert_eq!(without_places(message), told);
        }
    }

    #[test]
    fn everything_else_stays() {
        for message in [
            "",
            "/",
            "at 30000/1001 pictures a second",
            "a / b",
            "videos/1/source.mp4 does not exist",
            "codec `h264` (video/mp4)",
            "1 kB/s, 16:9",
            "no :// in it",
            "größer als 5 GiB",
        ] {
            assert_eq!(without_places(message), message);
        }
    }
}
