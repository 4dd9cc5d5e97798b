//! Where the URIs of a playlist point, and how they are rewritten. Keys here are plain paths; a URI
//! is written as in a playlist, relative or absolute.

use std::fmt::Write as _;

/// Replaces every URI of a playlist, whatever kind it is: lines of their own, and the attribute `URI`
/// of any tag. The rest of the text stays as it is.
pub fn with_uris(text: &str, mut new: impl FnMut(&str) -> String) -> String {
    let mut lines = text.split_inclusive('\n').map(|line| {
        let content = line.trim_end_matches(['\n', '\r']);
        let end = &line[content.len()..];
        let content = match content {
            tag if tag.starts_with("#EXT") => tag_with_uri(tag, &mut new),
            other if other.is_empty() || other.starts_with('#') => other.to_owned(),
            uri => new(uri),
        };
        content + end
    });
    lines.by_ref().collect()
}

/// True for the name of a playlist, by its extension.
pub fn is_playlist(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension == "m3u8")
}

/// Every URI of a playlist, in order.
pub fn uris(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    with_uris(text, |uri| {
        found.push(uri.to_owned());
        String::new()
    });
    found
}

/// The key an URI names, seen from the playlist with the key `playlist`; `None` for an absolute one
/// and for one that leaves the top.
pub fn resolve(playlist: &str, uri: &str) -> Option<String> {
    if uri.contains(':') || uri.starts_with('/') {
        return None;
    }
    let mut segments: Vec<&str> = playlist.split('/').collect();
    segments.pop();
    for segment in uri.split('/') {
        match segment {
            "." => {}
            ".." => drop(segments.pop()?),
            other => segments.push(other),
        }
    }
    Some(segments.join("/"))
}

/// The URI by which the playlist with the key `playlist` names `key`: the opposite of [`resolve`].
pub fn relative(playlist: &str, key: &str) -> String {
    let mut from: Vec<&str> = playlist.split('/').collect();
    from.pop();
    let to: Vec<&str> = key.split('/').collect();
    let folders = to.len() - 1;
    let shared = from.iter().zip(&to[..folders]).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - shared);
    let down = to[shared..].iter().map(|segment| encoded(segment));
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// The address of a key below a base, which may end in a slash.
pub fn absolute(base: &str, key: &str) -> String {
    let segments: Vec<String> = key.split('/').map(encoded).collect();
    format!("{}/{}", base.trim_end_matches('/'), segments.join("/"))
}

/// A playlist whose URIs do not depend on where it is read from; those that are absolute stay.
pub fn made_absolute(text: &str, base: &str, playlist: &str) -> String {
    with_uris(text, |uri| match resolve(playlist, uri) {
        Some(key) => absolute(base, &key),
        None => uri.to_owned(),
    })
}

/// One segment of a key, percent-encoded but for what RFC 3986, 2.3 leaves alone.
fn encoded(segment: &str) -> String {
    let mut text = String::new();
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    text
}

/// Replaces the value of the attribute `URI`, if the tag has one. Commas and equals signs in quoted
/// values, which may be names that users gave, are no marks.
fn tag_with_uri(tag: &str, new: &mut impl FnMut(&str) -> String) -> String {
    let Some((name, list)) = tag.split_once(':') else { return tag.to_owned() };
    let attributes = attributes(list).into_iter().map(|attribute| {
        let uri = attribute.strip_prefix("URI=\"").and_then(|rest| rest.strip_suffix('"'));
        uri.map_or_else(|| attribute.to_owned(), |uri| format!("URI=\"{}\"", new(uri)))
    });
    format!("{name}:{}", attributes.collect::<Vec<_>>().join(","))
}

/// The parts of an attribute list, as they are written.
fn attributes(list: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    const MASTER: &str = "#EXTM3U\n#EXT-X-VERSION:7\n\
        #EXT-X-SESSION-DATA:DATA-ID=\"com.apple.hls.chapters\",URI=\"../chapters/chapters.json\"\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio-128\",NAME=\"a,URI=b: c\",URI=\"audio-128/index.m3u8\"\n\
        #EXT-X-MEDIA:TYPE=SUBTITLES,NAME=\"English\",URI=\"subtitles-0/index.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.64001f,mp4a.40.2\"\n720p/index.m3u8\n\
        #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"720p/iframes.m3u8\"\n";
    const MEDIA: &str = "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:6.000000,\nseg-00000-1.m4s\n\
        #EXT-X-ENDLIST\n";

    #[test]
    fn every_uri_of_a_master_playlist_becomes_absolute() {
        expect![[r#"
            #EXTM3U
            #EXT-X-VERSION:7
            #EXT-X-SESSION-DATA:DATA-ID="com.apple.hls.chapters",URI="https://cdn.example/b/v/chapters/chapters.json"
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-128",NAME="a,URI=b: c",URI="https://cdn.example/b/v/outputs/audio-128/index.m3u8"
            #EXT-X-MEDIA:TYPE=SUBTITLES,NAME="English",URI="https://cdn.example/b/v/outputs/subtitles-0/index.m3u8"
            #EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1.64001f,mp4a.40.2"
            https://cdn.example/b/v/outputs/720p/index.m3u8
            #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="https://cdn.example/b/v/outputs/720p/iframes.m3u8"
        "#]]
        .assert_eq(&made_absolute(MASTER, "https://cdn.example/b/", "v/outputs/master.m3u8"));
    }

    #[test]
    fn every_uri_of_a_media_playlist_becomes_absolute() {
        expect![[r#"
            #EXTM3U
            #EXT-X-MAP:URI="https://h/a%20b/720p/init.mp4"
            #EXTINF:6.000000,
            https://h/a%20b/720p/seg-00000-1.m4s
            #EXT-X-ENDLIST
        "#]]
        .assert_eq(&made_absolute(MEDIA, "https://h", "a b/720p/index.m3u8"));
    }

    #[test]
    fn doing_it_twice_changes_nothing() {
        for (text, key) in [(MASTER, "v/outputs/master.m3u8"), (MEDIA, "v/outputs/720p/index.m3u8")]
        {
            let once = made_absolute(text, "https://h", key);
            assert_eq!(made_absolute(&once, "https://h", key), once);
        }
    }

    #[test]
    fn all_uris_are_found() {
        let found = uris(MASTER);
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(uris(MEDIA), ["init.mp4", "seg-00000-1.m4s"]);
    }

    #[test]
    fn keys_are_found_from_where_the_playlist_is() {
        for (uri, key) in [
            ("a/b.m3u8", Some("v/outputs/a/b.m3u8")),
            ("../chapters/c.json", Some("v/chapters/c.json")),
            ("./x", Some("v/outputs/x")),
            ("../../../x", None),
            ("https://h/x", None),
            ("/x", None),
        ] {
            assert_eq!(resolve("v/outputs/master.m3u8", uri).as_deref(), key, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn what_is_named_relatively_is_found_again(
            playlist in "[a-c]{1,2}(/[a-c]{1,2}){0,3}",
            key in "[a-c]{1,2}(/[a-c]{1,2}){0,3}",
        ) {
            prop_assert_eq!(resolve(&playlist, &relative(&playlist, &key)), Some(key));
        }

        #[test]
        fn any_text_keeps_all_but_its_uris(text in "(#EXT[-A-Z:,=\"a]{0,12}|[#a-z/]{0,6}|\r?\n){0,12}") {
            prop_assert_eq!(with_uris(&text, str::to_owned), text);
        }
    }
}
