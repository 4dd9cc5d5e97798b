//! A movie whose samples lie in another file, as `QuickTime`'s data references say ("Data reference
//! atoms" of the `QuickTime` File Format; `mov_read_dref` of ffmpeg reads the alias records).

use std::path::Path;

/// Boxes on the way to the data references of each track.
const PARENTS: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"dinf"];

/// The movie without its samples, which are looked for in the file at `path`.
pub(crate) fn referring(movie: &[u8], path: &Path) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), movie);
    while let Some((size, _)) = rest.split_first_chunk::<4>() {
        let (one, after) = rest.split_at(u32::from_be_bytes(*size) as usize);
        rest = after;
        let (kind, body) = one[4..].split_at(4);
        let kind: &[u8; 4] = kind.try_into().unwrap();
        let body = match kind {
            b"mdat" | b"free" => continue,
            b"dref" => reference(path),
            kind if PARENTS.contains(&kind) => referring(body, path),
            _ => body.to_vec(),
        };
        out.extend(sized(*kind, &body));
    }
    out
}

/// One data reference: an alias record that holds nothing but an absolute path.
fn reference(path: &Path) -> Vec<u8> {
    const PATH: [u8; 2] = [0, 2];
    const END: [u8; 4] = [0xff, 0xff, 0, 0];
    let mut name = path.to_str().unwrap().as_bytes().to_vec();
    name.resize(name.len().next_multiple_of(2), 0);
    // Names of volume and file, and how far apart their folders are, all empty.
    let mut alias = vec![0; 10 + 1 + 27 + 12 + 1 + 63 + 16 + 4 + 16];
    alias.extend(PATH);
    alias.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
    alias.extend(name);
    alias.extend(END);
    let entry = sized(*b"alis", &[&[0; 4][..], &alias].concat());
    [&[0, 0, 0, 0, 0, 0, 0, 1][..], &entry].concat()
}

fn sized(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&size[..], &kind, body].concat()
}
