//! What the tags of an FLV file say of its pictures (Adobe's File Format Specification 10.1, annex E, and
//! the extension that Veovera calls Enhanced RTMP).

/// Bytes of the header, and of the size of the tag before the first.
const HEADER: usize = 9 + 4;
/// Bytes in front of a tag's data, and behind it.
const TAG: (usize, usize) = (11, 4);
/// Type of a tag that holds pictures.
const VIDEO: u8 = 9;
/// Says that a name of four characters follows, where the number of a codec stood before.
const EXTENDED: u8 = 0x80;

/// The name of the codec in the first tag of pictures, where that is an extended one.
pub fn extended_codec(file: &[u8]) -> Option<[u8; 4]> {
    let mut rest = file.strip_prefix(b"FLV").and_then(|_| file.get(HEADER..))?;
    loop {
        let [kind, a, b, c, ..] = rest else { return None };
        let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).ok()?;
        let data = rest.get(TAG.0..)?;
        if kind & 0x1f == VIDEO && length > 0 {
            let [first, name @ ..] = data else { return None };
            return (first & EXTENDED != 0).then(|| name.first_chunk().copied()).flatten();
        }
        rest = data.get(length + TAG.1..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tags: &[(u8, &[u8])]) -> Vec<u8> {
        let mut file = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
        for (kind, data) in tags {
            let [_, length @ ..] = u32::try_from(data.len()).unwrap().to_be_bytes();
            file.push(*kind);
            file.extend(length);
            file.extend([0; 7]);
            file.extend(*data);
            file.extend([0; 4]);
        }
        file
    }

    #[test]
    fn the_first_pictures_tell() {
        let text: (u8, &[u8]) = (18, b"onMetaData");
        let sound: (u8, &[u8]) = (8, b"\xaf\0");
        let named = file(&[text, sound, (9, b"\x90hvc1\0\0")]);
        assert_eq!(extended_codec(&named), Some(*b"hvc1"));
        assert_eq!(extended_codec(&file(&[text, (9, b"\x17\0\0\0\0"), (9, b"\x90hvc1")])), None);
        assert_eq!(extended_codec(&named[..named.len() - 12]), None);
        assert_eq!(extended_codec(b"FLV"), None);
        assert_eq!(extended_codec(b""), None);
    }
}
